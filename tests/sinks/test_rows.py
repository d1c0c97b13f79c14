"""Frames to columns, against an implementation that looks at one value at a time."""

import numpy as np
import pytest
from frames import record_bytes

from coldplate.sinks.rows import sample_columns
from coldplate.sinks.tables import SAMPLE_TABLES, kept_dtype, raw_column
from coldplate.wire.frame import Block, Head, decode_frame, encode_frame
from coldplate.wire.inventory import device_key
from coldplate.wire.layout import Layout
from coldplate.wire.metric import CATALOGUE, DTYPE_CODES, Kind

T0 = 1_790_000_000


def reference(frames):
    """Rows by table as a list of dictionaries, and present values by frame."""
    tables, values = {}, []
    for frame in frames:
        values.append(0)
        for part in frame.parts:
            there = part.present()
            raw = [row for _, array in part.arrays() for row in array]
            for table in SAMPLE_TABLES:
                if table.kind is part.kind:
                    values[-1] += add_rows(tables, table, frame.head, part, raw, there)
    return tables, values


def add_rows(tables, table, head, part, raw, there):
    count = 0
    mine = [m for m in table.metrics if m.number in part.layout.numbers]
    for tick in range(part.ticks if mine else 0):
        for column, device in enumerate(part.devices):
            row = {
                "device": device_key(head.rack, device), "t": (head.tick + tick) * head.tick_ms,
                "boot": head.boot, "seq": head.seq, "present": 0, "tick_ms": head.tick_ms,
            }  # fmt: skip
            row |= {raw_column(m): 0 for m in table.metrics}
            for m in mine:
                position = part.layout.numbers.index(m.number)
                at = position, tick, column
                steps = in_our_steps(raw[position][tick, column], m)
                if (there is None or there[at]) and fits(steps, m):
                    row[raw_column(m)] = np.dtype(kept_dtype(m)).type(round(steps))
                    row["present"] |= 1 << m.number
                    count += 1
            if row["present"] or not table.sparse:
                tables.setdefault(table.name, []).append(row)
    return count


def in_our_steps(value, metric):
    """Integers count steps of the wire's scale, floats are physical values; what is kept counts steps of its own."""
    scale = 1.0 if value.dtype.kind == "f" else metric.scale
    if value.dtype.kind != "f" and scale == metric.kept_scale:
        return int(value)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.float64(value) * (scale / metric.kept_scale)


def fits(steps, metric):
    info = np.iinfo(kept_dtype(metric))
    return bool(np.isfinite(float(steps))) and int(info.min) <= round(steps) <= int(info.max)


def random_frame(rng, seq):
    """A frame of any kinds, metrics, dtypes, shapes; some metrics unknown, some values not finite."""
    ticks = int(rng.integers(1, 6))
    blocks, groups = [], []
    for number in rng.choice(list(Kind), int(rng.integers(1, 4)), replace=False):
        kind = Kind(number)
        devices = tuple(f"rack-1/{kind.word}-{d}" for d in range(rng.integers(1, 5)))
        layout = random_layout(rng, kind)
        count = len(layout.numbers)
        for run in layout.runs:
            shape = (len(run.numbers), ticks, len(devices))
            size = int(np.prod(shape)) * run.dtype.itemsize
            array = np.frombuffer(rng.bytes(size), run.dtype).reshape(shape).copy()
            if run.dtype.kind == "f" and rng.random() < 0.7:
                array[:] = rng.normal(50, 20, shape)
            elif rng.random() < 0.5:
                array[:] = rng.integers(0, 100, shape)
            groups.append(array)
        present = rng.random((count, ticks, len(devices))) < rng.choice([0.0, 0.2, 0.9])
        mask = np.packbits(present).tobytes() if rng.random() < 0.6 else b""
        blocks.append(Block(int(kind), devices, layout.code, mask))
    head = Head("test", "rack-1/x", "rack-1", 7, seq, T0 + seq, 500, ticks, tuple(blocks))
    return decode_frame(encode_frame(head, groups))


def random_layout(rng, kind):
    known = list(CATALOGUE[kind])
    chosen = [m for m in known if rng.random() < 0.5] or known[:1]
    codes = [
        (DTYPE_CODES[m.dtype if rng.random() < 0.8 else rng.choice(list(DTYPE_CODES))], m.number)
        for m in chosen
    ]
    if rng.random() < 0.3:
        codes.append((DTYPE_CODES["u4"], 63))
    rng.shuffle(codes)
    return Layout.parse(kind, np.array([d << 12 | n for d, n in codes], "<u2").tobytes())


def as_rows(columns):
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def key(row):
    return (int(row["device"]), int(row["t"]), int(row["seq"]), int(row["present"]), str(row))


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize("seed", range(40))
def test_as_the_slow_way_does(seed):
    """Random frames with masks, mixed layouts, unknown metrics and foreign dtypes give the same rows."""
    rng = np.random.default_rng(seed)
    frames = [random_frame(rng, seq) for seq in range(12)]
    frames += [random_frame(np.random.default_rng(seed), 100 + n) for n in range(3)]
    got = sample_columns(frames)
    expected, values = reference(frames)
    assert got.values.tolist() == values
    assert got.samples.tolist() == [
        sum(p.ticks * len(p.devices) for p in f.parts) for f in frames
    ]  # fmt: skip
    assert set(got.tables) == set(expected)
    for name, columns in got.tables.items():
        assert all(c.flags.c_contiguous for c in columns.values())
        rows = [{k: v.item() for k, v in row.items()} for row in as_rows(columns)]
        wanted = [
            {k: v.item() if isinstance(v, np.generic) else v for k, v in row.items()}
            for row in expected[name]
        ]
        wanted = [
            {k: columns[k].dtype.type(v).item() for k, v in row.items()} for row in wanted
        ]  # fmt: skip
        assert sorted(rows, key=key) == sorted(wanted, key=key)


def test_columns_have_the_catalogue_dtypes_and_rows_their_order():
    """Dtypes are the table's; rows of a frame come tick by tick, device by device."""
    values = {"gpu_c": np.arange(6).reshape(2, 3), "power_limit_w": [[700.0] * 3, [np.nan] * 3]}
    record = record_bytes("r/n", "r", T0, 2, {Kind.GPU: (("a", "b", "c"), values)})
    tables = sample_columns([decode_frame(record)]).tables
    fast, slow = tables["gpu_samples"], tables["gpu_slow_samples"]
    assert fast["gpu_c_raw"].tolist() == [0, 10, 20, 30, 40, 50]
    assert fast["t"].tolist() == [T0 * 1000] * 3 + [T0 * 1000 + 1000] * 3
    assert fast["device"].tolist() == [device_key("r", d) for d in "abc"] * 2
    assert slow["power_limit_w_raw"].tolist() == [7000] * 3
    for table in SAMPLE_TABLES[:2]:
        for m in table.metrics:
            assert tables[table.name][raw_column(m)].dtype == np.dtype(m.dtype)
    assert set(fast["present"].tolist()) == {1 << 7}


def test_no_frames_no_tables():
    """Nothing in, nothing out."""
    assert sample_columns([]).tables == {}
