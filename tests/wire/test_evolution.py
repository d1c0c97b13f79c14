"""Old readers of new frames and new readers of old ones: in the decoder, in the worker's state, in the history's rows."""

import msgspec
import numpy as np
import pytest
from frames import record_bytes

from coldplate.sinks.rows import sample_columns
from coldplate.sinks.tables import raw_column
from coldplate.streams.ring import Ring
from coldplate.wire.errors import Reason, WireError
from coldplate.wire.frame import SCHEMA, Block, Head, decode_frame, encode_frame, seal
from coldplate.wire.layout import Layout
from coldplate.wire.metric import CATALOGUE, DTYPE_CODES, Kind, fast, metric

TICK0 = 1_790_000_000
GPUS = ("r/n/gpu-0", "r/n/gpu-1")
NEW_NUMBER = 63
"""A metric that no catalogue of today has."""


def frame_of(*columns, kind=Kind.GPU, tick=TICK0):
    """A two-tick frame of two devices from (dtype, number, raw values) in this order, as any writer may make it."""
    codes = [DTYPE_CODES[dtype] << 12 | number for dtype, number, _ in columns]
    groups = [np.broadcast_to(np.array(raw, "<" + dtype), (1, 2, 2)) for dtype, _, raw in columns]
    entry = Block(int(kind), GPUS, np.array(codes, "<u2").tobytes())
    return decode_frame(
        encode_frame(Head("test", "r/n", "r", 1, 0, tick, 1000, 2, (entry,)), groups)
    )


def state_after(*frames, kind=Kind.GPU, metrics=None):
    """The worker's ring after these frames; a function that gives a metric's values at the last tick."""
    ring = Ring(kind, metrics or fast(kind), len(GPUS))
    for frame in frames:
        ring.write(frame.parts[0], slice(0, len(GPUS)), frame.head.tick)
    last = np.full(len(GPUS), (frames[-1].head.tick + 1) % 16)
    return lambda name: ring.value(name, last, np.arange(len(GPUS))).tolist()


def rows_of(frame, table="gpu_samples"):
    """The history's columns of a frame; a function that gives a metric's values in its steps, None where absent."""
    columns = sample_columns([frame]).tables[table]
    kind = Kind.GPU if table.startswith("gpu") else Kind.CDU

    def values(name):
        there = columns["present"] >> np.uint64(metric(kind, name).number) & np.uint64(1)
        pairs = zip(columns[raw_column(metric(kind, name))].tolist(), there, strict=True)
        return [v if ok else None for v, ok in pairs]

    return values


def number(name, kind=Kind.GPU):
    return metric(kind, name).number


@pytest.mark.parametrize("dtype", list(DTYPE_CODES))
def test_an_older_reader_skips_a_metric_it_does_not_know(dtype):
    """Whatever its dtype and wherever it stands, the metrics around it arrive."""
    frame = frame_of(
        ("i2", number("gpu_c"), 610), (dtype, NEW_NUMBER, 77), ("u2", number("power_w"), 6912)
    )
    part = frame.parts[0]
    assert ["gpu_c", None, "power_w"] == [m.name if m else None for m in part.layout.known]
    assert [610, 77, 6912] == [v for _, raw in part.arrays() for v in raw[:, 0, 0].tolist()]
    state, rows = state_after(frame), rows_of(frame)
    assert [61.0, 61.0] == state("gpu_c")
    assert [691.2, 691.2] == pytest.approx(state("power_w"))
    assert [610] * 4 == rows("gpu_c")
    assert [691] * 4 == rows("power_w")
    assert [None] * 4 == rows("hbm_c")


def test_a_frame_of_unknown_metrics_only_says_nothing():
    """It is taken, its values are absent, and it makes no wrong row."""
    frame = frame_of(("u4", NEW_NUMBER, 5))
    state = state_after(frame)
    assert all(np.isnan(state(m.name)).all() for m in fast(Kind.GPU))
    assert {} == sample_columns([frame]).tables


def test_fields_that_a_newer_writer_adds_are_skipped():
    """Behind the head's, a block's and the envelope's fields."""
    entry = [1, ["a"], Layout.of([metric(Kind.GPU, "gpu_c")]).code, b"", {"firmware": "1.2"}]
    head = ["test", "r/n", "r", 1, 0, TICK0, 1000, 1, [entry], "new", [1, 2]]
    schema, crc, packed, body = msgspec.msgpack.decode(
        seal(msgspec.msgpack.encode(head), b"\x62\2")
    )
    record = msgspec.msgpack.encode([schema, crc, packed, body, "newer still", None])
    frame = decode_frame(record)
    assert ("r/n", 1, 0) == frame.head.identity
    ((_, raw),) = frame.parts[0].arrays()
    assert [[[610]]] == raw.tolist()


def test_a_newer_schema_is_refused():
    """Only a change that an older reader would misread has a new number, and then the reason says so."""
    with pytest.raises(WireError) as caught:
        decode_frame(seal(b"\xc0 another form", b"of another time", schema=SCHEMA + 1))
    assert Reason.UNKNOWN_SCHEMA is caught.value.reason
    assert f"this reader has {SCHEMA}" in caught.value.detail


def test_a_widened_metric_is_read_as_before():
    """What fits into our dtype arrives, what does not is absent and never wrapped."""
    frame = frame_of(
        ("u4", number("power_w"), [6912, 700_000]), ("i4", number("gpu_c"), [-40, 40_000])
    )
    state, rows = state_after(frame), rows_of(frame)
    for values, expected in ((state("power_w"), 691.2), (state("gpu_c"), -4.0)):
        assert expected == pytest.approx(values[0])
        assert np.isnan(values[1])
    assert [691, None] * 2 == rows("power_w")
    assert [-40, None] * 2 == rows("gpu_c")


def test_a_narrowed_metric_is_read_as_before():
    """Counters that fit may travel in less."""
    frame = frame_of(("u2", number("energy_j"), 50_000), ("u1", number("power_w"), 200))
    state, rows = state_after(frame), rows_of(frame)
    assert [50.0, 50.0] == state("energy_j")
    assert [20.0, 20.0] == state("power_w")
    assert [50] * 4 == rows("energy_j")


def test_a_widened_float_is_read_as_before():
    """Beyond our range it is absent; a reader's arithmetic does not overflow."""
    frame = frame_of(("f8", number("flow_lpm", Kind.CDU), [64.0, 1e300]), kind=Kind.CDU)
    values = state_after(frame, kind=Kind.CDU)("flow_lpm")
    assert 64.0 == values[0]
    assert np.isnan(values[1])
    assert [640, None] * 2 == rows_of(frame, "cdu_samples")("flow_lpm")


def test_an_integer_metric_that_became_a_float_carries_the_physical_value():
    """docs/wire.md: a float dtype is in the catalogue's unit, without its scale."""
    frame = frame_of(("f4", number("gpu_c"), [61.5, np.nan]))
    state, rows = state_after(frame), rows_of(frame)
    assert 61.5 == state("gpu_c")[0]
    assert np.isnan(state("gpu_c")[1])
    assert [615, None] * 2 == rows("gpu_c")


def test_a_float_metric_that_became_an_integer_is_counted_in_steps_of_its_scale():
    """docs/wire.md: an integer dtype times the catalogue's scale is the physical value."""
    frame = frame_of(("u2", number("flow_lpm", Kind.CDU), 6400), kind=Kind.CDU)
    assert [64.0, 64.0] == state_after(frame, kind=Kind.CDU)("flow_lpm")
    assert [640] * 4 == rows_of(frame, "cdu_samples")("flow_lpm")


def test_a_newer_reader_finds_a_metric_missing():
    """A frame of an older catalogue: what it lacks is absent, and so it is after a frame that had it."""
    newer = record_bytes("r/n", "r", TICK0, 2, {Kind.GPU: (GPUS, {"gpu_c": 61, "hbm_c": 50})})
    older = record_bytes("r/n", "r", TICK0 + 16, 2, {Kind.GPU: (GPUS, {"gpu_c": 62})})
    state = state_after(decode_frame(newer), decode_frame(older))
    assert [62.0, 62.0] == state("gpu_c")
    assert np.isnan(state("hbm_c")).all()
    assert [None] * 4 == rows_of(decode_frame(older))("hbm_c")


@pytest.mark.parametrize("lacking", [m.name for m in fast(Kind.GPU)])
def test_a_missing_metric_is_not_made_up_for_by_many_others(lacking):
    """A frame that lacks one metric we keep, and has many we do not, leaves no old value behind."""
    gpu = CATALOGUE[Kind.GPU]
    full = {m.name: m.scale for m in gpu}
    less = {name: value for name, value in full.items() if name != lacking}
    first = record_bytes("r/n", "r", TICK0, 2, {Kind.GPU: (GPUS, full)})
    second = record_bytes("r/n", "r", TICK0 + 16, 2, {Kind.GPU: (GPUS, less)})
    state = state_after(decode_frame(first), decode_frame(second))
    for entry in fast(Kind.GPU):
        assert (entry.name == lacking) == bool(np.isnan(state(entry.name)).any())


def test_a_reader_that_keeps_less_takes_its_share():
    """An older worker's state has fewer metrics than the frame: they arrive, in whatever order they stand."""
    full = {m.name: 3 * m.scale for m in CATALOGUE[Kind.GPU]}
    frame = decode_frame(record_bytes("r/n", "r", TICK0, 2, {Kind.GPU: (GPUS, full)}))
    kept = [metric(Kind.GPU, n) for n in ("job", "gpu_c", "pstate", "swing_w", "energy_j")]
    state = state_after(frame, metrics=kept)
    for entry in kept:
        assert [3 * entry.scale] * 2 == pytest.approx(state(entry.name))
