"""One cause, one incident, whatever the order in which its anomalies come and whoever is restarted in between."""

from dataclasses import dataclass, field

import pytest
from frames import record_bytes
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from coldplate.streams.correlate import Correlator
from coldplate.streams.engine import Engine
from coldplate.wire.frame import decode_frame
from coldplate.wire.incident import Anomaly, Evidence, Incident, Severity, State
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind

T0 = 1_790_000_000
FLEET = generate(40, 8, 2)
CDU, RACK, NODE, GPU = (f"rack-0003{d}" for d in ("/cdu", "", "/node-5", "/node-5/gpu-1"))


@dataclass
class World:
    """A hall of two rows whose time the test moves."""

    engine: Engine = field(default_factory=lambda: Engine("test", FLEET, detectors=[]))
    records: list[Incident] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.correlator = Correlator(self.engine)

    def at(self, t_s: float, *anomalies: Anomaly) -> list[Incident]:
        values = {Kind.HALL: (("hall",), {"grid_hz": 50.0})}
        self.engine.feed([decode_frame(record_bytes("plant", "hall", T0 + int(t_s), 1, values))], 0)
        out = self.correlator.update(anomalies)
        self.records += out
        return out

    def restart(self) -> "World":
        """Another worker takes over what is open."""
        after = World()
        after.correlator.restore(list(self.last.values()))
        after.records = list(self.records)
        return after

    @property
    def last(self) -> dict[str, Incident]:
        """The last record of each incident."""
        return {r.id: r for r in self.records}

    @property
    def open(self) -> list[Incident]:
        return [i for i in self.last.values() if i.state is State.OPEN]


def told(kind: str, subject: str, t_s: float = 0, *, on: bool = True, detector: str = "",
         severity: Severity = Severity.WARNING) -> Anomaly:  # fmt: skip
    """What a detector says."""
    rack = FLEET.rack_of(subject) if subject in FLEET else ""
    evidence = Evidence(detector or f"by-{kind}", subject, "x", int((T0 + t_s) * 1000), 1.0, 2.0)
    return Anomaly(
        "test", detector or f"by-{kind}", kind, subject, rack, int((T0 + t_s) * 1000), on, severity, evidence,
    )  # fmt: skip


GPUS = [f"rack-0003/node-{n}/gpu-{g}" for n in range(8) for g in range(2)]
HOT = [told("unknown", g, detector="margin") for g in GPUS]
CAUSES = {
    "pump-stop": (CDU, [told("flow-loss", CDU), told("cavitation", CDU), told("cold-plate-fouling", GPU), *HOT]),
    "filter-clog": (CDU, [told("pump-wear", CDU), told("flow-loss", CDU), told("kinked-hose", NODE), *HOT[:3]]),
    "burst-leak": (CDU, [told("slow-leak", CDU), told("flow-loss", CDU), told("slow-leak", CDU, detector="leak-contact")]),
    "sensor-drift": (CDU, [told("exchanger-fouling", CDU), *(told("paste-pump-out", g) for g in GPUS)]),
    "flow-sensor-drift": (CDU, [told("flow-loss", CDU)]),
    "kinked-hose": (NODE, [told("paste-pump-out", f"{NODE}/gpu-0"), told("unknown", GPU, detector="margin")]),
    "clock-skew": (NODE, [told("silent-node", NODE, detector="silence"), told("gpu-sensor-stuck", GPU), told("straggler", GPU)]),
    "feed-loss": (RACK, [told("psu-loss", NODE), told("power-brake", GPU), told("capping-storm", RACK)]),
    "gpu-lost": (GPU, [told("xid-79", GPU), told("silent-gpu", GPU), told("hung-gpu", GPU), told("xid-45", GPU)]),
    "ecc-uncorrectable": (GPU, [told("xid-94", GPU), told("unknown", GPU, detector="residual")]),
    "paste-pump-out": (GPU, [told("unknown", GPU, detector="margin"), told("straggler", GPU)]),
    "leak-sensor-false": (CDU, [told("slow-leak", CDU, detector="leak-contact")]),
}  # fmt: skip
"""Causes with what they do."""


@pytest.mark.parametrize("kind", CAUSES)
def test_a_cause_and_what_it_does_are_one_incident(kind):
    """In one second, in any order: one incident, named after the cause."""
    subject, consequences = CAUSES[kind]
    for anomalies in ([told(kind, subject), *consequences], [*consequences, told(kind, subject)]):
        world = World()
        world.at(0, *anomalies)
        (incident,) = world.last.values()
        assert (kind, subject) == (incident.kind, incident.subject)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_order_within_a_second_does_not_matter(data):
    """The same records, whatever the order of arrival."""
    kind = data.draw(st.sampled_from(sorted(CAUSES)))
    subject, consequences = CAUSES[kind]
    anomalies = [told(kind, subject), *consequences]
    expected, got = World(), World()
    expected.at(0, *anomalies)
    got.at(0, *data.draw(st.permutations(anomalies)))
    assert expected.records == got.records


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_whatever_follows_a_cause_is_part_of_its_incident(data):
    """In any order over a minute, with whoever is restarted in between: one id, one name, nothing closes or opens anew."""
    kind = data.draw(st.sampled_from(sorted(CAUSES)))
    subject, consequences = CAUSES[kind]
    order = data.draw(st.permutations(consequences))
    times = sorted(
        data.draw(st.lists(st.integers(1, 50), min_size=len(order), max_size=len(order)))
    )
    restarts = data.draw(st.sets(st.integers(1, 50), max_size=3))
    world = World()
    world.at(0, told(kind, subject))
    for t in range(1, 52):
        if t in restarts:
            world = world.restart()
        due = [shifted(a, t) for a, at in zip(order, times, strict=True) if at == t]
        world.at(t, *due)
    assert 1 == len(world.last)
    (incident,) = world.open
    assert (kind, subject) == (incident.kind, incident.subject)
    assert [r.step for r in world.records] == sorted({r.step for r in world.records})


def shifted(anomaly: Anomaly, t_s: int) -> Anomaly:
    """The same at another time."""
    t_ms = (T0 + t_s) * 1000
    return replace(anomaly, t_ms=t_ms, evidence=replace(anomaly.evidence, t_ms=t_ms))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_cause_that_is_seen_late_takes_what_it_did_to_itself(data):
    """It may show in GPUs first: in the end one incident is open, under the first id, and the others say where they went."""
    kind = data.draw(st.sampled_from(sorted(CAUSES)))
    subject, consequences = CAUSES[kind]
    before = data.draw(st.permutations(consequences))
    world = World()
    for t, anomaly in enumerate(before):
        world.at(t, shifted(anomaly, t))
    first = world.records[0].id
    world.at(len(before), shifted(told(kind, subject), len(before)))
    (incident,) = world.open
    assert (first, kind, subject) == (incident.id, incident.kind, incident.subject)
    for other in world.last.values():
        assert other is incident or f"part of incident {first}" == other.why


def test_what_was_wrong_before_is_no_consequence():
    """A plate that was fouled an hour before the pump stopped is an incident of its own."""
    world = World()
    world.at(0, told("cold-plate-fouling", GPU, severity=Severity.TICKET))
    world.at(3600, shifted(told("pump-stop", CDU), 3600))
    assert {"cold-plate-fouling", "pump-stop"} == {i.kind for i in world.open}


def test_what_begins_long_after_is_no_consequence():
    """A hose that is kinked while the rack's filter has been clogging for an hour."""
    world = World()
    world.at(0, told("filter-clog", CDU, severity=Severity.TICKET))
    world.at(3600, shifted(told("kinked-hose", NODE), 3600))
    assert {"filter-clog", "kinked-hose"} == {i.kind for i in world.open}


def test_wear_that_ends_in_a_loss_of_flow_is_the_same_incident_and_pages_then():
    """The ticket becomes a page when it begins to hurt."""
    world = World()
    (ticket,) = world.at(0, told("filter-clog", CDU, severity=Severity.TICKET))
    world.at(86_400, shifted(told("flow-loss", CDU, severity=Severity.CRITICAL), 86_400))
    (incident,) = world.open
    assert (ticket.id, "filter-clog") == (incident.id, incident.kind)
    assert (Severity.TICKET, Severity.CRITICAL) == (ticket.severity, incident.severity)


@pytest.mark.parametrize(
    ("racks", "place"), [(range(20), "row-0"), (range(40), "hall"), ((3,), "rack-0003/cdu")]
)
def test_facility_water_loss_is_one_incident_of_the_place_that_has_it(racks, place):
    """Over all racks of a row or hall; of one rack it is that CDU's."""
    world = World()
    for t, rack in enumerate(racks):
        world.at(t / 10, shifted(told("facility-water-loss", f"rack-{rack:04d}/cdu"), t // 10))
    (incident,) = world.open
    assert place == incident.subject
    assert 1 == len(world.last)


def test_hundred_thousand_gpus_without_water_are_one_incident():
    """And its record stays a record."""
    fleet = generate(60, 8, 8)
    engine = Engine("test", fleet, detectors=[])
    correlator = Correlator(engine)
    racks = [d.id for d in fleet.of_kind("rack")]
    anomalies = [told("facility-water-loss", f"{r}/cdu") for r in racks]
    anomalies += [told("unknown", d.id, detector="margin") for d in fleet.of_kind("gpu")]
    (record,) = correlator.update([with_rack(a) for a in anomalies])
    assert ("facility-water-loss", "hall", Severity.CRITICAL) == (
        record.kind,
        record.subject,
        record.severity,
    )
    assert len(record.affected) <= 1024
    assert len(record.evidence) <= 1024
    assert len(record.why) < 1000


def with_rack(anomaly: Anomaly) -> Anomaly:
    return replace(anomaly, rack=anomaly.subject.partition("/")[0])


def test_two_racks_with_the_same_own_trouble_are_two_incidents_and_three_are_one():
    """Pumps do not fail together by chance."""
    world = World()
    world.at(0, told("pump-stop", "rack-0001/cdu"), told("pump-stop", "rack-0002/cdu"))
    assert 2 == len(world.open)
    world.at(10, shifted(told("pump-stop", "rack-0003/cdu"), 10))
    (incident,) = world.open
    assert ("pump-stop", "row-0") == (incident.kind, incident.subject)
    merged = [i for i in world.last.values() if i.state is State.CLOSED]
    assert [f"part of incident {incident.id}"] == [i.why for i in merged]


def silent(rack: int, *sources: str, t_s: int = 0) -> list[Anomaly]:
    return [
        told("silent-cdu" if s == "cdu" else "silent-node", f"rack-{rack:04d}/{s}", t_s, detector="silence")
        for s in sources
    ]  # fmt: skip


NODES = tuple(f"node-{n}" for n in range(8))


@pytest.mark.parametrize(
    ("anomalies", "kind", "subject"),
    [
        (silent(3, "node-5"), "silent-node", "rack-0003/node-5"),
        (silent(3, "cdu"), "silent-cdu", "rack-0003/cdu"),
        (silent(3, *NODES, "cdu"), "silent-rack", "rack-0003"),
        ([a for r in range(20) for a in silent(r, *NODES, "cdu")], "partition", "row-0"),
        ([a for r in range(40) for a in silent(r, *NODES, "cdu")], "silent-hall", "hall"),
    ],
)
def test_silence_is_told_apart(anomalies, kind, subject):
    """Of a node, a CDU, a rack, a row's switch, the hall; also when it is noticed one after the other."""
    for step in (1, len(anomalies)):
        world = World()
        for i in range(0, len(anomalies), step):
            world.at(0, *anomalies[i : i + step])
        (incident,) = world.open
        assert (kind, subject) == (incident.kind, incident.subject)


def test_two_nodes_that_fall_silent_a_minute_apart_are_two_incidents():
    """What they share is not told by that."""
    world = World()
    world.at(0, *silent(3, "node-1"))
    world.at(60, *silent(3, "node-5", t_s=60))
    assert 2 == len(world.open)


def test_a_rack_that_worked_on_had_been_cut_off():
    """It is a partition as soon as what it had kept comes."""
    world = World()
    world.at(0, *silent(3, *NODES, "cdu"))
    back = [replace_note(a) for a in silent(3, *NODES, "cdu", t_s=60)]
    world.at(60, *back)
    (incident,) = world.open
    assert ("partition", "rack-0003") == (incident.kind, incident.subject)


def replace_note(anomaly: Anomaly) -> Anomaly:
    return replace(
        anomaly, on=False, evidence=replace(anomaly.evidence, note="sends what it had kept")
    )


def test_a_brake_that_is_pulled_on_a_rack_grows_from_gpu_to_rack():
    """The subject is what all have in common."""
    world = World()
    subjects = []
    for t, gpu in enumerate((GPUS[0], GPUS[1], GPUS[15])):
        subjects.append(world.at(t, shifted(told("power-brake", gpu), t))[-1].subject)
    assert ["rack-0003/node-0/gpu-0", "rack-0003/node-0", "rack-0003"] == subjects


def test_a_worker_that_takes_over_closes_what_ends_and_nothing_else():
    """The pump's anomaly ends after the restart; the hose's holds."""
    world = World()
    world.at(
        0, told("pump-stop", CDU, detector="pump1-stop"), told("kinked-hose", "rack-0007/node-1")
    )
    world = world.restart()
    world.at(10, shifted(told("pump-stop", CDU, detector="pump1-stop", on=False), 10))
    for t in range(11, 100):
        world.at(t)
    assert ["kinked-hose"] == [i.kind for i in world.open]
    assert 2 == len(world.last)


def test_what_is_open_is_bounded_and_pages_are_never_dropped():
    """Beyond the bound tickets are counted."""
    world = World()
    world.correlator = Correlator(world.engine, cases_max=3)
    racks = [f"rack-{r:04d}" for r in range(0, 40, 8)]
    for t, rack in enumerate(racks):
        at = 300 * t
        world.at(at, shifted(told("filter-clog", f"{rack}/cdu", severity=Severity.TICKET), at))
    assert 3 == len(world.open)
    assert 2 == world.correlator.counts["dropped"]
    world.at(2000, shifted(told("pump-stop", "rack-0039/cdu"), 2000))
    assert 4 == len(world.open)


def unnamed(subject: str, t_s: float, *, on: bool = True) -> Anomaly:
    """What a general method says: this one is unlike itself."""
    return told("unknown", subject, t_s, on=on, detector="unlike-peers", severity=Severity.TICKET)


def test_what_was_unlike_itself_is_evidence_of_the_cause_that_is_found_later():
    """The ticket closes and says where it went; who is called is called for what was found."""
    world = World()
    world.at(0, unnamed(GPU, 0))
    world.at(600, told("straggler", GPU, 600))
    ticket, incident = sorted(world.last.values(), key=lambda i: i.opened_ms)
    assert ("unknown", State.CLOSED) == (ticket.kind, ticket.state)
    assert incident.id in ticket.cause
    assert ("straggler", Severity.WARNING) == (incident.kind, incident.severity)
    assert {"by-straggler", "unlike-peers"} == {e.detector for e in incident.evidence}


def test_what_was_unlike_itself_a_moment_before_is_the_same_incident():
    """It pages under the ticket's id."""
    world = World()
    world.at(0, unnamed(GPU, 0))
    world.at(30, told("straggler", GPU, 30))
    (incident,) = world.last.values()
    assert ("straggler", Severity.WARNING) == (incident.kind, incident.severity)


def test_a_cause_that_is_over_closes_though_something_is_still_unlike_itself():
    """Evidence that names nothing keeps only its own incident open."""
    world = World()
    world.at(0, told("kinked-hose", NODE, 0))
    world.at(10, unnamed(GPU, 10))
    world.at(20, told("kinked-hose", NODE, 20, on=False))
    world.at(40)
    assert [] == world.open
    world.at(1000, unnamed("rack-0007/node-1/gpu-0", 1000))
    world.at(1100)
    assert ["unknown"] == [i.kind for i in world.open]


def test_racks_that_are_unlike_themselves_at_other_times_have_no_common_cause():
    """Three tickets in an hour are three."""
    world = World()
    for i in range(4):
        world.at(600 * i, unnamed(f"rack-{i:04d}/node-0/gpu-0", 600 * i))
    assert 4 == len(world.open)
    assert not any(i.severity.pages for i in world.open)


@pytest.mark.parametrize(
    ("node_lpm", "others", "named"),
    [
        (1.0, (), ("kinked-hose", NODE)),
        (14.0, (), ("flow-loss", CDU)),
        (1.0, ("rack-0003/node-2",), ("flow-loss", CDU)),
    ],
)
def test_a_rack_that_lost_what_one_of_its_nodes_lost_has_a_kinked_hose(node_lpm, others, named):
    """12 of 48 l/min: all of it is one node's, or it is not, or another node lost some too."""
    world = World()
    world.at(0, flowing("flow-loss", CDU, 36.0, 48.0))
    world.at(2, *(flowing("kinked-hose", n, node_lpm, 16.0, 2) for n in (NODE, *others)))
    (incident,) = world.last.values()
    assert named == (incident.kind, incident.subject)


def flowing(kind: str, subject: str, value: float, usual: float, t_s: float = 0) -> Anomaly:
    """What a detector of flow says, l/min."""
    anomaly = told(kind, subject, t_s)
    metric = "flow_lpm" if subject == CDU else "node_flow_lpm"
    return replace(
        anomaly, evidence=replace(anomaly.evidence, metric=metric, value=value, baseline=usual)
    )


def test_a_pump_that_begins_to_cavitate_while_it_wears_is_one_incident():
    """Whenever: what is of one family on one device, and holds, is not opened twice."""
    world = World()
    world.at(0, told("pump-wear", CDU, 0, severity=Severity.TICKET))
    world.at(5000, told("cavitation", CDU, 5000))
    (incident,) = world.last.values()
    assert ("cavitation", CDU) == (incident.kind, incident.subject)


def test_a_ramp_hides_no_hang():
    """The hall's power falls because a GPU hangs: the ticket about the one is not the page about the other."""
    world = World()
    world.at(0, told("ramp-too-steep", "hall", 0, severity=Severity.TICKET))
    world.at(60, told("hung-gpu", GPU, 60))
    assert {("ramp-too-steep", False), ("hung-gpu", True)} == {
        (i.kind, i.severity.pages) for i in world.open
    }


def test_a_meter_that_the_heat_balance_contradicts_loses_no_flow():
    """And a unit whose flow is back may be off its set point for a while: neither is a second incident."""
    world = World()
    world.at(0, told("sensor-drift", CDU, 0))
    world.at(60, told("flow-loss", CDU, 60))
    world.at(70, told("flow-loss", "rack-0007/cdu", 70))
    world.at(100, told("flow-loss", "rack-0007/cdu", 100, on=False))
    world.at(120)
    world.at(130, told("supply-set-point-error", "rack-0007/cdu", 130))
    assert {("sensor-drift", CDU), ("flow-loss", "rack-0007/cdu")} == {
        (i.kind, i.subject) for i in world.last.values()
    }
    assert 2 == len(world.last)


def test_who_was_slow_before_anything_hung_is_not_slow_because_of_it():
    """A hang is told a minute after it began; who was slow eight seconds before that is an incident of its own."""
    world = World()
    world.at(0, told("straggler", "rack-0007/node-1/gpu-0"))
    hangs = told("hung-gpu", GPU, 68)
    world.at(68, replace(hangs, evidence=replace(hangs.evidence, t_ms=(T0 + 8) * 1000)))
    assert {"straggler", "hung-gpu"} == {i.kind for i in world.open}


def test_a_valve_that_follows_when_a_filter_was_changed_is_not_stuck():
    """The filter had been clogging for minutes."""
    world = World()
    world.at(0, told("filter-clog", CDU, severity=Severity.TICKET))
    world.at(400, told("valve-stuck", CDU, 400))
    (incident,) = world.open
    assert "filter-clog" == incident.kind


def test_another_gpu_of_a_node_that_is_not_where_it_should_be_is_no_news():
    """Its meter jumps when the exchange is put right."""
    world = World()
    world.at(0, told("inventory-wrong", f"{NODE}/gpu-0"))
    world.at(130, told("inventory-wrong", f"{NODE}/gpu-1", 130))
    (incident,) = world.open
    assert NODE == incident.subject
