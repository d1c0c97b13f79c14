"""Blocks written together leave the state that they leave one by one."""

import numpy as np
import pytest
from frames import record_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

from coldplate.streams.join import join
from coldplate.streams.ring import Ring
from coldplate.streams.slow import Slow
from coldplate.wire.frame import Part, decode_frame
from coldplate.wire.metric import Kind, fast, metric

TICK = 1_790_000_000
NAMES = {Kind.GPU: ("gpu_c", "margin_c", "energy_j"), Kind.CDU: ("flow_lpm", "makeup_l_total")}


def part(number: int, kind: Kind, ticks: int, devices: int, absent: float) -> Part:
    """Different values in every cell; so many of them, as a share, are not there."""
    luck = np.random.default_rng(number)
    values = {n: np.rint(luck.uniform(0, 90, (ticks, devices))) for n in NAMES[kind]}
    for cells in values.values():
        cells[luck.uniform(size=cells.shape) < absent] = np.nan
    ids = tuple(f"n{number}/{i}" for i in range(devices))
    return decode_frame(record_bytes(f"n{number}", "r", TICK, ticks, {kind: (ids, values)})).parts[
        0
    ]


@given(
    kind=st.sampled_from(list(NAMES)), count=st.integers(1, 6), ticks=st.integers(1, 16),
    devices=st.integers(1, 9), absent=st.sampled_from([0.0, 0.3]), apart=st.booleans(),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_together_or_one_by_one_is_the_same(
    kind: Kind, count: int, ticks: int, devices: int, absent: float, apart: bool
) -> None:
    """Every value of every device at every tick, absent ones too."""
    parts = [part(n, kind, ticks, devices, absent) for n in range(count)]
    parts = [p for p in parts if p.shape == parts[0].shape]
    rows = np.arange(len(parts) * devices)
    lines = np.random.default_rng(count).permutation(rows) if apart else rows
    lines = lines.reshape(-1, devices)
    one_by_one, together = (Ring(kind, fast(kind), len(rows)) for _ in range(2))
    for p, own in zip(parts, lines, strict=True):
        one_by_one.write(p, own, TICK)
    together.write(join(parts), lines if apart else slice(0, len(rows)), TICK)
    np.testing.assert_array_equal(one_by_one.seen, together.seen)
    for tick in range(TICK, TICK + ticks):
        slots = np.full(len(rows), tick % 16)
        for name in NAMES[kind]:
            expected = one_by_one.value(name, slots, rows)
            np.testing.assert_array_equal(expected, together.value(name, slots, rows))
            np.testing.assert_array_equal(
                expected, together.value(name, tick % 16, slice(0, len(rows)))
            )


@pytest.mark.parametrize("apart", [True, False])
def test_the_last_word_of_slow_metrics_is_the_same(apart: bool) -> None:
    """Blocks together or one by one, newest tick told."""
    parts = [part(n, Kind.GPU, 5, 4, 0.6) for n in range(6)]
    lines = np.arange(24)[::-1].reshape(6, 4) if apart else np.arange(24).reshape(6, 4)
    one_by_one, together = (Slow([metric(Kind.GPU, n) for n in NAMES[Kind.GPU]]) for _ in range(2))
    for slow in (one_by_one, together):
        slow.grow(24)
    for p, own in zip(parts, lines, strict=True):
        one_by_one.write(p, own, 1_000_000, 1000)
    together.write(join(parts), lines if apart else slice(0, 24), 1_000_000, 1000)
    for name in NAMES[Kind.GPU]:
        expected = one_by_one.value(name, np.arange(24), np.full(24, 1_004_000))
        assert np.isfinite(expected).any()
        for rows in (np.arange(24), slice(0, 24)):
            got = together.value(name, rows, np.full(24, 1_004_000))
            np.testing.assert_array_equal(expected, got)


@pytest.mark.parametrize(("ticks", "absent"), [(3, 0.0), (2, 0.5)])
def test_blocks_of_another_length_or_with_a_mask_are_of_another_shape(
    ticks: int, absent: float
) -> None:
    """They are not joined with whole ones of two ticks."""
    whole = part(0, Kind.GPU, 2, 4, 0.0)
    assert whole.shape == part(1, Kind.GPU, 2, 4, 0.0).shape
    assert whole.shape != part(2, Kind.GPU, ticks, 4, absent).shape
