"""Every collector against every check of the contract; a new collector gets its row in `COLLECTORS`."""

import atexit
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import numpy as np
import pytest
from msgspec.structs import replace

from coldplate.agents.collector import Collector, Samples
from coldplate.agents.collectors.recorded import RecordedCollector
from coldplate.agents.framer import Framed, Framer
from coldplate.twin.collector import TwinCollector
from coldplate.twin.model import Hall
from coldplate.twin.record import record
from coldplate.twin.replayed import ReplayedCollector
from coldplate.twin.scenario import load
from coldplate.wire.frame import decode_frame
from coldplate.wire.metric import CATALOGUE, Kind, Metric, fast, metric

RECORDING = Path(__file__).parents[1] / "recordings" / "h200"
MODELLED = {Kind.GPU: 39, Kind.NODE: 3, Kind.CDU: 19, Kind.RACK: 3, Kind.HALL: 3}
"""How many metrics of a kind a model or a recording gives; those behind them are what only a machine tells."""

T0 = 1_790_000_000
SLOW_TICKS = 4
NOT_RECORDED = (
    "mem_used_bytes", "job", "pcie_tx_bytes_total", "pcie_rx_bytes_total", "nvlink_errors_total",
    "nvlink_tx_bytes_total", "nvlink_rx_bytes_total", "power_violation_s_total", "thermal_violation_s_total",
    "hw_thermal_s_total", "power_brake_s_total",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One implementation.

    Parameters
    ----------
    make
        A new collector, at its start, slow metrics every `SLOW_TICKS`.
    unsupported
        GPU metrics that its source cannot tell.
    """

    name: str
    make: Callable[[], Collector]
    unsupported: tuple[str, ...] = ()


@cache
def recorded_twin() -> Path:
    """A recording of the small twin, of five minutes."""
    small = replace(load("steps"), racks=2, nodes=2, gpus=2)
    made = mkdtemp()
    atexit.register(rmtree, made)
    folder = Path(made) / "recording"
    record(small, folder, name="small", start_ms=T0 * 1000, seconds=300, slow_ticks=SLOW_TICKS)
    return folder


def twin(name: str, **changed: object) -> Callable[[], Collector]:
    small = {"racks": 2, "nodes": 2, "gpus": 2, **changed}
    return lambda: TwinCollector(Hall(replace(load(name), **small)), slow_ticks=SLOW_TICKS)


COLLECTORS = (
    Case(
        "recorded",
        lambda: RecordedCollector(RECORDING, "rack-0000/node-0", "rack-0000", slow_ticks=SLOW_TICKS),
        NOT_RECORDED,
    ),
    Case("twin", twin("healthy")),
    Case("twin-steps", twin("steps")),
    # No job owns an idle GPU; 0 would be a job's number.
    Case("replayed", lambda: ReplayedCollector(recorded_twin())),
    Case("twin-idle", twin("healthy", load="idle"), ("job",)),
)  # fmt: skip

# Where the physics and the sensors end, by name or by unit.
BOUNDS = {
    "power_limit_w": (200.0, 700.0), "sm_clock_mhz": (100.0, 1980.0), "mem_clock_mhz": (100.0, 3300.0),
    "clock_event_reasons": (0.0, 0x7FF), "mem_used_bytes": (0.0, 141e9), "pstate": (0.0, 15.0), "leak": (0.0, 1.0),
    "margin_c": (-10.0, 87.0), "pcie_gen": (1.0, 6.0), "pcie_width": (1.0, 16.0), "swing_hz": (0.1, 20.0),
    "filter_kpa_delta": (0.0, 200.0),
}  # fmt: skip
UNITS = {
    "W": (0.0, 150e6), "Hz": (0.0, 61.0), "degC": (5.0, 95.0), "1": (0.0, 2**32), "B": (0.0, 2**63),
    "J": (0.0, 1e12), "s": (0.0, 1e9), "l/min": (0.0, 500.0), "kPa": (80.0, 800.0), "1/min": (0.0, 6000.0),
    "l": (0.0, 1e6), "MHz": (0.0, 1e4), "K": (-10.0, 87.0), "uS/cm": (0.0, 1e4),
}  # fmt: skip


@pytest.fixture(params=COLLECTORS, ids=lambda c: c.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def samples(collector: Collector, count: int = 13) -> list[Samples]:
    return [collector.sample((T0 + t) * 1000) for t in range(count)]


def bounds(entry: Metric) -> tuple[float, float]:
    if entry.name.endswith("_ratio"):
        return 0.0, 1.0
    if entry.kind is Kind.GPU and entry.unit == "W":
        return BOUNDS.get(entry.name, (0.0, 1200.0))
    return BOUNDS.get(entry.name, UNITS[entry.unit])


def test_samples_have_a_row_a_metric_and_a_column_a_device(case: Case) -> None:
    """For every kind of its devices, at every tick."""
    collector = case.make()
    for taken in samples(collector):
        assert {k: (len(CATALOGUE[k]), len(ids)) for k, ids in collector.devices.items()} == {
            kind: values.shape for kind, values in taken.items()
        }


def test_every_device_belongs_to_exactly_one_source(case: Case) -> None:
    """And ids are unique, and a source's devices stand under its rack."""
    collector = case.make()
    owned = [
        collector.devices[kind][i]
        for source in collector.sources
        for kind, span in source.devices.items()
        for i in span
    ]
    known = [d for ids in collector.devices.values() for d in ids]
    assert sorted(known) == sorted(owned)
    assert len(set(known)) == len(known)
    names = [s.name for s in collector.sources]
    assert len(set(names)) == len(names)
    assert all(s.name.startswith(f"{s.rack}/") for s in collector.sources)


def test_what_a_source_cannot_tell_is_absent(case: Case) -> None:
    """NaN at every tick, never a made-up 0; and everything else is told at some tick."""
    taken = samples(case.make(), 30)
    for kind in taken[0]:
        told = np.isfinite(np.stack([s[kind] for s in taken])).any(axis=(0, 2))
        missing = {m.name for m in CATALOGUE[kind][: MODELLED[kind]] if not told[m.number]}
        assert not told[MODELLED[kind] :].any()
        # A steady load has no swing to tell the frequency of.
        expected = set(case.unsupported) if kind is Kind.GPU else set()
        assert expected == missing - {"swing_hz"}


def test_values_are_possible(case: Case) -> None:
    """Each within what physics and its sensor allow, and never infinite."""
    for taken in samples(case.make(), 60):
        for kind, values in taken.items():
            for entry in CATALOGUE[kind]:
                row = values[entry.number]
                low, high = bounds(entry)
                there = row[~np.isnan(row)]
                assert ((low <= there) & (there <= high)).all(), (entry.name, row)


def test_slow_metrics_come_every_so_many_ticks(case: Case) -> None:
    """With the first sample, then after `slow_ticks`; fast ones never wait for them."""
    slow = [m.number for m in CATALOGUE[Kind.GPU] if m.rate == "slow"]
    power = metric(Kind.GPU, "power_w").number
    for tick, taken in enumerate(samples(case.make())):
        assert (tick % SLOW_TICKS == 0) == bool(np.isfinite(taken[Kind.GPU][slow]).any())
        assert np.isfinite(taken[Kind.GPU][power]).all()


def test_the_same_calls_give_the_same_values(case: Case) -> None:
    """Two of them side by side, asked in turn."""
    one, two = case.make(), case.make()
    for t in range(13):
        first, second = (c.sample((T0 + t) * 1000) for c in (one, two))
        for kind, values in first.items():
            np.testing.assert_array_equal(values, second[kind])
        assert one.happenings() == two.happenings()


def test_a_sample_given_out_is_not_changed_later(case: Case) -> None:
    """The next call makes new arrays."""
    collector = case.make()
    first = collector.sample(T0 * 1000)
    kept = {kind: values.copy() for kind, values in first.items()}
    collector.sample((T0 + 1) * 1000)
    for kind, values in first.items():
        np.testing.assert_array_equal(kept[kind], values)


def test_rising_ticks_may_have_gaps(case: Case) -> None:
    """A loop that was late asks for a later tick; the values are those of then."""
    collector = case.make()
    energy = metric(Kind.GPU, "energy_j").number
    first, later = (collector.sample((T0 + t) * 1000)[Kind.GPU][energy] for t in (0, 10))
    # From idle to peak, over ten seconds.
    assert ((10 * 50 < later - first) & (later - first < 10 * 1000)).all()


def test_counters_never_fall(case: Case) -> None:
    """Energy and every total, over more than one round of a recording."""
    collector = case.make()
    last: dict[Kind, np.ndarray] = {}
    for t in range(0, 300, 5):
        for kind, values in collector.sample((T0 + t) * 1000).items():
            rows = [m.number for m in CATALOGUE[kind] if m.counter]
            now = values[rows]
            before = last.get(kind, now)
            assert not (now < before).any()
            last[kind] = np.where(np.isnan(now), before, now)


def test_energy_is_power_times_time(case: Case) -> None:
    """Over three minutes, to a few percent of the mean power."""
    collector = case.make()
    rows = [metric(Kind.GPU, n).number for n in ("energy_j", "power_w")]
    taken = np.stack([s[Kind.GPU][rows] for s in samples(collector, 180)])
    used_j = taken[-1, 0] - taken[0, 0]
    np.testing.assert_allclose(taken[1:, 1].mean(axis=0) * 179, used_j, rtol=0.03)


def test_closing_twice_is_no_harm(case: Case) -> None:
    """Before the first sample and after the last."""
    collector = case.make()
    collector.close()
    collector.close()


def received(collector: Collector, taken: list[Samples]) -> list[Samples]:
    """The samples as a reader of their frames has them."""
    framer, frames = Framer("test", collector, 1), list[Framed]()
    for t, values in enumerate(taken):
        frames += framer.add(T0 + t, values)
    frames += framer.flush()
    out = [{k: np.full_like(v, np.nan) for k, v in values.items()} for values in taken]
    for decoded in (decode_frame(f.record) for f in frames):
        for part in decoded.parts:
            columns = [collector.devices[part.kind].index(d) for d in part.devices]
            values = np.concatenate([raw.astype(float) for _, raw in part.arrays()])
            if (present := part.present()) is not None:
                values[~present] = np.nan
            for entry, cells in zip(part.layout.known, values, strict=True):
                assert entry is not None
                scale = 1.0 if entry.dtype[0] == "f" else entry.scale
                for k in range(part.ticks):
                    place = out[decoded.head.tick - T0 + k][part.kind]
                    place[entry.number, columns] = scale * cells[k]
    return out


def test_the_wire_loses_nothing_but_resolution(case: Case) -> None:
    """Through framer and decoder every value of every tick comes back, absent ones as absent."""
    collector = case.make()
    taken = samples(collector)
    for sent, got in zip(taken, received(collector, taken), strict=True):
        for kind, values in sent.items():
            for entry in CATALOGUE[kind]:
                np.testing.assert_allclose(
                    got[kind][entry.number], values[entry.number],
                    rtol=1e-6, atol=0.501 * entry.scale, err_msg=entry.name,
                )  # fmt: skip


def test_fast_metrics_of_the_recording_are_those_of_the_catalogue() -> None:
    """What a real H200 tells every tick is in the fast set."""
    told = samples(COLLECTORS[0].make())[1][Kind.GPU][:, 0]
    names = {m.name for m in CATALOGUE[Kind.GPU] if np.isfinite(told[m.number])}
    assert names <= {m.name for m in fast(Kind.GPU)}


def test_happenings_are_of_known_devices_and_told_once() -> None:
    """The demo's XID, at its second, on one of the hall's GPUs."""
    collector = TwinCollector(Hall(load("demo")))
    told = []
    for t in range(0, 70, 5):
        collector.sample((T0 + t) * 1000)
        told += collector.happenings()
    assert ["xid"] == [h.kind for h in told]
    assert told[0].subject in collector.devices[Kind.GPU]
    assert (T0 + 60) * 1000 == told[0].t_ms
    assert [] == collector.happenings()
