"""One cause, one incident: by anomalies as the detectors give them, and an engine that lets time pass."""

from dataclasses import dataclass, field

import pytest
from frames import record_bytes

from coldplate.streams.correlate import Correlator
from coldplate.streams.engine import Engine
from coldplate.wire.event import Event
from coldplate.wire.frame import decode_frame
from coldplate.wire.incident import Anomaly, Evidence, Incident, Severity, State
from coldplate.wire.metric import Kind

T0 = 1_790_000_000
PUMP = ("pump1-stop", "pump-stop", "pump1_rpm")
FLOW = ("flow-loss", "flow-loss", "flow_lpm")
MARGIN = ("margin", "unknown", "margin_c")
BRAKE = ("power-brake", "power-brake", "clock_event_reasons")
SILENT = ("silence", "silent-node", "silent_s")


@dataclass
class World:
    """An engine whose time the test moves, its correlator, and all records so far."""

    engine: Engine = field(default_factory=lambda: Engine("test", detectors=[]))
    records: list[Incident] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.correlator = Correlator(self.engine)

    def at(self, t_s: int, *anomalies: Anomaly) -> list[Incident]:
        values = {Kind.HALL: (("hall",), {"grid_hz": 50.0})}
        clock = record_bytes("hall", "", T0 + t_s, 1, values)
        self.engine.feed([decode_frame(clock)], 0)
        out = self.correlator.update(anomalies)
        self.records += out
        return out

    def xid(self, t_s: int, gpu: str, code: int) -> list[Incident]:
        return self.happens(t_s, "xid", gpu, code)

    def happens(self, t_s: int, kind: str, gpu: str, code: int | None = None) -> list[Incident]:
        event = Event(kind, gpu, "r", (T0 + t_s) * 1000, "test", "r/node-0", 1, t_s, code=code)
        out = self.correlator.event(event)
        self.records += out
        return out

    @property
    def ids(self) -> list[str]:
        """In order of appearance."""
        return list(dict.fromkeys(r.id for r in self.records))


def change(
    what: tuple[str, str, str], subject: str, t_s: int, *, on: bool = True, baseline: float | None = None
) -> Anomaly:  # fmt: skip
    detector, kind, metric = what
    t_ms, rack = (T0 + t_s) * 1000, subject.partition("/")[0]
    evidence = Evidence(detector, subject, metric, t_ms, 1.0, 2.0, baseline)
    return Anomaly(
        "test", detector, kind, subject, rack, t_ms, on, Severity.WARNING, evidence, arrived_ms=0
    )


def test_a_gpu_that_complains_first_and_its_pump_are_one_incident() -> None:
    """The cause is reassigned to the CDU, the id stays that of the first."""
    world = World()
    (first,) = world.at(0, change(MARGIN, "r/node-0/gpu-3", 0))
    assert ("unknown", "r/node-0/gpu-3") == (first.kind, first.subject)
    world.at(1, change(FLOW, "r/cdu", 1, baseline=64.0))
    (last,) = world.at(2, change(PUMP, "r/cdu", 2, baseline=3000.0))
    assert ("pump-stop", "r/cdu") == (last.kind, last.subject)
    assert [first.id] == world.ids
    assert "Pump 1 of r/cdu stopped" in last.cause
    assert {"pump1-stop", "flow-loss"} <= {e.detector for e in last.evidence}
    assert last.opened_ms == first.opened_ms


def test_a_less_precise_anomaly_does_not_rename_the_cause() -> None:
    """The pump stays the cause when flow and GPUs complain after it."""
    world = World()
    world.at(0, change(PUMP, "r/cdu", 0))
    world.at(1, change(FLOW, "r/cdu", 1), change(MARGIN, "r/node-0/gpu-3", 1))
    assert {("pump-stop", "r/cdu")} == {(r.kind, r.subject) for r in world.records}
    assert 1 == len(world.ids)


def test_what_gpus_have_in_common_is_named_while_the_cause_is_not_known() -> None:
    """One GPU, one node, the rack."""
    world = World()
    world.at(0, change(MARGIN, "r/node-0/gpu-3", 0))
    world.at(1, change(MARGIN, "r/node-0/gpu-4", 1))
    world.at(2, change(MARGIN, "r/node-5/gpu-0", 2))
    assert ["r/node-0/gpu-3", "r/node-0", "r"] == [r.subject for r in world.records]
    assert 1 == len(world.ids)


def test_two_racks_are_two_incidents() -> None:
    """Each with its own CDU."""
    world = World()
    world.at(0, change(PUMP, "r/cdu", 0), change(PUMP, "s/cdu", 0))
    assert 2 == len(world.ids)
    assert {"r/cdu", "s/cdu"} == {r.subject for r in world.records}


def test_it_closes_when_nothing_has_held_for_five_seconds() -> None:
    """The last to clear counts, and nothing closes while one holds."""
    world = World()
    world.at(0, change(PUMP, "r/cdu", 0), change(FLOW, "r/cdu", 0))
    world.at(60, change(PUMP, "r/cdu", 60, on=False))
    world.at(70, change(FLOW, "r/cdu", 70, on=False))
    assert [] == world.at(74)
    (closed,) = world.at(75)
    assert (State.CLOSED, (T0 + 75) * 1000) == (closed.state, closed.closed_ms)
    assert 0 == len(world.correlator.open_cases)


def test_the_same_trouble_within_a_minute_is_the_same_incident() -> None:
    """It reopens under its id; more than a minute after it closed it is a new one."""
    world = World()
    for t in range(200):
        begins, ends = t in (0, 60, 150), t in (5, 65, 155)
        world.at(t, *[change(PUMP, "r/cdu", t, on=begins)] * (begins or ends))
    states = [(world.ids.index(r.id), r.state.value) for r in world.records]
    expected = [(0, "open"), (0, "closed"), (0, "open"), (0, "closed"), (1, "open"), (1, "closed")]
    assert expected == states
    assert world.records[2].why.startswith("reopened")
    assert [0, 1, 2, 3] == [r.step for r in world.records[:4]]


def test_a_worker_that_lags_does_not_reopen_what_is_long_over() -> None:
    """Event time decides, not how often somebody looked."""
    world = World()
    world.at(0, change(PUMP, "r/cdu", 0))
    world.at(5, change(PUMP, "r/cdu", 5, on=False))
    world.at(10)
    world.at(200, change(PUMP, "r/cdu", 200))
    assert 2 == len(world.ids)


def test_a_power_brake_on_many_gpus_is_one_incident() -> None:
    """With each of them as evidence; those that come later too."""
    world = World()
    gpus = [f"r/node-{n}/gpu-{g}" for n in range(8) for g in range(8)]
    world.at(0, *[change(BRAKE, g, 0) for g in gpus[:40]])
    (last,) = world.at(1, *[change(BRAKE, g, 1) for g in gpus[40:]])
    assert 1 == len(world.ids)
    assert set(gpus) == {e.subject for e in last.evidence}
    assert "64 GPUs of r" in last.cause


def test_a_brake_and_a_pump_in_one_rack_are_two_causes() -> None:
    """Power and water do not share one."""
    world = World()
    world.at(0, change(BRAKE, "r/node-0/gpu-0", 0), change(PUMP, "r/cdu", 0))
    assert {"power-brake", "pump-stop"} == {r.kind for r in world.records}
    assert 2 == len(world.ids)


def test_xids_of_one_gpu_are_grouped_until_three_minutes_of_silence() -> None:
    """The same code again is the same incident; it closes three minutes after the last."""
    world = World()
    world.at(0)
    for t in (0, 100, 200):
        assert [State.OPEN] == [r.state for r in world.xid(t, "r/node-0/gpu-1", 31)]
        world.at(t)
    assert [] == world.at(379)
    (closed,) = world.at(380)
    assert State.CLOSED is closed.state
    assert 1 == len(world.ids)
    assert "XID 31 on r/node-0/gpu-1" in closed.cause


def test_a_repeated_xid_moves_the_incident_on() -> None:
    """Its record says when it last changed."""
    world = World()
    world.xid(0, "r/node-0/gpu-1", 31)
    (again,) = world.xid(100, "r/node-0/gpu-1", 31)
    assert (T0 + 100) * 1000 == again.updated_ms


def test_a_burst_of_xids_of_a_node_is_one_incident() -> None:
    """Named by what has to be done, not by what came first; the GPUs that follow are part of it."""
    world = World()
    for t, gpu, code in ((0, "r/n/0", 94), (1, "r/n/0", 48), (2, "r/n/1", 45), (100, "r/n/0", 43)):
        world.xid(t, gpu, code)
        world.at(t)
    assert 1 == len(world.ids)
    assert ("xid-48", "r/n/0") == (world.records[-1].kind, world.records[-1].subject)
    assert "XID 48 on r/n/0" in world.records[-1].cause
    assert "also XID 43, 45, 94" in world.records[-1].cause


def test_a_gpu_that_breaks_is_no_part_of_anothers_application_error() -> None:
    """Somebody is called for it, by an incident of its own."""
    world = World()
    world.xid(0, "r/n/0", 31)
    world.xid(60, "r/n/1", 79)
    assert 2 == len(world.ids)
    assert [Severity.INFO, Severity.WARNING] == [r.severity for r in world.records]


def test_xids_of_two_nodes_are_two_incidents() -> None:
    """Each names its own."""
    world = World()
    for gpu in ("r/n/0", "r/m/0"):
        world.xid(0, gpu, 48)
    assert 2 == len(world.ids)


def test_a_lost_gpu_is_lost_whatever_the_xid() -> None:
    """Whichever comes first; and it ends when the GPU is back and the XIDs are quiet."""
    for order in (("xid", "gpu_lost"), ("gpu_lost", "xid")):
        world = World()
        for t, kind in enumerate(order):
            world.happens(t, kind, "r/n/0", 79 if kind == "xid" else None)
        assert 1 == len(world.ids)
        assert "gpu-lost" == world.records[-1].kind
        assert "XID 79" in world.records[-1].cause
        assert world.records[-1].severity.pages


@pytest.mark.parametrize(
    ("kind", "subject", "fault"),
    [("gpu_lost", "r/n/0", "gpu-lost"), ("leak", "r/cdu", "slow-leak"),
     ("power_brake", "r", "power-brake"), ("needs_reset", "r/n/0", "unknown"),
     ("sink_lag", "coldplate-sink", "unknown")],
)  # fmt: skip
def test_urgent_events_page_at_once(kind, subject, fault):
    """They do not wait for a frame."""
    world = World()
    (record,) = world.happens(0, kind, subject)
    assert (fault, subject, True) == (record.kind, record.subject, record.severity.pages)
    assert not world.happens(0, "job", subject)


def test_an_incident_taken_over_stays_open_while_its_cause_holds() -> None:
    """A node that was silent before the restart, and is still, has not come back."""
    world = World()
    (opened,) = world.at(0, change(SILENT, "r/node-0", 0))
    after = World()
    after.correlator.restore([opened])
    for t in range(1, 60):
        after.at(t)
    assert [] == [r for r in after.records if r.state is State.CLOSED]


def test_an_incident_taken_over_keeps_its_sentence() -> None:
    """The pump that stopped is still named, with the evidence of the record taken over."""
    world = World()
    world.at(0, change(PUMP, "r/cdu", 0, baseline=3000.0), change(FLOW, "r/cdu", 0, baseline=64.0))
    after = World()
    after.correlator.restore([world.records[-1]])
    (record,) = after.at(1, change(MARGIN, "r/node-0/gpu-3", 1))
    assert "Pump 1 of r/cdu stopped" in record.cause
    assert {"pump1-stop", "flow-loss"} <= {e.detector for e in record.evidence}
    assert world.ids == after.ids


def test_a_closed_incident_is_not_taken_over() -> None:
    """The next trouble is a new incident."""
    world = World()
    world.at(0, change(PUMP, "r/cdu", 0))
    world.at(5, change(PUMP, "r/cdu", 5, on=False))
    world.at(10)
    after = World()
    after.correlator.restore([world.records[-1]])
    assert 0 == len(after.correlator.open_cases)


def test_the_id_is_a_pure_function_of_the_first_anomaly() -> None:
    """The same first subject, kind and tick give the same id in another worker."""
    ids = set()
    for later in (FLOW, MARGIN):
        world = World()
        world.at(0, change(PUMP, "r/cdu", 0))
        world.at(1, change(later, "r/cdu", 1))
        ids |= set(world.ids)
    assert 1 == len(ids)


def test_a_change_that_nobody_waits_for_opens_nothing() -> None:
    """A detector that falls silent after a restart, without an incident."""
    world = World()
    assert [] == world.at(0, change(PUMP, "r/cdu", 0, on=False))
    assert [] == world.at(60)
