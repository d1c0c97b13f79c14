"""A backtest on a real ClickHouse: a pump that stopped is found again, or lost by other parameters; marks are scored."""

import json
import time
from datetime import UTC, datetime
from uuid import uuid4

import numpy as np
import pytest
import storing
from click.testing import CliRunner
from frames import record_bytes
from sinks.servers import database

from coldplate.agents.framer import Framer
from coldplate.agents.loop import Loop
from coldplate.console.backtesting.episode import Episode, Recorded
from coldplate.console.backtesting.figures import differences, figures, judge
from coldplate.console.backtesting.heard import Heard
from coldplate.console.backtesting.learnt import known_at
from coldplate.console.backtesting.matching import pair, places_of
from coldplate.console.backtesting.proposed import changes, proposed_parameters
from coldplate.console.backtesting.recorded import NO_MARKS
from coldplate.console.backtesting.run import NOTHING_MARKED, UNCHANGED
from coldplate.console.backtesting.stretch import Stretch
from coldplate.console.commands.backtest import backtest
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, NOT_THERE, Failure
from coldplate.console.past import inventory_of
from coldplate.sinks.batch import Batch, Record
from coldplate.sinks.client import Client
from coldplate.sinks.inventory import store_inventory
from coldplate.sinks.migrate import migrate
from coldplate.streams.evaluate.live import Live
from coldplate.streams.parameters import ParametersError, load_parameters
from coldplate.streams.pipeline import Pipeline
from coldplate.twin.collector import TwinCollector
from coldplate.twin.fault import Fault
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario
from coldplate.wire.action import Action, Outcome, Verb
from coldplate.wire.baseline import Baselines, Block, Learnt, packed
from coldplate.wire.codec import encode
from coldplate.wire.incident import Severity
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind
from coldplate.wire.topic import Topics

CLUSTER, TOPICS = "coldplate", Topics()
CDU, LOST, MUTE = "rack-0001/cdu", "rack-0000/node-1/gpu-3", "rack-0001/node-1"
STOP_S, LOST_S, MUTE_S, SECONDS, WARMUP_S = 130, 190, 210, 260, 60
HALL = Scenario(
    racks=2, nodes=2, load="steps",
    faults=(
        Fault("pump-stop", CDU, float(STOP_S), STOP_S + 40.0, spare_ratio=0.3),
        Fault("xid-79", LOST, float(LOST_S), LOST_S + 20.0),
        Fault("silent-node", MUTE, float(MUTE_S), MUTE_S + 40.0),
    ),
)  # fmt: skip
FINDERS = ("pump1-trip", "pump1-stop", "flow-loss", "node-flow")
"""Detectors that find a stopped pump."""
BLIND = [
    w for d in FINDERS for w in ("--set", f"{d}.on=1e6", "--set", f"{d}.at_once=inf")
]  # fmt: skip
KINDS = {"pump-stop": CDU, "gpu-lost": LOST, "silent-node": MUTE}


class Wire:
    """A publisher whose records are kept for the sink, and reach a worker as they are sent."""

    def __init__(self, live):
        self._live, self.tick_ms, self.sent = live, 0, {}

    def publish(self, topic, key, value, *, urgent=False, first_ms=None):
        self.sent.setdefault(topic, []).append((self.tick_ms, value))
        take = self._live.event if topic == TOPICS.events else self._live.frame
        take(key, value, self.tick_ms)


def write(client, scenario, begin_s, seconds):
    """A hall's samples, events and incidents, through the agent's loop, the worker's pipeline and the sink's inserts."""
    collector = TwinCollector(Hall(scenario))
    inventory = collector.hall.inventory
    live = Live(Pipeline(CLUSTER, inventory))
    wire = Wire(live)
    loop = Loop(collector, Framer(CLUSTER, collector, boot=7), wire, TOPICS)
    for tick in range(begin_s, begin_s + seconds):
        wire.tick_ms = tick * 1000
        loop.tick(tick)
        live.step(wire.tick_ms)
    store_inventory(client, inventory)
    last_ms = wire.tick_ms
    sent = wire.sent | {TOPICS.incidents: [(last_ms, encode(i)) for i in live.incidents]}
    for topic, values in sent.items():
        store(client, topic, values)


def store(client, topic, values):
    """Records with their times, as the sink stores them."""
    records = tuple(Record(topic, 0, n, t_ms, v) for n, (t_ms, v) in enumerate(values))
    batch = Batch(topic, 0, 0, len(records) - 1, records)
    storing.store(client, batch, CLUSTER, uuid4().hex)


class Past:
    """A history of minutes, and the command over it."""

    def __init__(self, client, begin_s):
        self.client, self.begin_s = client, begin_s

    def at(self, second):
        """A time of it, as typed."""
        return datetime.fromtimestamp(self.begin_s + second, UTC).isoformat()

    def told(self, second):
        """A time of it, as told."""
        return datetime.fromtimestamp(self.begin_s + second, UTC).isoformat(timespec="milliseconds")

    def mark(self, incident, outcome, second):
        """What a person said, as the sink stores it."""
        t_ms = (self.begin_s + second) * 1000
        action = Action(CLUSTER, uuid4().hex, t_ms, "ana", Verb.MARK, incident, outcome=outcome)
        store(self.client, TOPICS.actions, [(t_ms, encode(action))])

    def incident(self, kind):
        """Id and opening of the recorded one."""
        ((found, opened),) = self.client.execute(
            "SELECT id, min(opened_at) FROM incidents WHERE kind = %(kind)s GROUP BY id", {"kind": kind}
        )  # fmt: skip
        return found, opened.isoformat(timespec="milliseconds")

    def run(self, *words, begin=WARMUP_S, end=SECONDS, warmup=WARMUP_S):
        """The command's result."""
        times = ("--from", self.at(begin), "--to", self.at(end), "--warmup", str(warmup))
        return CliRunner().invoke(backtest, [*times, *words], obj=Context())

    def result(self, *words, **times):
        """Its JSON."""
        done = self.run(*words, "--json", **times)
        assert 0 == done.exit_code, (done.output, done.exception)
        return json.loads(done.stdout.splitlines()[-1])

    def failure(self, *words, **times):
        """What it says when it cannot."""
        done = self.run(*words, **times)
        assert isinstance(done.exception, Failure), done.output
        return done.exception


@pytest.fixture(scope="module")
def history(clickhouse_url):
    """Minutes of a hall with a stopped pump, a lost GPU and a silent node; and the rollups of a day whose samples are gone."""
    with database(clickhouse_url) as settings, Client(settings) as client:
        migrate(client)
        past = Past(client, int(time.time()) // 60 * 60 - 2 * 3600)
        write(client, HALL, past.begin_s, SECONDS)
        old = past.begin_s - 3 * 86_400
        gpus = {Kind.GPU: ((f"{MUTE}/gpu-0",), {"power_w": 100.0})}
        record = record_bytes(MUTE, "rack-0001", old, 5, gpus, cluster=CLUSTER)
        store(client, TOPICS.frames, [((old + 5) * 1000, record)])
        day = datetime.fromtimestamp(old, UTC).date()
        client.execute(f"ALTER TABLE gpu_samples DROP PARTITION '{day}'")
        yield past


@pytest.fixture
def past(history, monkeypatch):
    """The history as the configured one, without marks."""
    s = history.client.settings
    url = f"clickhouse://{s.user}:{s.password}@{s.host}:{s.port}/{s.database}"
    monkeypatch.setenv("COLDPLATE_CLICKHOUSE", url)
    history.client.execute("TRUNCATE TABLE actions")
    return history


def test_current_settings_say_again_what_the_worker_said(past):
    """The same incidents at the same ticks, from samples, events and silence; nothing is marked, so nothing is scored."""
    result = past.result()
    now = result["current"]
    assert (3, 3, 0, 0) == (now["pages"], now["unmarked"], now["new"], now["further"])
    assert (None, None, None) == (now["precision"], now["recall"], now["lead_time_p50_s"])
    assert {"confirmed": 0, "false": 0, "unmarked": 3} == {
        word: result["recorded"][word] for word in ("confirmed", "false", "unmarked")
    }
    assert (now, [], []) == (result["proposed"], result["differences"], result["parameters"])
    assert {NOTHING_MARKED, UNCHANGED} <= set(result["notes"])
    assert (past.told(WARMUP_S), past.told(SECONDS)) == (result["from"], result["to"])
    # A node of eight was silent for 40 s of 200, and a GPU was lost for 70.
    assert pytest.approx((32 * 200 - 8 * 40) / 86_400, abs=2e-3) == result["gpu_days"]
    assert "fan_ratio" in result["missing"]["gpu"]
    assert "power_w" not in result["missing"]["gpu"]
    assert result["seconds"] > 0
    assert result["gpu_hours_per_cpu_s"] > 0


def test_marks_are_scored_and_what_is_lost_is_listed(past, tmp_path):
    """With limits out of reach the confirmed pump is missed, and named; the last mark of an incident counts."""
    ids = {kind: past.incident(kind) for kind in KINDS}
    past.mark(ids["pump-stop"][0], Outcome.FALSE, 300)
    past.mark(ids["pump-stop"][0], Outcome.CONFIRMED, 301)
    past.mark(ids["gpu-lost"][0], Outcome.FALSE, 302)
    past.mark(ids["silent-node"][0], Outcome.FIXED, 303)
    result = past.result(*BLIND, "--out", str(tmp_path / "out"))
    now, then = result["current"], result["proposed"]
    assert (0.6667, 1.0, 2, 1, 0) == tuple(
        now[k] for k in ("precision", "recall", "confirmed", "false", "missed")
    )
    assert (0.5, 0.5, 1, 1, 1) == tuple(
        then[k] for k in ("precision", "recall", "confirmed", "false", "missed")
    )
    assert (0.0, 0.0) == (now["lead_time_p50_s"], then["lead_time_p50_s"])
    found, opened = ids["pump-stop"]
    lost = {
        "incident": found, "subject": CDU, "kind": "pump-stop", "current": opened, "proposed": None,
        "outcome": "confirmed",
    }  # fmt: skip
    assert [lost] == result["differences"]
    assert {(d, p) for d in FINDERS for p in ("on", "at_once")} == {
        (c["detector"], c["parameter"]) for c in result["parameters"]
    }
    lines = {
        path.stem: [json.loads(line) for line in path.read_bytes().splitlines()]
        for path in (tmp_path / "out").iterdir()
    }
    assert found in {line["id"] for line in lines["incidents-current"]}
    assert found not in {line["id"] for line in lines["incidents-proposed"]}
    assert {found} == {
        line["recorded"]["id"] for line in lines["matching-proposed"] if line["outcome"] == "confirmed"
    }  # fmt: skip


def test_a_person_sees_both_side_by_side(past):
    """A table of both settings, then what is not known: the short stretch has one page, of one rack."""
    words = ("--racks", "rack-0000", "--set", "margin.hold_s=9")
    done = past.run(*words, begin=LOST_S - 10, end=LOST_S + 10, warmup=10)
    assert 0 == done.exit_code, (done.output, done.exception)
    for said in ("current", "proposed", "margin", "pages_per_week", NOTHING_MARKED, "both tell"):
        assert said in done.stdout


def test_a_history_without_actions_says_so(past):
    """Before its migration nobody can have marked anything, and the run goes on."""
    past.client.execute("RENAME TABLE actions TO put_away")
    try:
        result = past.result(begin=100, end=110, warmup=5)
    finally:
        past.client.execute("RENAME TABLE put_away TO actions")
    assert NO_MARKS in result["notes"]
    assert 0 == result["current"]["pages"]


@pytest.mark.parametrize(
    ("given", "toml"),
    [
        ("thermal-pth.limit_k=2", "[thermal-pth]\nlimit_k = 2"),
        ("thermal-path.limit=2", "[thermal-path]\nlimit = 2"),
        ("thermal-path.limit_k=-1", "[thermal-path]\nlimit_k = -1"),
        ("thermal-path.limit_k=much", '[thermal-path]\nlimit_k = "much"'),
        ("margin.off=1e9", "[margin]\noff = 1e9"),
    ],
)
def test_nonsense_is_refused_as_in_a_file(given, toml, tmp_path):
    """Unknown detectors and parameters, and values out of range, in the words of the file of parameters."""
    path = tmp_path / "p.toml"
    path.write_text(toml)
    with pytest.raises(ParametersError) as in_file:
        load_parameters(path)
    with pytest.raises(Failure) as given_so:
        proposed_parameters(None, [given])
    told = str(given_so.value)
    assert ("--set", BAD_INPUT) == (told.partition(": ")[0], given_so.value.exit_code)
    assert str(in_file.value).partition(": ")[2] == told.partition(": ")[2]


@pytest.mark.parametrize("given", ["limit_k=2", "thermal-path.limit_k", "a.b.c.d=1", ".x=1"])
def test_what_is_no_assignment_is_refused(given):
    """One line that shows how it is written."""
    with pytest.raises(Failure, match=r"detector\.parameter=value"):
        proposed_parameters(None, [given])


def test_what_is_set_lies_over_the_file(tmp_path):
    """The file's other values stay, and so does what an override gives itself; every change is listed with its place."""
    path = tmp_path / "p.toml"
    path.write_text(
        "[thermal-path]\nlimit_k = 1.5\nhold_s = 9\n"
        '[[override]]\nrack = "rack-0003"\n[override.thermal-path]\nlimit_k = 3.0\n'
    )
    current = load_parameters(path)
    proposed = proposed_parameters(path, ["thermal-path.limit_k=2", "thermal-path.hold_s=11"])
    assert {
        ("limit_k", "all", 1.5, 2.0), ("hold_s", "all", 9.0, 11.0), ("hold_s", "rack rack-0003", 9.0, 11.0),
    } == {(c["parameter"], c["place"], c["old"], c["new"]) for c in changes(current, proposed)}  # fmt: skip
    with pytest.raises(Failure, match="twice"):
        proposed_parameters(path, ["margin.hold_s=2", "margin.hold_s=3"])


def test_what_cannot_be_run_is_told(past, monkeypatch):
    """Times the wrong way round, no samples and where there are some, samples that are gone, unknown racks, no server."""
    wrong = past.failure(begin=200, end=100)
    assert (BAD_INPUT, True) == (wrong.exit_code, "swap" in str(wrong))
    none = past.failure(begin=SECONDS + 600, end=SECONDS + 1200)
    assert BAD_INPUT == none.exit_code
    assert f"the history has {past.at(0)[:19]} to {past.at(SECONDS - 1)[:19]}" in str(none)
    gone = past.failure(begin=-3 * 86_400)
    assert (BAD_INPUT, True) == (gone.exit_code, "raw samples" in str(gone))
    assert f"--from {past.at(0)[:19]}Z" in str(gone)
    unknown = past.failure("--racks", "rack-0000,rack-9")
    assert (BAD_INPUT, True) == (unknown.exit_code, "no rack rack-9;" in str(unknown))
    monkeypatch.setenv("COLDPLATE_CLICKHOUSE", "clickhouse://default@127.0.0.1:1/coldplate")
    assert NOT_THERE == past.failure().exit_code


def test_what_is_cut_short_is_noted(past):
    """Before the first sample and after the last there is nothing to judge: the result says what it is of."""
    result = past.result(begin=SECONDS - 10, end=SECONDS + 60, warmup=5)
    assert past.told(SECONDS) == result["to"]
    assert f"the history ends at {past.at(SECONDS - 1)[:19]}Z" in result["notes"]


def test_some_racks_are_read_alone(past):
    """Of another rack nothing is asked for; who is silent is so by the history."""
    inventory = inventory_of(past.client, ("rack-0001",))
    heard = Heard(past.client, inventory, 1000, ("rack-0001",))
    names = [source.name for source in heard.sources]
    assert {"rack-0001/cdu", "rack-0001/node-0", MUTE} < set(names)
    samples = heard.sample((past.begin_s + MUTE_S + 20) * 1000)
    assert 8 == heard.gpus
    silent = {n for n, s in zip(names, heard.conditions().silent, strict=True) if s}
    # The whole hall's own meters are of no rack, and read all the same.
    assert {MUTE} == silent - {"hall/plant"}
    assert np.isfinite(samples[Kind.CDU]).any()


def test_baselines_of_later_are_dated_back(past):
    """Averages and lines are taken; what tells of a moment that has not come is left out."""
    begin_ms = (past.begin_s + WARMUP_S) * 1000
    number, age, moment = packed([6.5]), packed([7200.0]), packed([begin_ms + 50_000.0])
    learnt = (
        Learnt("pump1-stop", "flow_lpm", "l/min", number, age, moment),
        Learnt("slow-leak", "then_ms", "ms", moment),
        Learnt("thermal-path", "slope", "", number),
    )
    record = Baselines(CLUSTER, "rack-0001", begin_ms + 60_000, (Block("cdu", (CDU,), learnt),))
    store(past.client, TOPICS.baselines, [(begin_ms + 60_000, encode(record))])
    try:
        known = known_at(past.client, CLUSTER, begin_ms, ())
        before = known_at(past.client, CLUSTER, begin_ms + 90_000, ())
        other = known_at(past.client, CLUSTER, begin_ms, ("rack-0000",))
    finally:
        past.client.execute("TRUNCATE TABLE baselines")
    assert (1, 1) == (known.racks, known.later)
    ((block,),) = [r.blocks for r in known.records]
    assert {"flow_lpm", "slope"} == {entry.name for entry in block.learnt}
    (flow,) = [e for e in block.learnt if e.name == "flow_lpm"]
    assert (6.5, 7200.0, begin_ms) == tuple(
        float(flow.array(what)[0]) for what in ("value", "age_s", "learnt_ms")
    )
    assert (1, 0) == (before.racks, before.later)
    assert 0 == other.racks


NOW_MS = 1_800_000_000_000
PLACES = places_of(generate(2, 2, 2))
STRETCH = Stretch(NOW_MS, NOW_MS + 600_000, NOW_MS + 7_200_000, 1000)


def episode(id_, subject, opened_s, closed_s=None, kind="pump-stop", severity=Severity.WARNING):
    opened_ms = NOW_MS + opened_s * 1000
    closed_ms = None if closed_s is None else NOW_MS + closed_s * 1000
    return Episode(id_, kind, subject, severity, opened_ms, closed_ms)


@pytest.mark.parametrize(
    ("page", "fits"),
    [
        (("rack-0001", 2000, 2100), True),
        (("rack-0001/node-0", 2000, 2100), False),
        (("rack-0000/cdu", 2000, 2100), False),
        (("hall", 2000, 2100), False),
        ((CDU, 1000, 1401), True),
        ((CDU, 1000, 1399), False),
        ((CDU, 2220, None), True),
        ((CDU, 2221, None), False),
    ],
)
def test_a_page_is_of_an_incident_near_in_place_and_time(page, fits):
    """The same subject, below it, or above up to the rack; ten minutes before to two minutes after."""
    recorded = episode("r", CDU, 2000, 2100)
    assert fits == ("r" in pair([recorded], [episode("p", *page)], PLACES).page_of)


def test_one_page_an_incident():
    """The very same incident goes first, then its family, taken or not; on top is further; a ticket counts for slow wear."""
    pump, plate = episode("a", CDU, 2000, 2300), episode("b", CDU, 2000, 2300, "filter-clog")
    said = [
        episode("x", CDU, 1990, 2300), episode("a", CDU, 2000, 2300), episode("y", CDU, 2010, 2300),
        episode("t", CDU, 2020, 2300, "filter-clog", Severity.TICKET),
        episode("u", CDU, 2020, 2300, "pump-stop", Severity.TICKET),
    ]  # fmt: skip
    found = pair([pump, plate], said[:2], PLACES)
    assert {"a": "a"} == {of: page.id for of, page in found.page_of.items()}
    assert [("x", "a")] == [(page.id, of) for page, of in found.further]
    assert {"b": "x"} == {of: p.id for of, p in pair([plate], said[:1], PLACES).page_of.items()}
    found = pair([pump], said, PLACES)
    assert ["x", "y"] == [page.id for page, _ in found.further]
    assert ["t", "u"] == [page.id for page in found.alone]
    assert {"b": "t"} == {of: p.id for of, p in pair([plate], said[3:4], PLACES).page_of.items()}


def test_what_counts_and_what_does_not():
    """Lead time, new pages, and pages that only the warm-up or an incident from before the stretch has."""
    recorded = [
        Recorded(episode("true", CDU, 2000, 2300), "fixed-by"),
        Recorded(episode("false", "rack-0000/cdu", 2000, 2300), "false"),
        Recorded(episode("unsaid", "rack-0000/node-0", 3000, 3300)),
        Recorded(episode("early", "rack-0000/node-1", 100, 900), "confirmed"),
    ]
    current = [episode("true", CDU, 2000, 2300), episode("false", "rack-0000/cdu", 2000, 2300)]
    proposed = [
        episode("p1", CDU, 1940, 2300),
        episode("p2", "rack-0000/node-0", 3000, 3300),
        episode("p3", "rack-0000/node-1", 700, 900),
        episode("p4", "rack-0001/node-1", 4000),
        episode("p5", "rack-0001/node-0", 300, 400),
    ]
    was, then = (judge(recorded, said, PLACES, STRETCH) for said in (current, proposed))
    week_ms = 7 * 86_400_000
    now = figures(was, week_ms)
    assert (0.5, 1.0, 0.0, 2, 2.0) == tuple(
        now[k] for k in ("precision", "recall", "lead_time_p50_s", "pages", "pages_per_week")
    )
    new = figures(then, week_ms // 2)
    assert (1.0, 1.0, 60.0, 3, 6.0) == tuple(
        new[k] for k in ("precision", "recall", "lead_time_p50_s", "pages", "pages_per_week")
    )
    assert (1, 0, 1, 0, 1, 0, 1) == tuple(
        new[k] for k in ("confirmed", "false", "new", "missed", "unmarked", "further", "before")
    )
    listed = differences(was, then, PLACES)
    assert [
        ("false", "false", True, False), ("true", "fixed-by", True, True), ("unsaid", None, False, True),
        ("new", None, False, True),
    ] == [
        (d["incident"], d["outcome"], d["current"] is not None, d["proposed"] is not None)
        for d in listed
    ]  # fmt: skip


def test_the_same_new_page_of_both_is_no_difference():
    """Pages that the history does not have are held against each other."""
    stay, go = episode("s", CDU, 2000, 2100), episode("g", "rack-0000/cdu", 2000, 2100)
    later = episode("l", CDU, 2030, 2100)
    was, same, then = (judge([], said, PLACES, STRETCH) for said in ([stay, go], [stay, go], [later]))  # fmt: skip
    assert [] == differences(was, same, PLACES)
    assert [(CDU, True), ("rack-0000/cdu", False)] == sorted(
        ((d["subject"], d["proposed"] is not None) for d in differences(was, then, PLACES)),
        reverse=True,
    )
