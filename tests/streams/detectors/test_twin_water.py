"""Detectors of water on the twin: each kind of fault befalls a rack of a small hall, and who of them speaks."""

from collections import defaultdict
from collections.abc import Sequence

import pytest

from coldplate.agents.framer import Framer
from coldplate.streams.detector import Detector
from coldplate.streams.detectors.cavitation import Cavitation
from coldplate.streams.detectors.cdu_dropout import UnitReadingLost
from coldplate.streams.detectors.cdu_spike import UnitSpike
from coldplate.streams.detectors.channels_swapped import ChannelsSwapped
from coldplate.streams.detectors.condensation import Condensation
from coldplate.streams.detectors.exchanger import ExchangerFouling
from coldplate.streams.detectors.facility_warm import FacilityWarm
from coldplate.streams.detectors.facility_water import FacilityWater
from coldplate.streams.detectors.filter import FilterClog
from coldplate.streams.detectors.flow_loss import FlowLoss
from coldplate.streams.detectors.flow_meter import FlowMeter
from coldplate.streams.detectors.heat_balance import HeatBalance
from coldplate.streams.detectors.leak import BurstLeak, SlowLeak
from coldplate.streams.detectors.leak_rope import FalseRope, WetRope
from coldplate.streams.detectors.loop_resistance import LoopResistance
from coldplate.streams.detectors.node_meter import NodeMeter
from coldplate.streams.detectors.pump_stop import PumpStop
from coldplate.streams.detectors.pump_trip import PumpTrip
from coldplate.streams.detectors.pump_wear import PumpWear
from coldplate.streams.detectors.set_point import SetPoint
from coldplate.streams.detectors.thick import ThickCoolant
from coldplate.streams.detectors.valve import ValveStuck
from coldplate.streams.engine import Engine
from coldplate.twin.collector import TwinCollector
from coldplate.twin.fault import Fault
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario
from coldplate.wire.frame import decode_frame
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

T0, ONSET_S, AFTER_S = 1_800_000_000, 100.4, 260
NODES, GPUS = 4, 4
SIZE = {"gas_l": 4.0 * NODES * GPUS / 64, "loop_l": 35.0 * NODES * GPUS / 64}

FAULTS: dict[str, tuple[Fault, frozenset[str], int]] = {
    kind + (f" {metric}" if metric else ""): (
        Fault(kind, "", ONSET_S, severity=severity, ramp_s=ramp_s, metric=metric),
        frozenset(names.split()),
        within_s,
    )
    for kind, severity, ramp_s, metric, names, within_s in (
        ("pump-stop", 0.5, None, "", "pump1-trip", 3),
        ("pump-wear", 0.3, 60.0, "", "pump1-wear", 100),
        ("cavitation", 0.3, 5.0, "", "cavitation", 100),
        ("flow-loss", 0.2, None, "", "loop-resistance", 5),
        ("coolant-over-concentration", 0.5, 60.0, "", "thick-coolant", 150),
        ("filter-clog", 0.3, 30.0, "", "filter-clog", 250),
        ("exchanger-fouling", 0.3, 60.0, "", "exchanger-fouling", 120),
        ("valve-stuck", 0.6, None, "", "valve-stuck", 60),
        ("supply-set-point-error", 0.3, None, "", "set-point", 60),
        ("facility-water-loss", 0.2, None, "", "facility-water", 6),
        ("slow-leak", 0.6, 5.0, "", "slow-leak", 150),
        ("burst-leak", 0.2, None, "", "burst-leak", 5),
        ("leak-sensor-false", 0.5, None, "", "false-rope", 10),
        ("flow-sensor-drift", 0.5, 60.0, "", "flow-meter", 100),
        ("channels-swapped", 0.5, None, "", "channels-swapped", 15),
        ("sensor-drift", 0.5, 60.0, "", "heat-balance", 120),
        ("sensor-spike", 0.3, None, "", "supply-c-spike", 20),
        ("sensor-dropout", 0.3, None, "flow_lpm", "flow-lpm-lost", 15),
    )
}


def detectors() -> list[Detector]:
    """All of them, leaks for the size of this hall's loops."""
    return [
        PumpStop(1), PumpStop(2), PumpTrip(1), PumpTrip(2), PumpWear(1), PumpWear(2), Cavitation(),
        FlowLoss(), LoopResistance(), ThickCoolant(), FlowMeter(), NodeMeter(), FilterClog(),
        ExchangerFouling(), ValveStuck(), SetPoint(), FacilityWater(), FacilityWarm(),
        FacilityWarm(Kind.HALL), Condensation(), SlowLeak(**SIZE), BurstLeak(**SIZE), WetRope(**SIZE),
        FalseRope(**SIZE), ChannelsSwapped(), HeatBalance(),
        UnitSpike(), UnitReadingLost(), UnitReadingLost("flow_lpm"),
    ]  # fmt: skip


def found(scenario: Scenario, seconds: int) -> dict[str, dict[str, float]]:
    """By rack: which detectors fired, and how long after the onset."""
    collector = TwinCollector(Hall(scenario))
    framer = Framer("test", collector, boot=1, ticks=5)
    engine = Engine("test", scenario.inventory(), detectors())
    out: dict[str, dict[str, float]] = defaultdict(dict)
    for t in range(seconds):
        frames = framer.add(T0 + t, collector.sample((T0 + t) * 1000), collector.conditions())
        for a in engine.feed([decode_frame(f.record) for f in frames], 0):
            if a.on:
                out[a.rack].setdefault(a.detector, a.t_ms / 1000 - T0 - ONSET_S)
    assert not engine.failed
    return dict(out)


@pytest.fixture(scope="module")
def hall() -> dict[str, dict[str, float]]:
    """A rack for each kind of fault, and two without."""
    faults: Sequence[Fault] = [f for f, _, _ in FAULTS.values()]
    befallen = tuple(
        Fault(
            f.kind,
            f"rack-{i:04d}/cdu",
            f.at_s,
            severity=f.severity,
            ramp_s=f.ramp_s,
            metric=f.metric,
        )
        for i, f in enumerate(faults)
    )
    racks = len(FAULTS) + 2
    scenario = Scenario(racks=racks, nodes=NODES, gpus=GPUS, seed=11, load="steps", faults=befallen)
    return found(scenario, int(ONSET_S) + AFTER_S)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_seen_by_its_detector(hall: dict[str, dict[str, float]], kind: str) -> None:
    """In time, and not before it is there."""
    (_, names, within_s), rack = FAULTS[kind], f"rack-{list(FAULTS).index(kind):04d}"
    seen = hall.get(rack, {})
    assert names <= set(seen), seen
    assert all(0 < seen[name] <= within_s for name in names), seen
    assert all(t > 0 for t in seen.values()), seen


def test_racks_beside_them_are_quiet(hall: dict[str, dict[str, float]]) -> None:
    """Nobody speaks of a rack that has nothing."""
    racks = {f"rack-{i:04d}" for i in range(len(FAULTS))}
    assert racks >= set(hall)


def pages(seen: dict[str, dict[str, float]]) -> set[tuple[str, str]]:
    """Who would have called somebody."""
    severity = {d.name: d.severity for d in detectors()}
    slow = (Severity.INFO, Severity.TICKET)
    return {(r, n) for r, names in seen.items() for n in names if severity[n] not in slow}


def test_what_looks_like_a_fault_of_water_calls_nobody() -> None:
    """Rotation, a basket that is out, jobs that stop and start, a season, a node's hose."""
    kinds = (
        ("healthy-pump-rotation", "/cdu", 0.5), ("healthy-filter-change", "/cdu", 0.5),
        ("healthy-job-stop", "", 0.5), ("healthy-job-restart", "", 0.5), ("healthy-checkpoint", "", 0.5),
        ("healthy-drain", "/node-1", 0.5), ("kinked-hose", "/node-2", 0.5), ("air-lock", "/node-0", 0.6),
    )  # fmt: skip
    faults = [
        Fault(kind, f"rack-{i:04d}{part}", ONSET_S, ONSET_S + 100, severity=severity)
        for i, (kind, part, severity) in enumerate(kinds)
    ]
    faults.append(Fault("healthy-season", "hall", 20.0, severity=0.9, ramp_s=300.0))
    scenario = Scenario(
        racks=len(kinds) + 1, nodes=NODES, gpus=GPUS, seed=12, load="steps", faults=tuple(faults)
    )
    assert set() == pages(found(scenario, 300))


@pytest.mark.parametrize(
    ("kind", "name"),
    [("facility-water-warm", "facility-warm-hall"), ("condensation-risk", "condensation")],
)
def test_what_befalls_a_hall_is_seen(kind: str, name: str) -> None:
    """By every unit of it, or by the hall's own meter."""
    fault = Fault(kind, "hall", ONSET_S, severity=0.4)
    seen = found(
        Scenario(racks=1, nodes=NODES, gpus=GPUS, seed=13, load="steps", faults=(fault,)), 280
    )
    assert any(name in names for names in seen.values()), seen
