"""The state arrays: what is written comes back, what is not there is NaN."""

import numpy as np
import pytest
from frames import record_bytes

from coldplate.streams.ring import SLOTS, Ring
from coldplate.wire.frame import Head, Part, block, decode_frame, encode_frame
from coldplate.wire.layout import Layout
from coldplate.wire.metric import CATALOGUE, DTYPE_CODES, Kind, fast, metric

TICK = 1_790_000_000
GPU = Kind.GPU


def part(ticks: int = 1, devices: int = 1, **values: object) -> Part:
    ids = tuple(f"n/gpu-{i}" for i in range(devices))
    return decode_frame(record_bytes("n", "r", TICK, ticks, {GPU: (ids, values)})).parts[0]


def foreign(codes: list[tuple[str, int, float]], kind: Kind = GPU) -> Part:
    """One tick of one device as another version may send it: (dtype, metric number, raw value) each."""
    code = np.array([DTYPE_CODES[d] << 12 | n for d, n, _ in codes], "<u2").tobytes()
    layout = Layout.parse(kind, code)
    groups = [np.full((1, 1, 1), value, f"<{d}") for d, _, value in codes]
    head = Head("c", "n", "r", 1, 0, TICK, 1000, 1, (block(layout, ["g"], None),))
    return decode_frame(encode_frame(head, groups)).parts[0]


def ring(rows: int = 1) -> Ring:
    return Ring(GPU, fast(GPU), rows)


def value(of: Ring, name: str, tick: int, row: int = 0) -> float:
    return float(of.value(name, np.array([tick % SLOTS]), np.array([row]))[0])


@pytest.mark.parametrize("tick", range(TICK, TICK + SLOTS))
def test_values_come_back_in_physical_units(tick: int) -> None:
    """At every slot, so also where a frame runs over the ring's end."""
    made = ring(4)
    celsius = np.array([[50.0, 51.5], [60.0, 61.5], [70.0, 71.5], [80.0, 81.5], [90.0, 91.5]])
    made.write(part(5, 2, gpu_c=celsius), np.array([3, 1]), tick)
    for i in range(5):
        assert tick + i == made.seen[(tick + i) % SLOTS, 3]
        assert list(celsius[i]) == [value(made, "gpu_c", tick + i, row) for row in (3, 1)]
    assert np.isnan(value(made, "gpu_c", tick, 0))


def test_rows_side_by_side_and_rows_apart_are_written_alike() -> None:
    """A slice and an array of the same rows leave the same state."""
    one, two = ring(4), ring(4)
    sent = part(3, 2, gpu_c=[[50, 51]], power_w=np.array([[np.nan, 700.0]]))
    one.write(sent, slice(1, 3), TICK)
    two.write(sent, np.array([1, 2]), TICK)
    rows, slots = np.arange(4), np.full(4, TICK % SLOTS)
    for name in ("gpu_c", "power_w"):
        np.testing.assert_array_equal(one.value(name, slots, rows), two.value(name, slots, rows))


def test_a_metric_that_a_frame_has_not_is_absent_from_its_ticks() -> None:
    """The value of a round earlier does not shine through."""
    made = ring()
    made.write(part(gpu_c=60.0, margin_c=5.0), slice(0, 1), TICK)
    made.write(part(gpu_c=61.0), slice(0, 1), TICK + SLOTS)
    assert np.isnan(value(made, "margin_c", TICK + SLOTS))


def test_slow_metrics_do_not_make_up_for_a_missing_fast_one() -> None:
    """A frame of all metrics but the margin, nothing masked, leaves the margin absent."""
    made = ring()
    everything = {m.name: 1.0 for m in CATALOGUE[GPU]}
    made.write(part(**{**everything, "margin_c": 5.0}), slice(0, 1), TICK)
    del everything["margin_c"]
    made.write(part(**everything), slice(0, 1), TICK + SLOTS)
    assert np.isnan(value(made, "margin_c", TICK + SLOTS))


def test_growth_keeps_what_was_there() -> None:
    """New rows are empty, old ones are as they were."""
    made = ring()
    made.write(part(gpu_c=60.0), slice(0, 1), TICK)
    made.grow(100)
    assert 100 == made.rows
    assert 60.0 == value(made, "gpu_c", TICK)
    assert np.isnan(value(made, "gpu_c", TICK, 99))
    assert -1 == made.seen[:, 1:].max()


def test_a_newer_senders_wider_numbers_and_new_metrics_are_no_harm() -> None:
    """What fits is taken, what does not is absent, what is not known is left."""
    made = ring()
    number = {name: metric(GPU, name).number for name in ("power_w", "gpu_c", "margin_c")}
    sent = foreign(
        [("u8", 60, 1.0), ("u4", number["power_w"], 7000.0), ("i4", number["gpu_c"], 1e6)]
    )
    made.write(sent, slice(0, 1), TICK)
    assert 700.0 == value(made, "power_w", TICK)
    assert np.isnan(value(made, "gpu_c", TICK))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_float_that_is_not_finite_is_absent(bad: float) -> None:
    """Also when the sender's mask says that it is there."""
    made = Ring(Kind.CDU, fast(Kind.CDU), 1)
    sent = foreign([("f4", metric(Kind.CDU, "flow_lpm").number, bad)], Kind.CDU)
    made.write(sent, slice(0, 1), TICK)
    assert np.isnan(value(made, "flow_lpm", TICK))


def test_a_window_of_a_long_frame_is_written_alone() -> None:
    """Half a ring out of sixty ticks, with the ticks' own numbers."""
    made = ring()
    made.write(part(60, gpu_c=np.arange(60.0)[:, None]), slice(0, 1), TICK, 20, 8)
    assert {-1, *range(TICK + 20, TICK + 28)} == {int(n) for n in made.seen[:, 0]}
    assert 27.0 == value(made, "gpu_c", TICK + 27)
