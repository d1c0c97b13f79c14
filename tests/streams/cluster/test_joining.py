"""Findings of several workers become one incident where they have one cause, and pass as they are where they have not."""

from dataclasses import dataclass, field

import pytest
from frames import record_bytes
from msgspec.structs import replace

from coldplate.streams.cluster.joining import Joiner
from coldplate.streams.correlate import Correlator
from coldplate.streams.engine import Engine
from coldplate.streams.tail import ours_of
from coldplate.streams.topology import Topology
from coldplate.wire.frame import decode_frame
from coldplate.wire.incident import Anomaly, Evidence, Incident, Severity, State
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind

T0 = 1_790_000_000
FLEET = generate(40, 8, 2)
RACKS = [f"rack-{n:04d}" for n in range(40)]


@dataclass
class Worker:
    """One that has every n-th rack."""

    number: int
    of: int
    engine: Engine = field(default_factory=lambda: Engine("test", FLEET, detectors=[]))

    def __post_init__(self) -> None:
        self.correlator = Correlator(self.engine)

    def has(self, rack: str) -> bool:
        return int(rack[-4:]) % self.of == self.number

    def at(self, t_s: float, anomalies: list[Anomaly]) -> list[Incident]:
        values = {Kind.HALL: (("hall",), {"grid_hz": 50.0})}
        self.engine.feed([decode_frame(record_bytes("plant", "hall", T0 + int(t_s), 1, values))], 0)
        return self.correlator.update(a for a in anomalies if self.has(a.rack))


@dataclass
class Cluster:
    """Workers and a cluster detector; what was published."""

    workers: list[Worker]
    joiner: Joiner = field(default_factory=lambda: Joiner(FLEET))
    findings: list[Incident] = field(default_factory=list)
    records: list[Incident] = field(default_factory=list)

    def at(self, t_s: float, *anomalies: Anomaly) -> None:
        for worker in self.workers:
            for finding in worker.at(t_s, list(anomalies)):
                self.findings.append(finding)
                self.records += self.joiner.take(finding)

    def another(self) -> None:
        """Another cluster detector goes on, knowing what is in Kafka."""
        self.joiner = Joiner(FLEET)
        self.joiner.know(self.last.values())
        self.joiner.replay(self.findings)

    @property
    def last(self) -> dict[str, Incident]:
        return {r.id: r for r in self.records}

    @property
    def open(self) -> list[Incident]:
        return [i for i in self.last.values() if i.state is State.OPEN]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster([Worker(n, 3) for n in range(3)])


def told(kind: str, subject: str, t_s: float = 0, *, on: bool = True, detector: str = "",
         severity: Severity = Severity.WARNING) -> Anomaly:  # fmt: skip
    """What a detector says."""
    name, rack, t_ms = detector or f"by-{kind}", FLEET.rack_of(subject), int((T0 + t_s) * 1000)
    evidence = Evidence(name, subject, "x", t_ms, 1.0, 2.0)
    return Anomaly("test", name, kind, subject, rack, t_ms, on, severity, evidence)


def everywhere(kind: str, t_s: float, *, on: bool = True) -> list[Anomaly]:
    return [told(kind, f"{rack}/cdu", t_s, on=on) for rack in RACKS]


def steps_count_up(records: list[Incident]) -> bool:
    by_id: dict[str, list[int]] = {}
    for r in records:
        by_id.setdefault(r.id, []).append(r.step)
    return all(steps == list(range(len(steps))) for steps in by_id.values())


def test_a_hall_without_water_is_one_incident_however_many_workers_see_it(cluster):
    """It names the hall and all its racks; the workers' own are not told beside it, and it closes with the last."""
    cluster.at(0, *everywhere("facility-water-loss", 0))
    (one,) = cluster.open
    assert ("facility-water-loss", "hall", "") == (one.kind, one.subject, one.rack)
    assert Severity.CRITICAL is one.severity
    assert 40 == len({e.subject for e in one.evidence})
    assert 3 == len(one.parts)
    assert one.id == cluster.findings[0].id
    assert {one.id} == set(cluster.last)

    cluster.at(
        30, *[a for a in everywhere("facility-water-loss", 30, on=False) if a.rack < "rack-0030"]
    )
    cluster.at(60)
    assert [one.id] == [i.id for i in cluster.open]
    cluster.at(
        70, *[a for a in everywhere("facility-water-loss", 70, on=False) if a.rack >= "rack-0030"]
    )
    cluster.at(80)
    assert not cluster.open
    assert steps_count_up(cluster.records)


def test_what_one_worker_sees_whole_passes_as_it_is(cluster):
    """The same record: id, step, words and all."""
    gpu, other = "rack-0004/node-2/gpu-1", "rack-0005/node-0/gpu-0"
    cluster.at(0, told("cold-plate-fouling", gpu), told("hbm-hot-spot", other))
    cluster.at(10, told("cold-plate-fouling", gpu, 10, on=False))
    cluster.at(30)
    assert cluster.findings == cluster.records
    assert 2 == len(cluster.last)


def test_who_was_told_of_two_is_told_that_they_are_one(cluster):
    """Two pumps in racks of two workers may be two causes; with the third they are one, which is the first."""
    for n, t_s in ((0, 0), (1, 5)):
        cluster.at(t_s, told("pump-stop", f"{RACKS[n]}/cdu", t_s))
    assert 2 == len(cluster.open)
    cluster.at(10, told("pump-stop", f"{RACKS[2]}/cdu", 10))
    (one,) = cluster.open
    assert one.id == cluster.records[0].id
    assert 3 == len({e.subject for e in one.evidence})
    assert "of several workers" in one.why
    gone = [i for i in cluster.last.values() if i.state is State.CLOSED]
    assert 1 == len(gone)
    assert gone[0].cause.startswith(f"Part of incident {one.id}:")
    assert steps_count_up(cluster.records)


def test_the_same_an_hour_later_elsewhere_is_another(cluster):
    cluster.at(0, *[told("power-brake", f"{RACKS[0]}/node-0/gpu-{n}") for n in range(2)])
    cluster.at(3600, *[told("power-brake", f"{RACKS[1]}/node-0/gpu-{n}", 3600) for n in range(2)])
    assert 2 == len(cluster.open)


def test_a_job_that_waits_for_a_gpu_of_another_workers_racks_is_that_ones_consequence(cluster):
    """By the job's number, which both tell; another job that waits meanwhile is none."""
    gpu, waits, other = "rack-0000/node-1/gpu-1", "rack-0001/node-0/gpu-0", "rack-0002/node-0/gpu-0"
    found = [
        replace(w.at(t, [told(kind, s, t)])[0], jobs=(job,))
        for w, kind, s, t, job in zip(
            cluster.workers, ("gpu-lost", "hung-job", "hung-job"), (gpu, waits, other), (0, 20, 130), (7, 7, 8), strict=True,
        )
    ]  # fmt: skip
    for finding in found:
        cluster.records += cluster.joiner.take(finding)
    assert [("gpu-lost", gpu), ("hung-job", other)] == [(i.kind, i.subject) for i in cluster.open]


@pytest.mark.parametrize("after", range(5))
def test_another_cluster_detector_goes_on_under_the_same_ids(after):
    """Whenever it takes over: what it reads twice is not told twice, and what is one stays one."""
    cluster = Cluster([Worker(n, 3) for n in range(3)])
    turns = [
        (0, everywhere("facility-water-loss", 0)[:20]),
        (5, everywhere("facility-water-loss", 5)[20:]),
        (40, everywhere("facility-water-loss", 40, on=False)),
        (60, []),
        (400, [told("cold-plate-fouling", "rack-0004/node-2/gpu-1", 400)]),
    ]
    for number, (t_s, anomalies) in enumerate(turns):
        cluster.at(t_s, *anomalies)
        if number == after:
            before = list(cluster.records)
            cluster.another()
            # The last findings were published, and not committed yet.
            again = [r for f in cluster.findings[-2:] for r in cluster.joiner.take(f)]
            assert not again
            assert before == cluster.records
    cluster.at(430)
    assert {"closed": 1, "open": 1} == {
        s.value: sum(i.state is s for i in cluster.last.values()) for s in State
    }
    assert steps_count_up(cluster.records)


def test_racks_that_go_to_other_workers_leave_an_incident_as_it_is(cluster):
    """Under one id two workers tell each of its own half; it is over when both say so."""
    cluster.at(0, *everywhere("facility-water-loss", 0))
    topology = Topology(cluster.workers[0].engine.fleet)
    mine = cluster.findings[0]
    halves = [ours_of(mine, racks, topology) for racks in (RACKS[:20], RACKS[20:])]
    over = [
        replace(h, step=9, state=State.CLOSED, closed_ms=mine.updated_ms + 50_000, updated_ms=mine.updated_ms + 50_000)
        for h in halves if h is not None
    ]  # fmt: skip
    assert 2 == len(over)
    cluster.at(45, *everywhere("facility-water-loss", 45, on=False))
    joiner = Joiner(FLEET)
    joiner.take(mine)
    assert [] == [r for r in joiner.take(over[0]) if r.state is State.CLOSED]
    assert 1 == joiner.open_incidents
    assert [State.CLOSED] == [r.state for r in joiner.take(over[1])]
