"""Whatever the bytes: one error class comes out, and memory stays in proportion to the record."""

import struct
import tracemalloc
from functools import partial

import msgspec
import numpy as np
import pytest
from frames import record_bytes
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coldplate.wire.baseline import Baselines, Block, Learnt, packed
from coldplate.wire.codec import SMALL_RECORD_BYTES_MAX, decode, encode
from coldplate.wire.errors import WireError
from coldplate.wire.event import Event
from coldplate.wire.frame import RECORD_BYTES_MAX, decode_frame, seal
from coldplate.wire.incident import Anomaly, Evidence, Incident, Severity, State
from coldplate.wire.metric import CATALOGUE, Kind
from coldplate.wire.reject import Reject

unhurried = settings(deadline=None)
pack, unpack = msgspec.msgpack.encode, msgspec.msgpack.decode

EVIDENCE = Evidence("flow_loss", "r/cdu", "flow_lpm", 1_790_000_000_000, 19.2, 38.4, 64.0, "low")
SMALL = (
    Event("xid", "r/n/g", "r", 1_790_000_000_000, "c", "r/n", 1, 2, 79, "NVRM: Xid", {"pid": 4711}),
    Anomaly("c", "flow_loss", "flow-loss", "r/cdu", "r", 1, True, Severity.CRITICAL, EVIDENCE, 9, 8),
    Incident(
        "c", "0123456789ab", 1, State.OPEN, "pump-stop", "r/cdu", "r", Severity.CRITICAL, 1, 2,
        "Pump 1 stands", 1, None, ("r/n/g",), (EVIDENCE,), 5, None, "opened",
    ),
    Reject("bad-crc", "of 3 + 4 bytes", "coldplate.frames", 3, 4711, 7, b"\x94\x01", "worker"),
    Baselines("c", "r", 1_790_000_000_000, (Block("cdu", ("r/cdu",), (
        Learnt("flow-loss", "flow_lpm", "l/min", packed([64.0]), packed([60.0]), packed([1.79e12]), packed([60.0])),
    )),)),
)  # fmt: skip


def frame_bytes():
    """A frame of two kinds with masks and floats, 2 ticks."""
    gpu = {m.name: np.array([[3 * m.scale, np.nan]]) for m in CATALOGUE[Kind.GPU]}
    node = {m.name: 20.0 for m in CATALOGUE[Kind.NODE]}
    values = {Kind.GPU: (("r/n/gpu-0", "r/n/gpu-1"), gpu), Kind.NODE: (("r/n",), node)}
    return record_bytes("r/n", "r", 1_790_000_000, 2, values)


FRAME = frame_bytes()
HEAD, BODY = unpack(FRAME)[2:]


def read_whole_frame(data):
    """Decode and look at every array, as a reader does."""
    for part in decode_frame(data).parts:
        part.present()
        for _, raw in part.arrays():
            raw.sum(dtype=np.float64)


READERS = {"frame": read_whole_frame}
READERS |= {type(r).__name__: partial(decode, type(r)) for r in SMALL}
readers = pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())


def withstands(read, data, times=4):
    """Let it read; anything but WireError comes through. Peak memory is a few times the record, and a base."""
    tracemalloc.start()
    try:
        read(data)
        refused = False
    except WireError:
        refused = True
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak <= times * len(data) + (256 << 10)
    return refused


# MessagePack headers, with what they claim cut to random bytes.
HEADERS = [bytes([h]) for h in range(0x80, 0x100)]
CLAIMS = [b"\xff\xff\xff\xff", b"\x07\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff", b"\x00\x00"]
tokens = st.one_of(
    st.binary(max_size=12),
    st.builds(bytes.__add__, st.sampled_from(HEADERS), st.sampled_from(CLAIMS)),
    st.sampled_from([b"\x90", b"\xc0", b"\x01", b"\xa1a", b"\xa1\xff", b"\xc4\x00", b"\x91" * 3000]),
    st.sampled_from([b"\x94\x01", b"\x99", pack("kind"), pack("data"), pack("evidence")]),
)  # fmt: skip
noise = st.one_of(st.binary(max_size=2000), st.lists(tokens, max_size=30).map(b"".join))


@st.composite
def mutated(draw, data):
    """Valid bytes, cut, with bytes changed, removed or put in."""
    out = bytearray(data)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(out)))
        end = min(len(out), at + draw(st.integers(0, 8)))
        out[at:end] = draw(tokens)
    return bytes(out[: draw(st.integers(0, len(out)) | st.just(len(out)))])


@readers
@unhurried
@given(data=noise)
@example(data=b"")
@example(data=b"\x91" * 100_000)
@example(data=b"\x81" * 100_000)
@example(data=b"\x81\xa1z" + b"\x91" * 100_000)
@example(data=b"\xdd\xff\xff\xff\xff")
@example(data=b"\xdf\xff\xff\xff\xff\xa4kind")
@example(data=b"\xc6\xff\xff\xff\xff")
def test_noise_is_refused(read, data):
    """Random bytes, MessagePack that claims gigabytes, nesting without end."""
    assert withstands(read, data)


@unhurried
@given(mutated(FRAME))
def test_a_damaged_frame_is_refused(data):
    """Cut or changed after it was sealed: never an exception of another class, never a wrong value taken."""
    refused = withstands(read_whole_frame, data)
    if not refused and data != FRAME:
        # Only the envelope's own form can differ when head and body still have their CRC.
        assert [HEAD, BODY] == unpack(data)[2:4]


@unhurried
@given(mutated(HEAD), mutated(BODY))
def test_a_frame_damaged_before_it_was_sealed(head, body):
    """A correct CRC over wrong bytes, as a broken or hostile writer sends it."""
    withstands(read_whole_frame, seal(head, body))


@unhurried
@given(noise, st.binary(max_size=200))
def test_a_sealed_head_of_noise(head, body):
    """The CRC is right, the head is not even a head."""
    assert withstands(read_whole_frame, seal(head, body))


@pytest.mark.parametrize("record", SMALL, ids=lambda r: type(r).__name__)
@unhurried
@given(data=st.data())
def test_a_damaged_small_record(record, data):
    """Cut or changed anywhere; there is no CRC, so it may still be one, but nothing else happens."""
    read = READERS[type(record).__name__]
    withstands(read, data.draw(mutated(encode(record))))


def head_with(blocks):
    fields = ["c", "r/n", "r", 1, 0, 1_790_000_000, 1000, 1]
    return b"\x99" + b"".join(map(pack, fields)) + blocks


def many(count, item):
    return b"\xdd" + struct.pack(">I", count) + item * count


def one_block(devices):
    return head_with(b"\x91\x94\x01" + devices + pack(b"\x07\x50") + pack(b""))


SEALED = {
    "blocks that are claimed": head_with(b"\xdd\xff\xff\xff\xff"),
    "128 million blocks claimed": head_with(b"\xdd\x07\xff\xff\xff"),
    "devices that are claimed": one_block(b"\xdd\xff\xff\xff\xff"),
    "128 million devices claimed": one_block(b"\xdd\x07\xff\xff\xff"),
    "a name of 4 GiB": one_block(b"\x91\xdb\xff\xff\xff\xff"),
    "a layout of 4 GiB": head_with(b"\x91\x94\x01\x91\xa1a\xc6\xff\xff\xff\xff"),
    "a name that is no UTF-8": one_block(b"\x91\xa2a\xff"),
    "a cluster that is no UTF-8": b"\x99\xa1\xff",
    "a new field nested without end": b"\x9a" + head_with(b"\x90")[1:] + b"\x91" * 100_000,
    "a new field of maps without end": b"\x9a" + head_with(b"\x90")[1:] + b"\x81\x01" * 100_000,
    "kind of 64 bits": head_with(b"\x91\x94\xcf" + b"\xff" * 8 + b"\x91\xa1a" + pack(b"")),
    "tick of 64 bits": b"\x99" + b"".join(map(pack, ["c", "s", "r", 1, 0, 2**64 - 1, 1, 1, []])),
}


@pytest.mark.parametrize("head", SEALED.values(), ids=SEALED.keys())
def test_a_crafted_head_is_refused(head):
    """Headers that claim what is not there, bad text and endless nesting behind a correct CRC."""
    assert withstands(read_whole_frame, seal(head, b""))


def test_an_envelope_with_a_new_field_nested_without_end_is_refused():
    """Also where a newer writer's fields would be skipped unread."""
    fields = pack(1) + pack(0) + pack(b"") + pack(b"")
    assert withstands(read_whole_frame, b"\xdc\x00\x05" + fields + b"\x91" * 100_000)


@pytest.mark.parametrize("item", [b"\xa0", b"\xa2ab", b"\xa2" + "Ā".encode()], ids=["0", "2", "U"])
def test_a_full_record_of_short_names_costs_a_bounded_amount(item):
    """The worst there is: 3 bytes of a name on the wire are some 90 in Python's memory, 1 MiB is 32."""
    count = (RECORD_BYTES_MAX - 200) // len(item)
    record = seal(one_block(many(count, item)), b"")
    assert RECORD_BYTES_MAX - 300 < len(record) <= RECORD_BYTES_MAX
    assert withstands(read_whole_frame, record, times=32)


def test_a_full_record_of_blocks_costs_a_bounded_amount():
    """A record may hold many tiny blocks; it is refused within the same bound."""
    item = b"\x93\x01\x90\xc4\x00"
    record = seal(head_with(many((RECORD_BYTES_MAX - 200) // len(item), item)), b"")
    assert withstands(read_whole_frame, record, times=32)


def fields_of(record):
    return {n: msgspec.to_builtins(getattr(record, n)) for n in record.__struct_fields__}


def small_with(record, name, value):
    """The record's map with one field's bytes replaced."""
    fields = {**fields_of(record), name: None}
    body = b"".join(pack(k) + (value if k == name else pack(v)) for k, v in fields.items())
    return b"\xde" + struct.pack(">H", len(fields)) + body


CRAFTED = {
    "evidence that is claimed": (SMALL[2], "evidence", b"\xdd\xff\xff\xff\xff"),
    "128 million affected claimed": (SMALL[2], "affected", b"\xdd\x07\xff\xff\xff"),
    "data that is claimed": (SMALL[0], "data", b"\xdf\xff\xff\xff\xff"),
    "data with bad keys": (SMALL[0], "data", b"\x81\xa1\xff\xc0"),
    "text that is no UTF-8": (SMALL[0], "text", b"\xa2a\xff"),
    "a head of 4 GiB": (SMALL[3], "head", b"\xc6\xff\xff\xff\xff"),
    "a severity nobody knows": (SMALL[1], "severity", pack("dreadful")),
    "a timestamp for a number": (SMALL[1], "t_ms", b"\xd6\xff\0\0\0\0"),
    "a new field nested without end": (SMALL[1], "new", b"\x91" * 100_000),
}  # fmt: skip


@pytest.mark.parametrize(("record", "name", "value"), CRAFTED.values(), ids=CRAFTED.keys())
def test_a_crafted_small_record_is_refused(record, name, value):
    """A right map with one wrong field."""
    read = READERS[type(record).__name__]
    assert withstands(read, small_with(record, name, value))


def test_a_full_small_record_costs_a_bounded_amount():
    """The largest event and incident that are taken, of the smallest items, within the bound of frames."""
    count = (SMALL_RECORD_BYTES_MAX - 1000) // 3
    names = many(count, b"\xa2" + "Ā".encode())
    affected = small_with(SMALL[2], "affected", names)
    assert not withstands(READERS["Incident"], affected, times=32)
    keys = (struct.pack(">I", n)[1:] for n in range(0x200000, 0x200000 + count * 3 // 5))
    items = [b"\xa3" + bytes(b & 0x7F for b in key) + b"\x01" for key in keys]
    data = b"\xdf" + struct.pack(">I", len(items)) + b"".join(items)
    assert not withstands(READERS["Event"], small_with(SMALL[0], "data", data), times=32)
