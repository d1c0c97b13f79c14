"""Who sat where, which job ran on what, and the views that join them, against figures worked out by hand."""

import csv
import json
import time
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import storing
from click.testing import CliRunner
from frames import record_bytes
from sinks.servers import database

from coldplate.console.main import cli
from coldplate.sinks.batch import Batch, Record
from coldplate.sinks.client import Client
from coldplate.sinks.inventory import store_inventory
from coldplate.sinks.migrate import migrate
from coldplate.sinks.slots import store_slots
from coldplate.wire.codec import encode
from coldplate.wire.event import Event
from coldplate.wire.incident import Incident, Severity, State
from coldplate.wire.inventory import Inventory, generate
from coldplate.wire.metric import Kind
from coldplate.wire.topic import Topics

pytestmark = pytest.mark.e2e
TOPICS = Topics()
RACK, NODE = "rack-0000", "rack-0000/node-0"
GPUS = tuple(f"{NODE}/gpu-{g}" for g in range(2))
MINUTE = 60
WATTS = 600.0


@pytest.fixture(scope="module")
def client(clickhouse_url):
    with database(clickhouse_url) as settings, Client(settings) as found:
        migrate(found)
        yield found


@pytest.fixture(autouse=True)
def small_hall(client):
    """Every test begins with empty tables and the inventory of a rack with two GPUs."""
    sql = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%%MergeTree'"
    for (name,) in client.execute(sql):
        if name != "migrations":
            client.execute(f"TRUNCATE TABLE `{name}`")
    store_inventory(client, generate(1, 1, 2))


@pytest.fixture
def coldplate(client, monkeypatch):
    """The command, in this process, as the database's owner."""
    s = client.settings
    url = f"clickhouse://{s.user}:{s.password}@{s.host}:{s.port}/{s.database}"
    monkeypatch.setenv("COLDPLATE_CLICKHOUSE", url)
    return lambda *words: CliRunner().invoke(cli, [str(w) for w in words])


def store(client, topic, values, first=0, appended_s=None):
    """As the sink does; Kafka had the records now, or when it is told."""
    appended_ms = int((appended_s or time.time()) * 1000)
    records = tuple(Record(topic, 0, first + n, appended_ms, v) for n, v in enumerate(values))
    batch = Batch(topic, 0, first, first + len(records) - 1, records)
    storing.store(client, batch, "test")


def told(client, *lines):
    """Job events: (GPU, job, state, at s, since s), shared unless said otherwise."""
    values = []
    for seq, (gpu, job, state, at_s, since_s, *alone) in enumerate(lines):
        data = {
            "id": job,
            "state": state,
            "since_ms": since_s * 1000,
            "user": "ada",
            "shared": not alone,
        }
        values.append(
            encode(Event("job", gpu, RACK, at_s * 1000, "test", NODE, 1, seq, 7, job, data))
        )
    store(client, TOPICS.events, values)


def burn(client, begin_s, seconds, gpu_c=75.0):
    """Both GPUs at full power, their water at 40 degrees."""
    values = {Kind.GPU: (GPUS, {"power_w": WATTS, "gpu_c": gpu_c, "margin_c": 87.0 - gpu_c})}
    cdu = {Kind.CDU: ((f"{RACK}/cdu",), {"supply_c": 40.0, "return_c": 48.0, "flow_lpm": 30.0})}
    starts = range(begin_s, begin_s + seconds, MINUTE)
    frames = [record_bytes(NODE, RACK, s, MINUTE, values, seq=n) for n, s in enumerate(starts)]
    frames += [
        record_bytes(f"{RACK}/cdu", RACK, s, MINUTE, cdu, seq=n) for n, s in enumerate(starts)
    ]
    store(client, TOPICS.frames, frames)


def ago(minutes):
    """A whole minute in the past, Unix seconds."""
    return (int(time.time()) // MINUTE - minutes) * MINUTE


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


def spans(client):
    return client.execute("SELECT gpu, job, since, until FROM job_gpus ORDER BY gpu, since, job")


def test_a_swapped_gpu_has_a_history(client):
    """Since when which serial, until when; a second look changes nothing, and an unknown serial is no history."""
    devices = list(generate(1, 1, 2))
    first = Inventory([replace(d, serial="100") if d.id == GPUS[0] else d for d in devices])
    second = Inventory([replace(d, serial="200") if d.id == GPUS[0] else d for d in devices])
    for inventory, at_ms in ((first, 1000), (first, 2000), (second, 3000)):
        store_inventory(client, inventory, at_ms)
    sql = "SELECT slot, serial, since, until FROM inventory_history ORDER BY since"
    assert [(GPUS[0], "100", at(1), at(3)), (GPUS[0], "200", at(3), None)] == client.execute(sql)


def test_what_is_gone_is_gone_but_not_of_another_inventory(client):
    """A rack that an inventory does not name is another's; of its own racks it is the whole truth."""
    both = Inventory(
        [replace(d, serial=f"s/{d.id}") if d.kind == "gpu" else d for d in generate(2, 1, 2)]
    )
    store_inventory(client, both, 1000)
    one = Inventory([d for d in both if d.id != GPUS[0] and not d.id.startswith("rack-0001")])
    store_inventory(client, one, 2000)
    sql = "SELECT slot FROM inventory_history WHERE until IS NULL ORDER BY slot"
    assert [GPUS[1], *(f"rack-0001/node-0/gpu-{g}" for g in range(2))] == [
        r[0] for r in client.execute(sql)
    ]


def test_a_history_that_was_not_written_is_made_up_for(client):
    """A crash after the inventory and before its history: the next call finds what is missing."""
    known = Inventory(
        [replace(d, uuid="GPU-1") if d.id == GPUS[0] else d for d in generate(1, 1, 2)]
    )
    store_inventory(client, known)
    client.execute("TRUNCATE TABLE inventory_changes")
    assert store_inventory(client, known) == 0
    assert client.execute("SELECT slot, uuid FROM inventory_history") == [(GPUS[0], "GPU-1")]
    assert store_slots(client, known, 5000) == 0


def test_what_agents_tell_becomes_unbroken_spans(client):
    """Told twice, by an agent that started anew, or without an end before another job had the GPU alone."""
    t = ago(100)
    told(
        client,
        (GPUS[0], "1", "start", t, t), (GPUS[0], "1", "start", t, t),
        (GPUS[0], "1", "start", t + 300, t + 300), (GPUS[0], "1", "end", t + 900, t),
        (GPUS[1], "2", "start", t, t), (GPUS[1], "3", "start", t + 600, t + 600, "alone"),
    )  # fmt: skip
    assert spans(client) == [
        (GPUS[0], "1", at(t), at(t + 900)),
        (GPUS[1], "2", at(t), at(t + 600)), (GPUS[1], "3", at(t + 600), None),
    ]  # fmt: skip
    sql = "SELECT job, user, gpus, nodes, started, ended FROM jobs ORDER BY job LIMIT 1"
    assert client.execute(sql) == [("1", "ada", 1, [NODE], at(t), at(t + 900))]


def test_a_job_has_the_energy_of_its_gpus_and_time(client):
    """Half a minute counts half, who shares a GPU shares its energy, and nothing is there twice."""
    t = ago(10)
    burn(client, t, 4 * MINUTE)
    told(
        client,
        (GPUS[0], "a", "start", t, t), (GPUS[0], "a", "end", t + 90, t),
        (GPUS[0], "b", "start", t + 90, t + 90), (GPUS[0], "b", "end", t + 180, t + 90),
        (GPUS[1], "c", "start", t, t), (GPUS[1], "c", "end", t + 240, t),
        (GPUS[1], "d", "start", t, t), (GPUS[1], "d", "end", t + 120, t),
    )  # fmt: skip
    sql = "SELECT job, sum(kwh) * 3.6e6, sum(gpu_h) * 3600 FROM energy_by_job GROUP BY job ORDER BY job"
    found = {job: (used_j, gpu_s) for job, used_j, gpu_s in client.execute(sql)}
    expected = {
        "a": (WATTS * 90, 90), "b": (WATTS * 90, 90), "c": (WATTS * (60 + 120), 240), "d": (WATTS * 60, 120),
    }  # fmt: skip
    assert set(found) == set(expected)
    for job, figures in expected.items():
        assert found[job] == pytest.approx(figures), job
    # A GPU's line stays one line, whatever ran on it.
    assert client.execute("SELECT count() FROM gpu_1m") == [(8,)]


def test_a_schedulers_table_adds_jobs_and_doubles_none(client, coldplate, tmp_path):
    """What agents told of the same time is one span with it; a node or a rack stands for its GPUs; again changes nothing."""
    t = ago(100)
    told(client, (GPUS[0], "4711", "start", t, t), (GPUS[0], "4711", "end", t + 600, t))
    path = tmp_path / "jobs.csv"
    path.write_text(
        "job,user,on,start,end\n"
        f"4711,ada,{GPUS[0]},{at(t - 60).isoformat()},{at(t + 540).isoformat()}\n"
        f"4712,ben,{NODE},{at(t + 1200).isoformat()},\n"
    )
    for _ in range(2):
        ran = coldplate("jobs", "import", path, "--json")
        assert {"jobs": 2, "spans": 3} == json.loads(ran.stdout), ran.stderr
    assert spans(client) == [
        (GPUS[0], "4711", at(t - 60), at(t + 600)), (GPUS[0], "4712", at(t + 1200), None),
        (GPUS[1], "4712", at(t + 1200), None),
    ]  # fmt: skip
    listed = json.loads(coldplate("jobs", "list", "--running", "--json").stdout)["jobs"]
    assert [("4712", "ben", 2)] == [(j["job"], j["user"], j["gpus"]) for j in listed]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (["1", "ada", "rack-0000/node-0/gpu-7", "-2h", "-1h"], ["line 3", "gpu-7", "near are"]),
        (["1", "ada", NODE, "-1h", "-2h"], ["line 3", "not after start"]),
        (["1", "ada", NODE, "2026-11-01 10:00 CET", ""], ["line 3", "CET", "offset"]),
        (["", "ada", NODE, "-1h", ""], ["line 3", "no job"]),
    ],
)
def test_a_wrong_table_is_refused_whole(client, coldplate, tmp_path, row, words):
    """File, line, and what is expected; of the good lines before it none is stored."""
    path = tmp_path / "jobs.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [["job", "user", "on", "start", "end"], ["9", "x", NODE, "-3h", "-2h"], row]
        )
    ran = coldplate("jobs", "import", path)
    assert [] == [word for word in [str(path), *words] if word not in str(ran.exception)]
    assert client.execute("SELECT count() FROM job_spans") == [(0,)]


def test_resistance_is_the_rise_over_the_power(client):
    """75 degrees at 600 W over water of 40: 35 K over 600 W; an idle hour says nothing."""
    hour = int(time.time()) // 3600 * 3600 - 2 * 3600
    burn(client, hour, 10 * MINUTE)
    rows = client.execute(
        "SELECT gpu, round(k_per_w, 5), hours FROM thermal_resistance_daily ORDER BY gpu"
    )
    assert rows == [(gpu, round(35 / 600, 5), 1) for gpu in GPUS]
    (flow,) = client.execute("SELECT DISTINCT rack, flow_lpm, round(heat_kw, 2) FROM flow_by_rack")
    assert flow == (RACK, 30.0, round(30 / 60 * 4.18 * 8, 2))


def test_a_forecast_names_the_day_and_puts_the_soonest_first(client, coldplate):
    """A plate that fouls by 1 K at 600 W a day reaches its limit when the rest is used up; the other never does."""
    today = int(time.time()) // 86_400
    for back in range(9, 0, -1):
        start = (today - back) * 86_400 + 6 * 3600
        gpu_c = np.broadcast_to([75.0 - back, 60.0], (2, 2))
        values = {Kind.GPU: (GPUS, {"power_w": WATTS, "gpu_c": gpu_c, "margin_c": 87.0 - gpu_c})}
        cdu = {Kind.CDU: ((f"{RACK}/cdu",), {"supply_c": 40.0})}
        frames = [record_bytes(NODE, RACK, start, 2, values, boot=back)]
        frames.append(record_bytes(f"{RACK}/cdu", RACK, start, 2, cdu, boot=back))
        store(client, TOPICS.frames, frames, 2 * back, start + 2)
    found = json.loads(coldplate("forecast", "--power-w", WATTS, "--json").stdout)["forecasts"]
    assert [GPUS[0], GPUS[1]] == [f["gpu"] for f in found]
    # Yesterday 74 degrees; the limit of 87 is 13 days on.
    day = datetime.fromtimestamp((today - 1 + 13) * 86_400, UTC).date().isoformat()
    assert (day, day, day, 87.0, 40.0) == tuple(
        found[0][k] for k in ("day", "earliest", "latest", "limit_c", "supply_c")
    )
    assert (None, 9) == (found[1]["day"], found[1]["days"])
    warmer = json.loads(
        coldplate("forecast", RACK, "--power-w", WATTS, "--supply-c", 45, "--json").stdout
    )
    assert warmer["forecasts"][0]["day"] < day
    assert "near are rack-0000" in str(coldplate("forecast", "rack-0009").exception)
    few = json.loads(coldplate("forecast", "--days", 5, "--json").stdout)
    assert sorted(GPUS) == few["too_few_days"]


def test_planned_minutes_are_no_outage(client, coldplate):
    """Of half an hour a GPU was seen in 20 minutes; with the other 10 planned it was there all the time. The last five minutes do not count yet."""
    t = ago(30 + 5)
    burn(client, t, 20 * MINUTE)
    total = "SELECT DISTINCT round(sum(seen_minutes) / sum(expected - planned_minutes), 2) FROM availability GROUP BY gpu"
    assert client.execute(total) == [(0.67,)]
    ran = coldplate(
        "maintenance", "add", RACK, "--from", at(t + 20 * MINUTE).isoformat(), "--to", at(t + 60 * MINUTE).isoformat(),
    )  # fmt: skip
    assert ran.exit_code == 0, ran.exception
    assert client.execute(total) == [(1.0,)]
    (line,) = json.loads(coldplate("maintenance", "list", "--json").stdout)["maintenance"]
    assert RACK == line["subject"]
    ran = coldplate("maintenance", "add", RACK, "--from", "-1h", "--to", "-2h")
    assert "not before" in str(ran.exception)


def test_who_is_the_cause_again_and_again_is_a_lemon(client):
    """Two incidents within 30 days, whatever became of them; one, or what only informs, is none."""
    now_ms = int(time.time() * 1000)
    plan = [(GPUS[0], "warning"), (GPUS[0], "ticket"), (GPUS[1], "warning"), (GPUS[1], "info")]
    store(client, TOPICS.incidents, [
        encode(Incident(
            "test", f"i{n}", 0, State.OPEN, "ecc-storm", gpu, RACK, Severity(severity), now_ms - n, now_ms, "x", now_ms
        ))
        for n, (gpu, severity) in enumerate(plan)
    ])  # fmt: skip
    assert client.execute("SELECT id, device_kind, incidents, pages FROM lemons") == [
        (GPUS[0], "gpu", 2, 1)
    ]


def test_the_ledger_explains_every_frame(client):
    """Produced are stored, dropped by the agent with a count, or refused with a reason; what is left is unexplained."""
    t = ago(20)
    dropped = {Kind.NODE: ((NODE,), {"dropped_frames_total": 1.0})}
    frames = [record_bytes(NODE, RACK, t + n, 1, dropped, seq=n) for n in (0, 1, 4)]
    store(client, TOPICS.frames, [*frames, b"rubbish"])
    rows = client.execute(
        "SELECT source, produced, stored, reason, dropped, unexplained FROM ledger ORDER BY source"
    )
    assert rows == [("", 1, 0, "not-messagepack", 1, 0), (NODE, 5, 3, "agent", 1, 1)]
