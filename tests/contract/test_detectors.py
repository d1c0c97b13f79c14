"""Every detector against every check of the contract; a new detector gets its row in `FAULTS`."""

import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import getdoc
from sys import modules

import numpy as np
import pytest
from frames import record_bytes
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coldplate.streams.detector import Detector, Tick
from coldplate.streams.detectors import FlowLoss, defaults
from coldplate.streams.engine import Engine
from coldplate.streams.ring import Ring
from coldplate.wire.frame import Frame, decode_frame
from coldplate.wire.incident import Anomaly
from coldplate.wire.metric import Kind, fast, metric

T0 = 1_790_000_000
Series = Mapping[str, NDArray[np.float64]]
"""By metric: one value a second, NaN where absent."""

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


@dataclass(frozen=True)
class Fault:
    """What a detector must see.

    Parameters
    ----------
    healthy, faulty
        Values before and after the onset.
    fires_after_s
        From the first faulty tick to the one that fires.
    noise
        Standard deviation, as a share of the value; 0 for what is a bit mask or a whole number.
    levels
        By metric: the least and the greatest healthy constant.
    """

    healthy: Mapping[str, float]
    faulty: Mapping[str, float]
    fires_after_s: int
    noise: float
    levels: Mapping[str, tuple[float, float]]


def pump_stop(pump: int) -> Fault:
    this, other = f"pump{pump}_rpm", f"pump{3 - pump}_rpm"
    return Fault(
        {"flow_lpm": 64.0, this: 3000.0, other: 0.0},
        {"flow_lpm": 45.0, this: 0.0, other: 2400.0},
        2, 0.005, {"flow_lpm": (0.0, 500.0), this: (0.0, 6000.0)},
    )  # fmt: skip


FAULTS = {
    "pump1-stop": pump_stop(1),
    "pump2-stop": pump_stop(2),
    "flow-loss": Fault(
        {"flow_lpm": 64.0}, {"flow_lpm": 48.0}, 3, 0.005, {"flow_lpm": (0.0, 500.0)}
    ),
    "margin": Fault({"margin_c": 22.0}, {"margin_c": 5.0}, 2, 0.01, {"margin_c": (8.1, 70.0)}),
    "thermal-slowdown": Fault(
        {"clock_event_reasons": 0x4}, {"clock_event_reasons": 0x24}, 0, 0.0, {}
    ),
    "power-brake": Fault({"clock_event_reasons": 0x4}, {"clock_event_reasons": 0x84}, 1, 0.0, {}),
}
ABSENT = {Kind.CDU: {"room_c": 25.0}, Kind.GPU: {"hbm_c": 50.0}}
"""Metrics of a frame that has none of those that the detectors read."""


@pytest.fixture(params=defaults(), ids=lambda d: d.name)
def detector(request: pytest.FixtureRequest) -> Detector:
    return request.param


def series(detector: Detector, *spans: tuple[str, int], seed: int = 7) -> dict[str, NDArray]:
    """Healthy and faulty spans of so many seconds, one after the other, with the fault's noise."""
    fault, random = FAULTS[detector.name], np.random.default_rng(seed)
    out = {}
    for name in fault.healthy:
        clean = np.concatenate([np.full(s, getattr(fault, which)[name]) for which, s in spans])
        out[name] = clean * (1.0 + fault.noise * random.standard_normal(len(clean)))
    return out


def frame(detector: Detector, values: Series, first: int, ticks: int, names=("d/0",)) -> Frame:
    cut = {n: np.reshape(v[first : first + ticks], (ticks, -1)) for n, v in values.items()}
    return decode_frame(
        record_bytes("d", "r", T0 + first, ticks, {detector.kind: (names, cut)}, seq=first)
    )


def run(
    detector: Detector,
    values: Series,
    batches: Iterable[Sequence[tuple[int, int]]] | None = None,
    engine: Engine | None = None,
) -> list[Anomaly]:
    """Changes over a series; a batch is judged at once and lists frames as (first second, ticks)."""
    made = engine or Engine("test", detectors=[detector])
    length = len(next(iter(values.values())))
    if batches is None:
        batches = [[(t, 1)] for t in range(length)]
    out: list[Anomaly] = []
    for batch in batches:
        out += made.feed([frame(detector, values, *f) for f in batch], 0)
    return out


def changes(anomalies: Iterable[Anomaly]) -> list[tuple[int, bool]]:
    return [(a.t_ms // 1000 - T0, a.on) for a in anomalies]


def test_it_first_fires_at_the_stated_second(detector: Detector) -> None:
    """A seeded fault after a minute of health fires once, at its second, with evidence of when it began."""
    out = run(detector, series(detector, ("healthy", 60), ("faulty", 30)))
    assert [(60 + FAULTS[detector.name].fires_after_s, True)] == changes(out)
    assert (T0 + 60) * 1000 == out[0].evidence.t_ms
    assert (detector.fault, detector.severity) == (out[0].kind, out[0].severity)


def test_it_clears_when_the_fault_has_passed(detector: Detector) -> None:
    """It falls silent after its own `clear_s` of health, and once."""
    values = series(detector, ("healthy", 60), ("faulty", 30), ("healthy", 30))
    assert (90 + detector.clear_s, False) == changes(run(detector, values))[-1]
    assert 2 == len(run(detector, values))


def test_the_same_input_gives_the_same_output(detector: Detector) -> None:
    """Whole records of changes are equal, evidence included."""
    values = series(detector, ("healthy", 60), ("faulty", 20), ("healthy", 20))
    assert run(detector, values) == run(detector, values)


def test_pickling_in_mid_stream_changes_nothing(detector: Detector) -> None:
    """State taken down and up again before every tick: a restart does no more than that."""
    values = series(detector, ("healthy", 30), ("faulty", 15), ("healthy", 15))
    engine, out = Engine("test", detectors=[detector]), []
    for t in range(60):
        engine = pickle.loads(pickle.dumps(engine))
        out += engine.feed([frame(detector, values, t, 1)], 0)
    assert run(detector, values) == out


def test_it_writes_to_its_own_rows_of_its_memory_only(detector: Detector) -> None:
    """Neither the tick, nor the ring, nor another device's memory is touched."""
    ring = Ring(detector.kind, fast(detector.kind), rows=3)
    values = series(detector, ("faulty", 1))
    ring.write(frame(detector, values, 0, 1).parts[0], np.array([1]), T0)
    rows, number = np.array([1]), np.array([T0])
    tick = Tick(ring, rows, number, number * 1000)
    memory = {name: np.full(3, 0.5) for name in detector.remembers}
    before = pickle.dumps((ring.value(detector.metric, number % 16, rows), tick.number, tick.t_ms))
    detector.score(memory, tick)
    after = pickle.dumps((ring.value(detector.metric, number % 16, rows), tick.number, tick.t_ms))
    assert before == after
    assert {(0.5, 0.5)} >= {(float(a[0]), float(a[2])) for a in memory.values()}


@pytest.mark.parametrize("how", ["nan", "not in the frame", "gap"])
def test_absence_neither_fires_nor_clears(detector: Detector, how: str) -> None:
    """Half a minute without values in health and in trouble changes nothing; the first tick after it neither."""
    values = series(detector, ("healthy", 60), ("faulty", 70), ("healthy", 1))
    ticks = [t for t in range(131) if not (20 <= t < 50 or 80 <= t < 110)]
    engine, out = Engine("test", detectors=[detector]), []
    for t in range(131):
        if t in ticks:
            out += run(detector, values, [[(t, 1)]], engine)
        elif how == "nan":
            absent = {n: np.full(131, np.nan) for n in values}
            out += run(detector, absent, [[(t, 1)]], engine)
        elif how == "not in the frame":
            other = {n: np.full(131, v) for n, v in ABSENT[detector.kind].items()}
            out += run(detector, other, [[(t, 1)]], engine)
    assert [(60 + FAULTS[detector.name].fires_after_s, True)] == changes(out)


@pytest.mark.parametrize("detector", [d for d in defaults() if d.hold_s], ids=lambda d: d.name)
def test_a_hold_does_not_reach_over_a_gap(detector: Detector) -> None:
    """Two faulty ticks a minute apart are no fault that held."""
    values = series(detector, ("healthy", 60), ("faulty", 70))
    assert [] == run(detector, values, [[(t, 1)] for t in (*range(61), 121)])


def test_duplicates_change_nothing(detector: Detector) -> None:
    """Every frame sent twice, and all of the last ten again after each."""
    values = series(detector, ("healthy", 30), ("faulty", 20), ("healthy", 20))
    again = [[(t, 1), *((k, 1) for k in range(max(0, t - 10), t + 1))] for t in range(70)]
    assert run(detector, values) == run(detector, values, again)


def test_late_samples_neither_fire_nor_clear(detector: Detector) -> None:
    """Faulty values of a tick already passed do not fire; healthy ones do not clear."""
    values = series(detector, ("healthy", 60), ("faulty", 60))
    opposite = series(detector, ("faulty", 60), ("healthy", 60))
    engine = Engine("test", detectors=[detector])
    out = run(detector, values, [[(0, 1)]], engine)
    for t in range(1, 120):
        out += run(detector, values, [[(t, 1)]], engine)
        out += run(detector, opposite, [[(t - 1, 1)]], engine)
    assert run(detector, values) == out


@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_a_constant_never_fires(data: st.DataObject) -> None:
    """Whatever the healthy level, and for bit masks whatever other bits are set."""
    detector = data.draw(st.sampled_from(defaults()))
    fault = FAULTS[detector.name]
    level = dict(fault.healthy)
    for name, (least, most) in fault.levels.items():
        level[name] = data.draw(st.floats(least, most), name)
    if "clock_event_reasons" in level:
        level["clock_event_reasons"] = data.draw(st.integers(0, 0xFFFF)) & ~0xE0
    values = {name: np.full(60, value) for name, value in level.items()}
    assert [] == run(detector, values, [[(t, 5)] for t in range(0, 60, 5)])


def scaled(detector: Detector, values: Series) -> tuple[Detector, Series]:
    """Shares of the usual do not depend on the size of the CDU."""
    return detector, {n: 2.5 * v for n, v in values.items()}


def shifted(detector: Detector, values: Series) -> tuple[Detector, Series]:
    """A margin counts against what is wanted, kelvin by kelvin."""
    return replace(detector, wanted_c=18.0), {n: v + 10.0 for n, v in values.items()}


def other_bits(detector: Detector, values: Series) -> tuple[Detector, Series]:
    """Power cap, idle and 0x8 say nothing."""
    return detector, {n: v + 0x100 + 0x8 + 0x1 for n, v in values.items()}


SAME: dict[str, Callable[[Detector, Series], tuple[Detector, Series]]] = {
    "pump1-stop": scaled, "pump2-stop": scaled, "flow-loss": scaled,
    "margin": shifted, "thermal-slowdown": other_bits, "power-brake": other_bits,
}  # fmt: skip


def test_scale_and_shift_do_what_the_docstring_says(detector: Detector) -> None:
    """A bigger CDU, another limit, unrelated bits: the same changes at the same seconds."""
    values = series(detector, ("healthy", 60), ("faulty", 20), ("healthy", 20))
    other, moved = SAME[detector.name](detector, values)
    assert changes(run(detector, values)) == changes(run(other, moved))


def test_a_shifted_flow_is_another_share() -> None:
    """16 l/min less is a fault of 64 and none of 264."""
    values = series(FlowLoss(), ("healthy", 60), ("faulty", 20))
    assert [] == run(FlowLoss(), {n: v + 200.0 for n, v in values.items()})


def test_state_is_bounded(detector: Detector) -> None:
    """As many bytes after 2,000 ticks as after 10."""
    values = series(detector, ("healthy", 900), ("faulty", 200), ("healthy", 900))
    engine = Engine("test", detectors=[detector])
    run(detector, values, [[(0, 10)]], engine)
    before = engine.nbytes
    run(detector, values, [[(t, 10)] for t in range(10, 2000, 10)], engine)
    assert before == engine.nbytes


def test_a_neighbour_changes_nothing(detector: Detector) -> None:
    """A device is judged the same alone as beside one that fails at other times."""
    one = series(detector, ("healthy", 60), ("faulty", 20), ("healthy", 20))
    two = series(detector, ("healthy", 40), ("faulty", 30), ("healthy", 30), seed=8)
    both = {n: np.stack([one[n], two[n]], axis=1) for n in one}
    engine, out = Engine("test", detectors=[detector]), []
    for t in range(100):
        out += engine.feed([frame(detector, both, t, 1, ("d/0", "d/1"))], 0)
    assert run(detector, one) == [a for a in out if a.subject == "d/0"]
    assert changes(run(detector, two)) == changes(a for a in out if a.subject == "d/1")


@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_framing_and_order_of_arrival_change_nothing(data: st.DataObject) -> None:
    """Frames of any length, and frames that overtake each other within the ring: the same changes."""
    detector = data.draw(st.sampled_from(defaults()))
    values = series(detector, ("healthy", 25), ("faulty", 20), ("healthy", 19))
    batches: list[list[tuple[int, int]]] = [[(0, 1)]]
    first = 1
    while first < 64:
        # Up to three frames of 5 in any order, or one of any length.
        sizes = data.draw(
            st.one_of(
                st.lists(st.integers(1, 5), min_size=1, max_size=3),
                st.lists(st.integers(6, 60), min_size=1, max_size=1),
            )
        )
        batch = []
        for size in sizes:
            if (size := min(size, 64 - first)) > 0:
                batch.append((first, size))
                first += size
        batches.append(data.draw(st.permutations(batch)))
    assert run(detector, values) == run(detector, values, batches)


def test_its_words_are_the_fixed_ones(detector: Detector) -> None:
    """Name in kebab case and unique, fault out of the design's list, metric in the catalogue and fast."""
    assert 1 == [d.name for d in defaults()].count(detector.name)
    assert detector.name == detector.name.lower().replace("_", "-").replace(" ", "-")
    assert detector.fault in FAULT_WORDS.split()
    assert "fast" == metric(detector.kind, detector.metric).rate


def test_its_docstring_names_a_source_or_costs(detector: Detector) -> None:
    """What it is, and where the method or its numbers come from."""
    own = getdoc(type(detector)) or ""
    about = own + (modules[type(detector).__module__].__doc__ or "")
    assert own.split("\n")[0].endswith(".")
    assert any(word in about for word in ("Notes", "References", "guide", "nvml.h", "recorded"))


def test_its_thresholds_are_in_order(detector: Detector) -> None:
    """Silent below where it fires, or at the same level for a bit; times are not negative."""
    bit = detector.metric == "clock_event_reasons"
    assert detector.off < detector.on or (bit and detector.off == detector.on)
    assert detector.on <= detector.at_once
    assert 0 <= min(detector.hold_s, detector.clear_s)
    assert np.isfinite(detector.threshold(100.0))
