"""What the benchmark of the pipeline injects is there, is found, and is counted as what it is; no stack."""

from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest

from coldplate.agents.follow import Seen
from coldplate.console.benching.injecting import APART_S, KINDS, draw
from coldplate.console.benching.looks import Due, Looks
from coldplate.console.benching.pipeline import PARAMETERS, plan
from coldplate.console.benching.production import Cycle, Player
from coldplate.console.benching.stage import stage
from coldplate.console.benching.told import Told, judged, places_of
from coldplate.console.context import Context
from coldplate.streams.evaluate.label import Label
from coldplate.streams.pipeline import Pipeline, Record
from coldplate.twin.faults.check import problem
from coldplate.wire.codec import encode
from coldplate.wire.event import Event
from coldplate.wire.frame import decode_frame
from coldplate.wire.incident import Incident, Severity, State

FIRST = 1_800_000_000


def test_a_long_run_of_a_large_hall_has_faults_enough_and_the_same_again() -> None:
    """At least 20 of 5 kinds; one a rack, half of the racks none, two of a kind apart, all early enough to be found."""
    load = plan(100_000, None, 5, "full", 600)
    faults, inventory = draw(load).faults, load.inventory()
    assert len(faults) >= 20
    assert len({f.kind for f in faults}) >= 5
    assert [] == [said for f in faults if (said := problem(f, inventory))]
    assert len(faults) == len({inventory.rack_of(f.subject) for f in faults})
    within = {k.name: k.within_s for k in KINDS}
    assert all(load.warm_up_s <= f.at_s <= load.length_s - within[f.kind] for f in faults)
    for kind in within:
        times = sorted(f.at_s for f in faults if f.kind == kind)
        assert all(np.diff(times) >= APART_S)
    assert faults == draw(load).faults
    assert faults != draw(plan(100_000, None, 5, "full", 600, seed=2)).faults


@pytest.mark.parametrize(("gpus", "racks", "seconds", "least", "most"), [
    (64, 1, 600, 0, 0), (256, 8, 20, 2, 4), (100_000, None, 5, 1, 5), (100_000, None, 60, 5, 10),
])  # fmt: skip
def test_a_small_hall_or_a_short_run_has_fewer(gpus, racks, seconds, least, most) -> None:
    """At most one for two racks, and none that could not be found in time."""
    assert least <= len(draw(plan(gpus, racks, 5, "full", seconds)).faults) <= most


@pytest.fixture(scope="module")
def small():
    """A hall of 4 racks with 2 nodes each, two of which have a fault within 20 s."""
    load = plan(64, 4, 5, "full", 20, seed=3)
    played = stage(load, "c")
    return load, played, Cycle(load, "c", 7, played.racks)


def test_every_source_sends_all_its_ticks_once_whoever_plays_it(small) -> None:
    """Sequence numbers without a gap; a rack with a fault sends what is played and nothing else."""
    load, played, cycle = small
    player = Player(played, load, "c", 7)
    heads = [decode_frame(f.record).head for _, f in player.frames(1e9, FIRST)]
    assert sum(player.counts()) == len(heads)
    cycled = [
        decode_frame(cycle.frame(n, FIRST)[1].record).head for n in range(cycle.frames_in_all)
    ]
    assert played.racks == {h.rack for h in heads}
    assert set() == played.racks & {h.rack for h in cycled}
    known = {d.id for kind in ("node", "cdu") for d in load.inventory().of_kind(kind)}
    assert known == {h.source for h in heads + cycled}
    for source in {h.source for h in heads}:
        mine = [h for h in heads if h.source == source]
        assert list(range(len(mine))) == [h.seq for h in mine]
        assert all(source.partition("/")[0] == d.partition("/")[0] for h in mine for b in h.blocks for d in b.devices)  # fmt: skip


def test_what_is_injected_is_found_and_nothing_else(small, tmp_path) -> None:
    """The worker's own pipeline over all frames and events, second by second, with the labels that production tells."""
    load, played, cycle = small
    player, sent = Player(played, load, "c", 7), 0
    (tmp_path / "parameters.toml").write_text(PARAMETERS)
    parameters = Context().parameters(str(tmp_path / "parameters.toml"), load.inventory())
    pipeline, told = Pipeline("c", load.inventory(), parameters), Told("incidents", "events")
    for step in range(int(load.length_s) * 2 + 2):
        passed_s = step / 2
        now_ms = int(1000 * (FIRST + passed_s))
        events = list(player.events(passed_s, FIRST))
        for event in events:
            told.take(Seen("events", now_ms, encode(event)))
        effects = pipeline.events(record(event.rack.encode(), encode(event), now_ms) for event in events)  # fmt: skip
        frames = list(player.frames(passed_s, FIRST))
        while sent < cycle.frames_in_all and cycle.due_s(sent) <= passed_s:
            frames.append(cycle.frame(sent, FIRST))
            sent += 1
        effects.incidents += pipeline.frames([record(k, f.record, now_ms) for k, f in frames], now_ms).incidents  # fmt: skip
        for incident in effects.incidents:
            told.take(Seen("incidents", now_ms + 100, encode(incident)))
    assert {} == dict(pipeline.rejected)
    labels = [moved(label) for label in played.labels]
    figures = judged(labels, told, places_of(load.inventory()), FIRST + load.warm_up_s)
    assert (2, 0, 0) == tuple(figures[k] for k in ("injected_faults", "missed_faults", "false_incidents")), figures  # fmt: skip
    assert [True, True] == [f["cause_correct"] for f in figures["faults"]]
    assert all(0 <= f["found_after_s"] < 10 for f in figures["faults"])


def record(key: bytes, value: bytes, now_ms: int) -> Record:
    """As Kafka would give it."""
    return Record("topic", crc32(key) % 4, 0, now_ms, value)


def moved(label: Label) -> Label:
    """By the wall clock."""
    times = ("onset_ms", "visible_ms", "end_ms")
    return replace(label, **{t: 1000 * FIRST + v for t in times if (v := getattr(label, t)) is not None})  # fmt: skip


def incident(name: str, subject: str, kind: str, severity: Severity, opened_ms: int) -> Incident:
    """The first record of one."""
    return Incident("c", name, 0, State.OPEN, kind, subject, subject.partition("/")[0], severity, opened_ms, opened_ms, "", opened_ms)  # fmt: skip


def test_delays_are_of_the_first_record_that_pages_and_what_fits_no_fault_is_false() -> None:
    """An event's incident, a fault that the readings showed before its event, one that nobody found, and two that nobody injected."""
    load = plan(256, 4, 5, "full", 20)
    labels = [
        Label("f0", "gpu-lost", "rack-0000/node-1/gpu-2", 1000, 1000, None, 61_000),
        Label("f1", "burst-leak", "rack-0001/cdu", 2000, 4000, None, 62_000),
        Label("f2", "kinked-hose", "rack-0002/node-0", 3000, 5000, None, 63_000),
    ]
    told = Told("incidents", "events")
    for subject, t_ms in (("rack-0000/node-1/gpu-2", 1000), ("rack-0001/cdu", 9000)):
        told.take(Seen("events", t_ms, encode(Event("x", subject, "", t_ms, "c", "", 1, 0))))
    page, ticket = Severity.CRITICAL, Severity.TICKET
    for at_ms, one in (
        (1250, incident("a", "rack-0000/node-1/gpu-2", "gpu-lost", page, 1000)),
        (5000, incident("b", "rack-0001", "burst-leak", ticket, 4000)),
        (7000, incident("b", "rack-0001/cdu", "burst-leak", page, 4000)),
        (8000, incident("c", "rack-0003/cdu", "pump-stop", page, 7000)),
        (8500, incident("d", "rack-0002/node-0", "unknown", ticket, 2900)),
    ):
        told.take(Seen("incidents", at_ms, encode(one)))
    figures = judged(labels, told, places_of(load.inventory()), 0.0)
    assert [0.25, 3.0, None] == [f["found_after_s"] for f in figures["faults"]]
    assert [0.25, None, None] == [f["event_to_incident_s"] for f in figures["faults"]]
    assert [0.0, 2.0, 2.0] == [f["visible_after_s"] for f in figures["faults"]]
    assert (3, 3, 1, 2, 1) == tuple(
        figures[k] for k in ("injected_faults", "injected_kinds", "missed_faults", "false_incidents", "false_pages")
    )  # fmt: skip
    assert (0.25, 1) == (figures["event_to_incident_p99_s"], figures["events_timed"])
    assert 1.625 == figures["fault_to_incident_p50_s"]


def test_a_storm_is_a_lost_hall_and_short_frames_of_every_source() -> None:
    """After the warm-up no frame holds more than two ticks, and all racks send."""
    load = plan(320, 20, 5, "full", 6, mode="storm")
    played = stage(load, "c")
    player = Player(played, load, "c", 7)
    heads = [decode_frame(f.record).head for _, f in player.frames(1e9, FIRST)]
    onset = FIRST + int(load.warm_up_s)
    assert {1, 2} >= {h.ticks for h in heads if h.tick >= onset} >= {2}
    assert {5} <= {h.ticks for h in heads if h.tick < onset}
    assert load.sources == len({h.source for h in heads})
    assert ("facility-water-loss", "hall") == (played.labels[0].kind, played.labels[0].cause)
    assert 0 == Cycle(load, "c", 7, played.racks).frames_in_all


def test_what_is_due_is_the_cycle_and_what_is_played() -> None:
    """Ten frames in each of five seconds, and six more at each of three ticks."""
    told = {"first_tick": 100, "cycled": [10] * 5, "played": [6, 6, 6], "spread_s": 0.0}
    due = Due.told(told)
    assert 68 == due.in_all
    assert [0, 11, 23, 40, 48, 68] == [round(due.by(t)) for t in (99.5, 100.5, 101.06, 102.2, 103.0, 107.0)]  # fmt: skip
    assert 103.2 == pytest.approx(float(due.when(50.0)))
    pausing = Due.told({"first_tick": 100, "cycled": [10, 0, 0, 10], "played": [], "spread_s": 0.0})
    assert [100.5, 103.0, 103.5] == pytest.approx(pausing.when([5, 10, 15]).tolist())
    assert 0.0 == Looks(pausing, [(102.7, 10)]).lag_at_s(102.7)


def test_who_was_away_is_timed_from_its_return_until_it_has_caught_up() -> None:
    """100 s behind at the return, done at 11 times the rate from 10 s after it: at one second behind after 19.8 s."""
    due = Due.steady(10.0, 3000, 0.0)
    seen = [(t / 10, round(10 * max(100.0, min(t / 10 - 0.9, 100 + 11 * (t / 10 - 210))))) for t in range(2000, 2500)]  # fmt: skip
    looks = Looks(due, seen)
    after_s, ratio = looks.caught_up(200.0, 249.0, 1.0)
    assert after_s == pytest.approx(20.9, abs=0.2)
    assert ratio == pytest.approx((120.0) / after_s, rel=0.02)
    assert looks.caught_up(200.0, 210.0, 1.0)[0] is None
    assert 0.0 == looks.gone_s(230.0, 249.0, 5.0)
    assert looks.gone_s(200.0, 249.0, 5.0) == pytest.approx(20.5, abs=0.3)
    assert looks.gone_s(200.0, 210.0, 5.0) is None
