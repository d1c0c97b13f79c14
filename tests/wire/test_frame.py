"""The frame: what goes in comes out, as views into the record, and what is malformed is refused."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coldplate.wire.errors import Reason, WireError
from coldplate.wire.frame import (
    BLOCKS_MAX,
    DEVICES_MAX,
    RECORD_BYTES_MAX,
    TICKS_MAX,
    Block,
    Head,
    block,
    decode_frame,
    encode_frame,
    seal,
)
from coldplate.wire.layout import Layout
from coldplate.wire.metric import CATALOGUE, Kind, metric

unhurried = settings(deadline=None)
TICK0 = 1_790_000_000
GPU_C = Layout.of([metric(Kind.GPU, "gpu_c")])
names = st.text(max_size=40)


@st.composite
def frames(draw):
    """A head, and by block the physical values (NaN where absent) it was made from."""
    ticks = draw(st.integers(1, 6) | st.just(TICKS_MAX))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kinds = draw(
        st.lists(st.sampled_from(list(Kind)), min_size=1, max_size=BLOCKS_MAX, unique=True)
    )
    blocks, groups, values = [], [], []
    for kind in kinds:
        chosen = st.lists(st.sampled_from(CATALOGUE[kind]), min_size=1, unique=True)
        layout = Layout.of(draw(chosen))
        devices = draw(st.lists(names, min_size=1, max_size=9, unique=True))
        raw = rng.integers(0, 200, (len(layout.numbers), ticks, len(devices)))
        physical = raw * np.array([m.scale for m in layout.known])[:, None, None]
        physical[rng.random(physical.shape) < draw(st.sampled_from([0.0, 0.1, 1.0]))] = np.nan
        made, present = layout.quantize(physical)
        blocks.append(block(layout, devices, present))
        groups += made
        values.append(physical)
    numbers = [draw(st.integers(0, 2**n - 1)) for n in (63, 63, 43)]
    tick_ms = draw(st.integers(1, 3_600_000))
    head = Head(draw(names), draw(names), draw(names), *numbers, tick_ms, ticks, tuple(blocks))
    return head, groups, values


@unhurried
@given(frames())
def test_what_goes_in_comes_out(case):
    """Head, devices, every value within its resolution, and every absence, of any kinds and shapes."""
    head, groups, values = case
    frame = decode_frame(encode_frame(head, groups))
    assert head == frame.head
    assert (head.source, head.boot, head.seq) == frame.head.identity
    assert len(values) == len(frame.parts)
    for entry, part, physical in zip(head.blocks, frame.parts, values, strict=True):
        assert (entry.kind, entry.devices) == (part.kind, part.devices)
        got = np.full(physical.shape, np.nan)
        for run, raw in part.arrays():
            scales = [1.0 if m.dtype[0] == "f" else m.scale for m in part.layout.known]
            part_of = slice(run.first, run.first + len(run.numbers))
            got[part_of] = raw * np.array(scales[part_of])[:, None, None]
        present = part.present()
        if present is not None:
            got[~present] = np.nan
        np.testing.assert_allclose(got, physical, rtol=1e-6)
        assert (present is None) == (not np.isnan(physical).any())


@unhurried
@given(frames())
def test_arrays_are_aligned_views_into_the_record(case):
    """Nothing is copied, nothing can be written, and in its block an array starts at a multiple of its item size."""
    record = encode_frame(*case[:2])
    bytes_of = np.frombuffer(record, np.uint8)
    for part in decode_frame(record).parts:
        cells = part.ticks * len(part.devices)
        for run, raw in part.arrays():
            assert np.shares_memory(bytes_of, raw)
            assert not raw.flags.writeable
            assert 0 == run.cell_offset * cells % run.dtype.itemsize


def test_a_float_that_is_no_number_is_absent():
    """Whatever the mask says, and with no mask at all."""
    layout = Layout.of(metric(Kind.NODE, n) for n in ("node_power_w", "air_inlet_c"))
    raw = np.array([[[1.0, np.nan]], [[np.inf, 20.0]]], "<f4")
    expected = [[[True, False]], [[False, True]]]
    for present in (None, np.ones(raw.shape, bool)):
        entry = block(layout, ("a", "b"), present)
        part = decode_frame(encode_frame(head_of(entry, ticks=1), [raw])).parts[0]
        assert expected == part.present().tolist()


def head_of(*blocks, **changes):
    fields = {"boot": 1, "seq": 0, "tick": TICK0, "tick_ms": 1000, "ticks": 2}
    fields |= {"cluster": "c", "source": "r/n", "rack": "r", **changes}
    return Head(blocks=blocks, **fields)


def gpu_block(**changes):
    fields = {"kind": 1, "devices": ("a", "b"), "layout": GPU_C.code, "mask": b""}
    return Block(**fields | changes)


def record_of(head, body=b"\0" * 8):
    return seal(msgspec.msgpack.encode(head), body)


BAD = {
    "no ticks": (record_of(head_of(gpu_block(), ticks=0)), Reason.BAD_SHAPE),
    "61 ticks": (record_of(head_of(gpu_block(), ticks=61), b"\0" * 244), Reason.BAD_SHAPE),
    "no tick length": (record_of(head_of(gpu_block(), tick_ms=0)), Reason.BAD_SHAPE),
    "ticks of hours": (record_of(head_of(gpu_block(), tick_ms=3_600_001)), Reason.BAD_SHAPE),
    "before 1970": (record_of(head_of(gpu_block(), tick=-1)), Reason.BAD_SHAPE),
    "far future": (record_of(head_of(gpu_block(), tick=1 << 43)), Reason.BAD_SHAPE),
    "negative boot": (record_of(head_of(gpu_block(), boot=-1)), Reason.BAD_SHAPE),
    "great boot": (record_of(head_of(gpu_block(), boot=1 << 63)), Reason.BAD_SHAPE),
    "negative seq": (record_of(head_of(gpu_block(), seq=-1)), Reason.BAD_SHAPE),
    "great seq": (record_of(head_of(gpu_block(), seq=1 << 63)), Reason.BAD_SHAPE),
    "no blocks": (record_of(head_of(), b""), Reason.BAD_SHAPE),
    "5 blocks": (record_of(head_of(*[gpu_block()] * 5), b"\0" * 40), Reason.BAD_SHAPE),
    "no devices": (record_of(head_of(gpu_block(devices=())), b""), Reason.BAD_SHAPE),
    "device twice": (record_of(head_of(gpu_block(devices=("a", "a")))), Reason.BAD_SHAPE),
    "too many devices": (
        record_of(
            head_of(gpu_block(devices=tuple(map(str, range(DEVICES_MAX + 1))))),
            b"\0" * 4 * (DEVICES_MAX + 1),
        ),
        Reason.BAD_SHAPE,
    ),
    "short body": (record_of(head_of(gpu_block()), b"\0" * 7), Reason.BAD_SHAPE),
    "long body": (record_of(head_of(gpu_block()), b"\0" * 9), Reason.BAD_SHAPE),
    "short mask": (record_of(head_of(gpu_block(layout=GPU_C.code * 1, mask=b"\1" * 2))), Reason.BAD_SHAPE),
    "unknown kind": (record_of(head_of(gpu_block(kind=6))), Reason.BAD_LAYOUT),
    "unknown dtype": (record_of(head_of(gpu_block(layout=b"\x07\xf0"))), Reason.BAD_LAYOUT),
    "unknown schema": (seal(b"", b"", schema=2), Reason.UNKNOWN_SCHEMA),
    "wrong type": (seal(msgspec.msgpack.encode(["c", 1]), b""), Reason.NOT_MESSAGEPACK),
    "empty": (b"", Reason.NOT_MESSAGEPACK),
    "a map": (msgspec.msgpack.encode({"schema": 1}), Reason.NOT_MESSAGEPACK),
    "text": (b"power_w=700", Reason.NOT_MESSAGEPACK),
    "too large": (b"\0" * (RECORD_BYTES_MAX + 1), Reason.TOO_LARGE),
}  # fmt: skip


@pytest.mark.parametrize(("record", "reason"), BAD.values(), ids=BAD.keys())
def test_a_malformed_frame_is_refused_with_its_reason(record, reason):
    """One error class, and the reason that counters and the rejects topic are keyed by."""
    with pytest.raises(WireError) as caught:
        decode_frame(record)
    assert reason is caught.value.reason


def test_a_changed_byte_is_a_bad_crc():
    """Of the head's and of the body's bytes, each one matters."""
    record = record_of(head_of(gpu_block()))
    for position in range(len(record) - 20, len(record)):
        changed = bytearray(record)
        changed[position] ^= 0x20
        with pytest.raises(WireError) as caught:
            decode_frame(bytes(changed))
        assert caught.value.reason in (Reason.BAD_CRC, Reason.NOT_MESSAGEPACK)
    body = bytearray(record)
    body[-1] ^= 1
    with pytest.raises(WireError, match="bad-crc"):
        decode_frame(bytes(body))


def test_limits_are_reached():
    """The largest lawful numbers pass: 60 ticks, 1,024 devices, the last tick and sequence number."""
    devices = tuple(f"d{n}" for n in range(DEVICES_MAX))
    head = head_of(
        gpu_block(devices=devices), ticks=TICKS_MAX, tick=(1 << 43) - 1, tick_ms=3_600_000,
        boot=(1 << 63) - 1, seq=(1 << 63) - 1,
    )  # fmt: skip
    part = decode_frame(record_of(head, b"\1\0" * TICKS_MAX * DEVICES_MAX)).parts[0]
    ((_, raw),) = part.arrays()
    assert (1, TICKS_MAX, DEVICES_MAX) == raw.shape
    assert (raw == 1).all()
