"""Every detector against every check of the contract; a new detector gets its row in a table of its family."""

import pickle
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from inspect import getdoc
from sys import modules

import numpy as np
import pytest
from contract import (
    detector_errors,
    detector_plate,
    detector_power,
    detector_sensors,
    detector_unknown,
    detector_water,
)
from contract.detector_worlds import (
    T0,
    Fault,
    Group,
    World,
    engine_for,
    feed,
    run,
    seconds,
)
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from coldplate.streams.detector import Detector, Memory, Scores, Tick
from coldplate.streams.detectors import FlowLoss, defaults
from coldplate.streams.detectors.residual import Residual
from coldplate.wire.incident import Anomaly
from coldplate.wire.metric import Kind, metric

FAULTS: dict[str, Fault] = {
    **detector_plate.FAULTS, **detector_water.FAULTS, **detector_power.FAULTS,
    **detector_errors.FAULTS, **detector_sensors.FAULTS, **detector_unknown.FAULTS,
}  # fmt: skip

FAULT_WORDS = """
cold-plate-fouling paste-pump-out hbm-hot-spot leakage-rise kinked-hose coupling-half-closed
air-lock pump-stop pump-wear cavitation flow-loss filter-clog exchanger-fouling valve-stuck
supply-set-point-error facility-water-loss facility-water-warm slow-leak burst-leak
condensation-risk power-brake capping-storm psu-loss feed-loss power-oscillation ramp-too-steep
hung-gpu hung-job straggler gpu-lost ecc-storm ecc-uncorrectable row-remap nvlink-errors
pcie-degraded gpu-sensor-stuck sensor-drift flow-sensor-drift sensor-spike sensor-dropout
channels-swapped leak-sensor-false clock-skew silent-gpu silent-node silent-cdu silent-rack
silent-hall partition unknown inventory-wrong
"""

OTHERS = {
    Kind.GPU: "mem_used_bytes", Kind.NODE: "mem_available_bytes", Kind.CDU: "room_c", Kind.RACK: "rack_power_w",
    Kind.HALL: "grid_hz",
}  # fmt: skip
"""Of each kind a metric by which no detector judges."""

AWAY_S, LATER_S = 30, 12
"""How long nothing is told, and how much later a neighbour fails."""

BLOCK_S = 6
"""By which detectors that judge in blocks may be late; by one look less of noise they may be early."""

DETECTORS = {d.name: d for d in defaults()}


@pytest.fixture(params=DETECTORS)
def detector(request: pytest.FixtureRequest) -> Detector:
    return DETECTORS[request.param]


def world_of(detector: Detector, *spans: tuple[str, int], seed: int = 7) -> World:
    """The fault's world; by default health, trouble, and health until it must be silent."""
    fault = FAULTS[detector.name]
    return World(fault.groups, spans or fault.spans(detector.clear_s), seed)


@cache
def told(name: str) -> tuple[World, tuple[Anomaly, ...], tuple[int, int]]:
    """The default world of a detector, what it says of it, and bytes of state after a frame and at the end."""
    detector = DETECTORS[name]
    world, out, nbytes = world_of(detector), [], []
    engine = engine_for(detector, world)
    for window in world.windows():
        out += feed(engine, world.frames(*window))
        nbytes.append(engine.nbytes)
    return world, tuple(out), (nbytes[0], nbytes[-1])


def of(subject: str, anomalies: Iterable[Anomaly]) -> list[tuple[int, bool]]:
    return [(t, on) for t, on, who in seconds(anomalies) if who == subject]


def test_every_detector_has_its_row() -> None:
    """And there is no row without one."""
    assert set(DETECTORS) == set(FAULTS)


def test_it_first_fires_at_the_stated_second(detector: Detector) -> None:
    """Each subject once, nobody else, with evidence of when it began: as long before as the hold says."""
    fault, (_, out, _) = FAULTS[detector.name], told(detector.name)
    fires = fault.healthy_s + fault.fires_after_s
    fired = [a for a in out if a.on]
    assert sorted((fires, True, v) for v in fault.victims) == seconds(fired)
    assert {(detector.fault, detector.severity)} == {(a.kind, a.severity) for a in fired}
    assert {(T0 + fires - detector.hold_s) * 1000} == {a.evidence.t_ms for a in fired}


def test_it_clears_when_the_fault_has_passed(detector: Detector) -> None:
    """Once, after its own `clear_s` of health, or when what it smooths or sums has come down: see the row."""
    fault, (_, out, _) = FAULTS[detector.name], told(detector.name)
    after = detector.clear_s if fault.clears_after_s is None else fault.clears_after_s
    clears = fault.healthy_s + fault.faulty_s + after
    assert sorted((clears, False, v) for v in fault.victims) == seconds(a for a in out if not a.on)


def test_the_same_input_gives_the_same_output(detector: Detector) -> None:
    """Whole records of changes are equal, evidence included."""
    world, out, _ = told(detector.name)
    assert list(out) == run(detector, world)


def test_pickling_in_mid_stream_changes_nothing(detector: Detector) -> None:
    """State taken down and up again before every frame: a restart does no more than that."""
    world, expected, _ = told(detector.name)
    engine, out = engine_for(detector, world), []
    for window in world.windows():
        engine = pickle.loads(pickle.dumps(engine))
        out += feed(engine, world.frames(*window))
    assert list(expected) == out


@pytest.mark.parametrize("how", ["one told nan", "all told nan", "not in the frame", "gap"])
def test_absence_neither_fires_nor_clears(detector: Detector, how: str) -> None:
    """Half a minute without values in health and in trouble changes nothing; the first tick after it neither.

    Where the absence of one beside others is the fault, that fires and clears, and the absence of all does not.
    """
    fault = FAULTS[detector.name]
    onset = fault.healthy_s + AWAY_S
    begins = (fault.healthy_s // 60 * 30, onset + fault.faulty_s)
    away = np.zeros(onset + fault.faulty_s + 2 * AWAY_S, np.bool_)
    for first in begins:
        away[first : first + AWAY_S] = True
    world = world_of(detector, ("healthy", onset), ("faulty", len(away) - onset))
    out = seconds(_with_absence(detector, world, away, how))
    expected = {(True, v) for v in fault.victims}
    if fault.absence_is_the_fault and how == "one told nan":
        first = begins[0]
        assert (first + fault.fires_after_s, True, fault.victims[0]) == out.pop(0)
        assert (first + AWAY_S + detector.clear_s, False, fault.victims[0]) == out.pop(0)
    assert sorted(expected) == sorted((on, who) for _, on, who in out)
    late = [t - onset - fault.fires_after_s for t, _, _ in out]
    assert all(-detector.every_s <= s <= BLOCK_S for s in late)


def _with_absence(detector: Detector, world: World, away: np.ndarray, how: str) -> list[Anomaly]:
    if how == "gap":
        here = np.flatnonzero(np.diff(np.r_[False, ~away, False].astype(int)))
        pairs = zip(here[::2].tolist(), here[1::2].tolist(), strict=True)
        return run(detector, world, [w for pair in pairs for w in world.windows(*pair)])
    if how == "not in the frame":
        other = World(
            [replace(g, healthy={OTHERS[g.kind]: 1.0}, faulty={}, noise={}) for g in world.groups],
            [("healthy", world.seconds)],
        )
        engine, out = engine_for(detector, world), []
        for first, ticks in world.windows():
            out += feed(engine, (other if away[first] else world).frames(first, ticks))
        return out
    victims = {g.ids for g in world.groups if how == "all told nan"} | {world.groups[0].ids}
    return run(
        detector,
        world.altered(
            lambda i, _, v: (
                np.where(away[:, None], np.nan, v) if world.groups[i].ids in victims else v
            )
        ),
    )


@pytest.mark.parametrize("name", [n for n, d in DETECTORS.items() if d.hold_s])
def test_a_hold_does_not_reach_over_a_gap(name: str) -> None:
    """All but the last of the seconds that it needs, a minute of nothing, and one more: no fault that held."""
    detector, fault = DETECTORS[name], FAULTS[name]
    fires = fault.healthy_s + fault.fires_after_s
    world = world_of(detector, ("healthy", fault.healthy_s), ("faulty", fault.fires_after_s + 61))
    assert [] == run(detector, world, [*world.windows(0, fires), (fires + 60, 1)])


def test_duplicates_change_nothing(detector: Detector) -> None:
    """Every frame sent twice, and all of the last ten seconds again after each."""
    world, expected, _ = told(detector.name)
    windows = list(world.windows())
    again = [w for i, now in enumerate(windows) for w in (now, *windows[max(0, i - 2) : i + 1])]
    assert list(expected) == run(detector, world, again)


def test_late_samples_neither_fire_nor_clear(detector: Detector) -> None:
    """Faulty values of ticks already passed do not fire; healthy ones do not clear."""
    fault, (world, expected, _) = FAULTS[detector.name], told(detector.name)
    other = {"healthy": "faulty", "faulty": "healthy"}
    spans = [(other[which], length) for which, length in fault.spans(detector.clear_s)]
    opposite, windows = World(fault.groups, spans), list(world.windows())
    engine, out = engine_for(detector, world), []
    for i, window in enumerate(windows):
        out += feed(engine, world.frames(*window))
        if i:
            out += feed(engine, opposite.frames(*windows[i - 1]))
    assert list(expected) == out


@pytest.mark.parametrize("name", DETECTORS)
@settings(deadline=None, max_examples=3, phases=[Phase.generate])
@given(data=st.data())
def test_a_constant_never_fires(name: str, data: st.DataObject) -> None:
    """Whatever the healthy level, and for bit masks whatever other bits are set."""
    detector, fault = DETECTORS[name], FAULTS[name]
    levels: dict[str, float] = {n: data.draw(st.floats(*of), n) for n, of in fault.levels.items()}
    if "clock_event_reasons" in fault.groups[0].healthy:
        levels["clock_event_reasons"] = data.draw(st.integers(0, 0xFFFF)) & ~0xE0
    world = World(
        [_constant(g, levels if i == 0 else {}) for i, g in enumerate(fault.groups)],
        [("healthy", fault.healthy_s + 60)],
    )
    assert [] == run(detector, world)


def _constant(group: Group, levels: dict[str, float]) -> Group:
    zero = np.zeros(1)
    level = {
        # What a constant does to a counter is to make it grow.
        n: float(v(zero, zero)[0]) if callable(v) and not metric(group.kind, n).counter else v
        for n, v in group.healthy.items()
    }
    return replace(group, healthy={**level, **levels}, faulty={}, noise={})


def test_scale_and_shift_do_what_the_docstring_says(detector: Detector) -> None:
    """A bigger unit, another limit, unrelated bits: the same changes at the same seconds."""
    world, expected, _ = told(detector.name)
    other, moved = FAULTS[detector.name].same(detector, world)
    assert seconds(expected) == seconds(run(other, moved))


def test_a_shifted_flow_is_another_share() -> None:
    """16 l/min less is a fault of 64 and none of 264."""
    world, _, _ = told("flow-loss")
    assert [] == run(FlowLoss(), world.altered(lambda _i, _n, values: values + 200.0))


def test_state_is_bounded(detector: Detector) -> None:
    """As many bytes at the end as after the first frame, health and trouble between them."""
    _, _, (before, after) = told(detector.name)
    assert before == after


class Watched:
    """A detector with a witness, who looks at what it must leave alone before and after it is asked."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def __getattr__(self, name: str) -> object:
        return getattr(self._detector, name)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Its answer."""
        before = {name: array.copy() for name, array in memory.items()}
        given = pickle.dumps((tick.ring, tick.rows, tick.number, tick.t_ms))
        asked = Given(tick.asked)
        out = self._detector.score(memory, replace(tick, asked=asked))
        assert given == pickle.dumps((tick.ring, tick.rows, tick.number, tick.t_ms))
        for name, array in memory.items():
            before[name][tick.rows] = array[tick.rows]
            np.testing.assert_array_equal(before[name], array)
        assert asked.first == {key: pickle.dumps(value) for key, value in asked.items()}
        return out


class Given(dict):
    """What a tick has been asked for, and how each was when it was first given."""

    def __init__(self, known: dict) -> None:
        super().__init__()
        self.first: dict[object, bytes] = {}
        for key, value in known.items():
            self[key] = value

    def __setitem__(self, key: object, value: object) -> None:
        self.first[key] = pickle.dumps(value)
        super().__setitem__(key, value)


def test_a_neighbour_changes_nothing(detector: Detector) -> None:
    """Judged the same alone as beside a rack, or hall, that fails at another time.

    It writes to its own rows of its memory only: neither to the others', nor the ring, nor values it was given.
    """
    fault, (world, expected, _) = FAULTS[detector.name], told(detector.name)
    later = [
        ("healthy", fault.healthy_s + LATER_S), ("faulty", fault.faulty_s), ("healthy", world.seconds)
    ]  # fmt: skip
    beside = World([_moved(g) for g in fault.groups], later, seed=8)
    engine, out = engine_for(Watched(detector), world, beside), []
    for window in world.windows():
        for one in (world, beside):
            out += feed(engine, one.frames(*window))
    if not fault.racks_are_peers:
        assert list(expected) == [a for a in out if not a.subject.startswith("q")]
        assert any(a.on for a in out if a.subject.startswith("q"))


def _moved(group: Group) -> Group:
    return replace(group, ids=tuple("q" + i for i in group.ids), rack="q" + group.rack)


@pytest.mark.parametrize("seed", [1, 2])
def test_framing_and_order_of_arrival_change_nothing(detector: Detector, seed: int) -> None:
    """Frames of any length, and frames that overtake each other within the ring: the same changes.

    Who compares devices is given each one's frames in their order, as a partition has them, and the devices in any.
    """
    fault, (world, expected, _) = FAULTS[detector.name], told(detector.name)
    random, engine = np.random.default_rng(seed), engine_for(detector, world)
    out, first = feed(engine, world.frames(0, 1)), 1
    while first < world.seconds:
        batch = []
        for size in _sizes(detector, random):
            if (ticks := min(size, world.seconds - first)) > 0:
                batch.append((first, ticks))
                first += ticks
        frames = [(i, *w) for w in batch for i in range(len(world.groups))]
        if not fault.racks_are_peers:
            random.shuffle(frames)
        if detector.joined:
            frames = _in_order(frames)
        out += feed(engine, [world.frame(*f) for f in frames])
    assert list(expected) == out


def _sizes(detector: Detector, random: np.random.Generator) -> list[int]:
    """Of one long frame, or of some short ones."""
    if random.random() < 0.3:
        return [int(random.integers(5, 61))]
    most = 2 if detector.joined else 3
    return random.integers(1, 5, random.integers(1, most + 1)).tolist()


def _in_order(frames: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The same order of groups, each group's frames one after the other."""
    by_group = {i: iter(sorted(f for f in frames if f[0] == i)) for i, _, _ in frames}
    return [next(by_group[i]) for i, _, _ in frames]


def test_its_words_are_the_fixed_ones(detector: Detector) -> None:
    """Name in kebab case and unique, fault out of the design's list, metric in the catalogue, fast or asked for."""
    assert 1 == [d.name for d in defaults()].count(detector.name)
    assert detector.name == detector.name.lower().replace("_", "-").replace(" ", "-")
    assert detector.fault in FAULT_WORDS.split()
    slow = metric(detector.kind, detector.metric).rate == "slow"
    assert slow == (detector.metric in detector.needs)
    assert {"slow"} >= {metric(detector.kind, name).rate for name in detector.needs}


def test_its_docstring_names_a_source_or_costs(detector: Detector) -> None:
    """What it is, and where the method or its numbers come from."""
    own = getdoc(type(detector)) or ""
    about = own + (modules[type(detector).__module__].__doc__ or "")
    assert own.split("\n")[0].endswith(".")
    assert any(word in about for word in ("Notes", "References", "guide", "nvml.h", "recorded"))


def test_its_thresholds_are_in_order(detector: Detector) -> None:
    """Silent below where it fires, or at the same level for a bit and a verdict; times are not negative."""
    bit = detector.metric == "clock_event_reasons" or isinstance(detector, Residual)
    assert detector.off < detector.on or (bit and detector.off == detector.on)
    assert detector.on <= detector.at_once
    assert 0 <= min(detector.hold_s, detector.clear_s)
    assert np.isfinite(detector.threshold(100.0))
