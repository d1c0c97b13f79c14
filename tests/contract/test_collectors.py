"""Every collector against every check of the contract; a new collector gets its row in `collectors.CASES`."""

import re
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from contract.collectors import CASES, Case
from contract.rigs import SLOW_TICKS, T0, Rig
from waiting import await_that

from coldplate.agents.collector import Collector, Happening, Origin, Samples
from coldplate.agents.framer import Framed, Framer
from coldplate.wire.frame import decode_frame
from coldplate.wire.metric import CATALOGUE, Kind, Metric

# Where the physics and the sensors end, by name or by unit.
BOUNDS = {
    "power_limit_w": (200.0, 700.0), "sm_clock_mhz": (100.0, 1980.0), "mem_clock_mhz": (100.0, 3300.0),
    "clock_event_reasons": (0.0, 0x7FF), "mem_used_bytes": (0.0, 141e9), "pstate": (0.0, 15.0), "leak": (0.0, 1.0),
    "margin_c": (-10.0, 87.0), "pcie_gen": (1.0, 6.0), "pcie_width": (1.0, 16.0), "swing_hz": (0.1, 20.0),
    "filter_kpa_delta": (0.0, 200.0), "clock_offset_s": (-1.0, 1.0), "clock_wrong": (0.0, 1.0),
    "pcie_gen_max": (1.0, 6.0), "pcie_width_max": (1.0, 16.0), "needs_reset": (0.0, 2.0), "dew_point_c": (-20.0, 40.0),
}  # fmt: skip
UNITS = {
    "W": (0.0, 150e6), "Hz": (0.0, 61.0), "degC": (5.0, 95.0), "1": (0.0, 2**32), "B": (0.0, 2**63),
    "J": (0.0, 1e12), "s": (0.0, 1e9), "l/min": (0.0, 500.0), "kPa": (80.0, 800.0), "1/min": (0.0, 6000.0),
    "l": (0.0, 1e6), "MHz": (0.0, 1e4), "K": (-10.0, 87.0), "uS/cm": (0.0, 1e4),
}  # fmt: skip

EVERY_TICKS_MAX = 60
NAME_MAX = 100
WORDS = frozenset(re.findall(r"`([a-z-]+)`", (Origin.__doc__ or "").partition("absent\n")[2]))
"""Why there may be no value, as the contract documents it."""


@pytest.fixture(params=CASES, ids=lambda c: c.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture
def rig(case: Case, tmp_path: Path) -> Iterator[Rig]:
    with case.open(tmp_path) as opened:
        yield opened


def bounds(entry: Metric) -> tuple[float, float]:
    if entry.name.endswith("_ratio"):
        return 0.0, 1.0
    if entry.kind is Kind.GPU and entry.unit == "W":
        return BOUNDS.get(entry.name, (0.0, 1200.0))
    return BOUNDS.get(entry.name, UNITS[entry.unit])


def kinds(collector: Collector) -> dict[str, Kind]:
    """Of every device."""
    return {device: kind for kind, ids in collector.devices.items() for device in ids}


def when_told(taken: list[Samples]) -> dict[Kind, np.ndarray]:
    """By kind whether there is a value: shape (ticks, metrics, devices)."""
    return {kind: np.isfinite(np.stack([s[kind] for s in taken])) for kind in taken[0]}


def test_samples_have_a_row_a_metric_and_a_column_a_device(rig: Rig) -> None:
    """For every kind of its devices, at every tick, in double precision."""
    shapes = {k: (len(CATALOGUE[k]), len(ids)) for k, ids in rig.collector.devices.items()}
    for taken in rig.samples(13):
        assert shapes == {kind: values.shape for kind, values in taken.items()}
        assert {np.dtype(np.float64)} >= {values.dtype for values in taken.values()}


def test_devices_and_sources_are_known_at_once_and_stay(rig: Rig) -> None:
    """Before the first sample, and whatever happens."""
    devices, sources = dict(rig.collector.devices), tuple(rig.collector.sources)
    rig.samples(5)
    if rig.provoke is not None:
        rig.provoke()
    rig.samples(5)
    assert devices == dict(rig.collector.devices)
    assert sources == tuple(rig.collector.sources)


def test_every_device_belongs_to_exactly_one_source(rig: Rig) -> None:
    """And ids are unique, and a source stands under its rack."""
    collector = rig.collector
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


def test_what_a_source_cannot_tell_is_absent(case: Case, rig: Rig) -> None:
    """NaN at every tick, never a made-up 0; and everything else is told at some tick."""
    told = {
        kind: {CATALOGUE[kind][i].name for i in np.flatnonzero(there.any(axis=(0, 2)))}
        for kind, there in when_told(rig.samples(35)).items()
    }
    assert case.gives.keys() == told.keys()
    for kind, names in told.items():
        assert case.gives[kind] - case.sometimes == names - case.sometimes


def test_values_are_possible(rig: Rig) -> None:
    """Each within what physics and its sensor allow, and never infinite."""
    for taken in rig.samples(60):
        for kind, values in taken.items():
            for entry in CATALOGUE[kind]:
                row = values[entry.number]
                low, high = bounds(entry)
                there = row[~np.isnan(row)]
                assert ((low <= there) & (there <= high)).all(), (entry.name, row)


def test_nothing_waits_longer_than_a_minute_and_slow_metrics_wait(case: Case, rig: Rig) -> None:
    """What a device tells, it tells every 60 ticks at least; slow ones not more often than asked for, after the first."""
    count = 75
    for kind, there in when_told(rig.samples(count)).items():
        for entry in CATALOGUE[kind]:
            for column in np.flatnonzero(there[:, entry.number].any(axis=0)):
                ticks = np.flatnonzero(there[:, entry.number, column])
                waits = np.diff([-1, *ticks, count])
                if entry.name not in case.sometimes:
                    assert waits.max() <= EVERY_TICKS_MAX, entry.name
                if entry.rate == "slow":
                    assert (np.diff(ticks[1:]) >= SLOW_TICKS).all(), (entry.name, ticks)


def test_a_sample_given_out_is_not_changed_later(rig: Rig) -> None:
    """The next call makes new arrays."""
    first = rig.sample()
    kept = {kind: values.copy() for kind, values in first.items()}
    second = rig.sample()
    for kind, values in first.items():
        np.testing.assert_array_equal(kept[kind], values)
        assert not np.shares_memory(values, second[kind])


def test_rising_ticks_may_have_gaps(case: Case, rig: Rig) -> None:
    """A loop that was late asks for a later tick: nothing else is told then, and no source is called lost."""
    taken = [rig.sample(step) for step in (1, 1, 10, 1, 30, *[1] * 8)]
    for kind, there in when_told(taken).items():
        names = {CATALOGUE[kind][i].name for i in np.flatnonzero(there.any(axis=(0, 2)))}
        assert names <= case.gives[kind]
    assert [] == [h for h in rig.collector.happenings() if h.kind.endswith("_lost")]
    assert all(h.ok for h in rig.collector.health())


def test_counters_never_fall(rig: Rig) -> None:
    """Energy and every total, over more than one round of a recording."""
    last: dict[Kind, np.ndarray] = {}
    for taken in rig.samples(60, step=5):
        for kind, values in taken.items():
            rows = [m.number for m in CATALOGUE[kind] if m.counter]
            now = values[rows]
            before = last.get(kind, now)
            assert not (now < before).any()
            last[kind] = np.where(np.isnan(now), before, now)


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


def test_the_wire_loses_nothing_but_resolution(rig: Rig) -> None:
    """Through framer and decoder every value of every tick comes back, absent ones as absent."""
    taken = rig.samples(13)
    for sent, got in zip(taken, received(rig.collector, taken), strict=True):
        for kind, values in sent.items():
            for entry in CATALOGUE[kind]:
                np.testing.assert_allclose(
                    got[kind][entry.number], values[entry.number],
                    rtol=1e-6, atol=0.501 * entry.scale, err_msg=entry.name,
                )  # fmt: skip


def test_happenings_are_of_known_devices_and_told_once(case: Case, rig: Rig) -> None:
    """What is made to happen is among them; asking again at once gives none of them again."""
    collector, told = rig.collector, list[Happening]()

    def hear() -> list[tuple[str, str]]:
        rig.sample()
        told.extend(collector.happenings())
        return [(h.kind, h.subject) for h in told]

    hear()
    if rig.provoke is not None:
        before, expected = Counter(hear()), rig.provoke()
        await_that(lambda: hear().count(expected) > before[expected], 20.0, f"{expected}")
        for _ in range(12):
            hear()
        assert before[expected] + 1 == hear().count(expected)
    known = {*kinds(collector), *(s.name for s in collector.sources), *case.about}
    assert {h.subject for h in told} <= known
    assert all(h.kind and isinstance(h.t_ms, int) for h in told)
    # What differs in nothing was told twice.
    assert len(told) == len({repr(h) for h in told})


def test_conditions_have_an_element_a_source(rig: Rig) -> None:
    """Or there are none."""
    for _ in range(3):
        rig.sample()
        conditions = rig.collector.conditions()
        if conditions is not None:
            shape = (len(rig.collector.sources),)
            assert [shape, shape] == [conditions.silent.shape, conditions.shift_ticks.shape]


def test_health_is_well_formed(rig: Rig) -> None:
    """The same names for ever, one line of text that stands there only when something is wrong."""
    collector = rig.collector
    names = []
    for count in (0, 1, 30):
        rig.samples(count)
        found = collector.health()
        names.append([h.name for h in found])
        # A gathering's lane and its member may have one name.
        assert max(Counter(names[-1]).values(), default=0) <= 2
        for health in found:
            assert 0 < len(health.name) <= NAME_MAX
            assert health.ok == (health.text == "")
            assert "\n" not in health.text
            assert health.duration_s is None or health.duration_s >= 0
            assert health.last_success_ms is None or T0 * 1000 <= health.last_success_ms <= rig.now_ms  # fmt: skip
            assert all(type(n) is int and n >= 0 for n in health.counts.values())
    assert names[0] == names[1] == names[2]


def test_origins_say_of_each_metric_where_it_comes_from_or_why_it_is_absent(
    case: Case, rig: Rig
) -> None:
    """For metrics that the device's kind has; what is told is not called absent, and the other way round."""
    collector = rig.collector
    there = when_told(rig.samples(35))
    kind_of = kinds(collector)
    for device, origins in collector.origins().items():
        kind = kind_of[device]
        column = collector.devices[kind].index(device)
        for name, origin in origins.items():
            (entry,) = [m for m in CATALOGUE[kind] if m.name == name]
            assert origin.source or origin.absent
            assert "\n" not in origin.source
            assert origin.cost_us is None or origin.cost_us >= 0
            assert origin.absent in WORDS | {""}
            if name not in case.sometimes:
                told = bool(there[kind][:, entry.number, column].any())
                assert told == (origin.absent == ""), (device, name, origin)
        told_names = {CATALOGUE[kind][i].name for i in np.flatnonzero(there[kind][:, :, column].any(axis=0))}  # fmt: skip
        assert told_names <= origins.keys()


def test_health_and_origins_are_told_to_another_thread_while_it_samples(rig: Rig) -> None:
    """A page that somebody looks at disturbs no tick."""
    over, errors, looks = threading.Event(), list[Exception](), [0]

    def look() -> None:
        while not over.is_set():
            try:
                rig.collector.health()
                rig.collector.origins()
                looks[0] += 1
            except Exception as error:  # noqa: BLE001  whatever it is, the test shows it
                errors.append(error)
                return

    thread = threading.Thread(target=look)
    thread.start()
    rig.samples(20)
    if rig.provoke is not None:
        rig.provoke()
    rig.samples(5)
    await_that(lambda: looks[0] or errors, 5.0, "a look")
    over.set()
    thread.join()
    assert [] == errors


@pytest.mark.parametrize("ticks", [0, 3])
def test_closing_twice_is_no_harm_and_ends_its_threads(case: Case, tmp_path: Path, ticks: int) -> None:  # fmt: skip
    """Before the first sample and after the last; those of a server behind it end with the connection."""
    before = set(threading.enumerate())
    with case.open(tmp_path) as rig:
        rig.samples(ticks)
        rig.collector.close()
        rig.collector.close()
    await_that(lambda: set(threading.enumerate()) <= before, 5.0, "its threads to end")
