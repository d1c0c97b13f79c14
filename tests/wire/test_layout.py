"""Layouts: what a physical value becomes on the wire, and which layouts are refused."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coldplate.wire.errors import Reason, WireError
from coldplate.wire.layout import METRICS_MAX, Layout
from coldplate.wire.metric import CATALOGUE, DTYPE_CODES, Kind, metric

unhurried = settings(deadline=None)
ALL = [m for metrics in CATALOGUE.values() for m in metrics]
WHOLE = [m for m in ALL if m.dtype[0] != "f"]
FLOATS = [m for m in ALL if m.dtype[0] == "f"]


def one(entry, value):
    """A value's way to the wire: the raw number, or None when it becomes absent."""
    groups, present = Layout.of([entry]).quantize(np.array([[[value]]], np.float64))
    assert entry.dtype == groups[0].dtype.str[1:]
    return groups[0].item() if present is None or present.item() else None


def code(*entries):
    return np.array([dtype << 12 | number for dtype, number in entries], "<u2").tobytes()


@unhurried
@given(st.sampled_from(WHOLE), st.data())
def test_an_integer_metric_comes_back_within_its_resolution(entry, data):
    """Half a step at most is lost, over the whole range of the dtype."""
    info = np.iinfo(entry.dtype)
    step = data.draw(st.integers(int(info.min) + 1, min(int(info.max), 2**52) - 1))
    value = (step + data.draw(st.floats(-0.5, 0.5))) * entry.scale
    raw = one(entry, value)
    assert raw is not None
    assert abs(raw * entry.scale - value) <= 0.5 * entry.scale * (1 + 1e-9) + abs(value) * 1e-15


@unhurried
@given(st.sampled_from(FLOATS), st.floats(-1e37, 1e37))
def test_a_float_metric_travels_as_it_is(entry, value):
    """Rounded to its dtype and no further."""
    assert np.dtype(entry.dtype).type(value) == one(entry, value)


@pytest.mark.parametrize("entry", WHOLE, ids=lambda m: m.name)
def test_the_ends_of_a_range_can_be_sent(entry):
    """The least and the greatest raw number of a dtype stand for values like any other."""
    low, high = int(np.iinfo(entry.dtype).min), min(int(np.iinfo(entry.dtype).max), 2**50)
    assert low == one(entry, (low + 0.25) * entry.scale)
    assert high == one(entry, (high - 0.25) * entry.scale)


@unhurried
@given(
    st.sampled_from(ALL),
    st.floats(1.0, 1e250) | st.just(np.inf),
    st.sampled_from([-1, 1]),
)
@example(metric(Kind.GPU, "energy_j"), 1.0, 1)
def test_what_the_dtype_cannot_hold_is_absent(entry, factor, sign):
    """Beyond the range on either side a value is absent; it is neither clipped nor wrapped."""
    info = np.finfo(entry.dtype) if entry.dtype[0] == "f" else np.iinfo(entry.dtype)
    bound = float(info.max) if sign > 0 else float(info.min)
    scale = 1.0 if entry.dtype[0] == "f" else entry.scale
    value = (bound * 1.001 + sign) * scale * factor if entry.dtype != "f8" else sign * np.inf
    assert one(entry, value) is None


@pytest.mark.parametrize("entry", ALL, ids=lambda m: f"{m.kind.word}.{m.name}")
def test_nan_is_absent_and_zero_is_zero(entry):
    """Absent is never 0, and 0 is never absent."""
    assert one(entry, np.nan) is None
    assert 0 == one(entry, 0.0)


def test_absence_stays_where_it_is():
    """One absent value marks its own cell, whatever is around it."""
    layout = Layout.of(CATALOGUE[Kind.GPU])
    values = np.ones((len(layout.numbers), 5, 8))
    values[3, 2, 1] = np.nan
    groups, present = layout.quantize(values)
    assert present is not None
    assert [[3, 2, 1]] == np.argwhere(~present).tolist()
    assert [len(r.numbers) for r in layout.runs] == [len(g) for g in groups]
    assert layout.quantize(np.ones((len(layout.numbers), 5, 8)))[1] is None


@unhurried
@given(st.sampled_from(list(Kind)), st.randoms())
def test_body_order_does_not_depend_on_the_caller(kind, random):
    """By falling item size, then number within a dtype; so every array in a body is aligned."""
    metrics = list(CATALOGUE[kind])
    random.shuffle(metrics)
    some = metrics[: random.randint(1, len(metrics))]
    layout = Layout.of(some)
    sizes = [run.dtype.itemsize for run in layout.runs]
    assert sorted(sizes, reverse=True) == sizes
    assert all(list(run.numbers) == sorted(run.numbers) for run in layout.runs)
    assert {m.number for m in some} == set(layout.numbers)
    assert layout is Layout.of(reversed(some))
    assert layout is Layout.parse(kind, layout.code)


def test_a_layout_is_of_one_kind():
    """None, or metrics of two kinds, are the caller's mistake."""
    for metrics in ([], [metric(Kind.GPU, "gpu_c"), metric(Kind.CDU, "flow_lpm")]):
        with pytest.raises(ValueError, match="one kind"):
            Layout.of(metrics)


def test_any_order_and_dtype_can_be_read():
    """A layout says itself where its arrays lie: another writer may order and choose otherwise."""
    layout = Layout.parse(Kind.GPU, code((1, 7), (4, 60), (4, 9), (1, 0)))
    runs = [(r.dtype.str, r.numbers, r.first, r.cell_offset) for r in layout.runs]
    assert [("|u1", (7,), 0, 0), ("<u8", (60, 9), 1, 1), ("|u1", (0,), 3, 17)] == runs
    assert 18 == layout.cell_bytes
    names = [m.name if m else None for m in layout.known]
    assert ["gpu_c", None, "margin_c", "power_w"] == names


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\x07",
        code((2, 0))[:1] + code((2, 1)),
        code((2, 0), (2, 0)),
        code((2, 0), (3, 0)),
        code((2, METRICS_MAX)),
        code((2, 0xFFF)),
        code(*[(1, n) for n in range(METRICS_MAX)], (1, 0)),
        *[code((dtype, 0)) for dtype in range(16) if dtype not in DTYPE_CODES.values()],
    ],
    ids=lambda b: b.hex()[:16] or "empty",
)
def test_a_bad_layout_is_refused(bad):
    """Empty, odd, too long, a number twice or too great, a dtype that nobody knows."""
    with pytest.raises(WireError) as caught:
        Layout.parse(Kind.GPU, bad)
    assert Reason.BAD_LAYOUT is caught.value.reason


def test_an_unknown_metric_can_be_read_but_not_written():
    """Its scale is not known here."""
    layout = Layout.parse(Kind.GPU, code((2, 60)))
    with pytest.raises(ValueError, match="not in the catalogue"):
        layout.quantize(np.ones((1, 1, 1)))
