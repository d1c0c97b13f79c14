"""The frame: all samples of one source for some consecutive ticks; one Kafka record.

A record is a MessagePack array `[schema, crc, head, body]`. `head` is itself MessagePack (`Head` as an
array), `body` the sample arrays one after the other, and `crc` the CRC-32 (IEEE, as in zlib) of head
and body together. docs/wire.md gives the bytes and a test vector.

Schema evolution: a new metric needs no new schema, because a block lists its metrics (`layout`); a new
trailing field of `Head` neither, because MessagePack arrays may be longer than a reader expects. Only a
change that an older reader would misread gets a new `SCHEMA`, and is refused by older readers.
"""

from collections.abc import Iterator, Sequence
from math import prod
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from coldplate.wire.errors import Reason, WireError
from coldplate.wire.layout import Layout, Raw, Run
from coldplate.wire.metric import Kind

SCHEMA = 1
TICKS_MAX = 60
DEVICES_MAX = 1024
BLOCKS_MAX = 4
RECORD_BYTES_MAX = 1 << 20

Identity = tuple[str, int, int]
"""Who sent a frame and which one it is: (source, boot, seq). Never reused."""


class Block(msgspec.Struct, array_like=True, frozen=True):
    """Samples of devices of one kind.

    Parameters
    ----------
    kind
        `Kind` as a number.
    devices
        Device ids, in the order of the arrays' last axis.
    layout
        Metrics and dtypes: little-endian u16 each, `dtype code << 12 | metric number`.
    mask
        Empty when every value is present; else one bit a value in body order (metric, tick, device),
        most significant bit first, 1 for present. What is absent has unspecified bits in the body.
    """

    kind: int
    devices: tuple[str, ...]
    layout: bytes
    mask: bytes = b""


class Head(msgspec.Struct, array_like=True, frozen=True):
    """Everything of a frame but the numbers.

    Parameters
    ----------
    cluster
        Cluster id; several clusters may share one Kafka.
    source, rack
        Who sampled (`rack-0003/node-5`, `rack-0003/cdu`) and its rack, the record's key.
    boot, seq
        Identity with `source`: boot is chosen anew at each start of the agent, seq counts from 0.
    tick
        Number of the first tick: Unix time in milliseconds / tick_ms, whole.
    tick_ms
        Length of a tick in milliseconds.
    ticks
        Ticks in this frame.
    blocks
        One per kind of device, their arrays in this order in the body.
    """

    cluster: str
    source: str
    rack: str
    boot: int
    seq: int
    tick: int
    tick_ms: int
    ticks: int
    blocks: tuple[Block, ...]

    @property
    def identity(self) -> Identity:
        """(source, boot, seq)."""
        return (self.source, self.boot, self.seq)


class _Envelope(msgspec.Struct, array_like=True, frozen=True):
    schema: int
    crc: int
    head: memoryview
    body: memoryview


Shape = tuple[Layout, int, int, bool]
"""(layout, ticks, devices, masked): what blocks must share to be worked on as one array."""


class Part(msgspec.Struct, frozen=True, eq=False):
    """Decoded block: its arrays are views into the record, made when asked for.

    Parameters
    ----------
    kind, devices, layout
        As in `Block`, checked.
    ticks
        Ticks of the frame.
    mask, body
        Raw bytes of this block.
    """

    kind: Kind
    devices: tuple[str, ...]
    layout: Layout
    ticks: int
    mask: bytes
    body: memoryview

    @property
    def shape(self) -> Shape:
        """What blocks must share to be joined: a fleet has a handful."""
        return (self.layout, self.ticks, len(self.devices), bool(self.mask))

    def arrays(self) -> Iterator[tuple[Run, Raw]]:
        """Each run with its raw array of shape (metrics of the run, ticks, devices); no copy."""
        ticks, devices = self.ticks, len(self.devices)
        for run in self.layout.runs:
            # Half the cost of `frombuffer` and `reshape`.
            shape = (len(run.numbers), ticks, devices)
            yield run, np.ndarray(shape, run.dtype, self.body, run.cell_offset * ticks * devices)

    def present(self) -> NDArray[np.bool_] | None:
        """False where a value is absent, shape (metrics, ticks, devices); None when all are present.

        A float that is not finite counts as absent, whatever the mask says.
        """
        shape = (len(self.layout.numbers), self.ticks, len(self.devices))
        out: NDArray[np.bool_] | None = None
        if self.mask:
            bits = np.unpackbits(np.frombuffer(self.mask, np.uint8), count=prod(shape))
            out = bits.view(np.bool_).reshape(shape)
        for run, raw in self.arrays() if self.layout.has_floats else ():
            if run.dtype.kind == "f" and not (finite := np.isfinite(raw)).all():
                out = np.ones(shape, np.bool_) if out is None else out
                out[run.first : run.first + len(run.numbers)] &= finite
        return out


class Frame(msgspec.Struct, frozen=True, eq=False):
    """A decoded frame: its head and its blocks."""

    head: Head
    parts: tuple[Part, ...]


# Text that is no UTF-8 and endless nesting in a skipped field have errors of their own.
_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_pack = msgspec.msgpack.Encoder().encode
_unpack_envelope = msgspec.msgpack.Decoder(_Envelope).decode
_unpack_head = msgspec.msgpack.Decoder(Head).decode


def block(layout: Layout, devices: Sequence[str], present: NDArray[np.bool_] | None) -> Block:
    """The head's entry for a block whose arrays come from `Layout.quantize`."""
    mask = b"" if present is None else np.packbits(present).tobytes()
    return Block(int(layout.kind), tuple(devices), layout.code, mask)


def encode_frame(head: Head, groups: Sequence[Raw]) -> bytes:
    """The bytes of one record.

    Parameters
    ----------
    head
        With one `Block` a kind.
    groups
        The blocks' raw arrays in order, as `Layout.quantize` gives them.
    """
    return seal(pack_head(head), b"".join([g.tobytes() for g in groups]))


def pack_head(head: Head) -> bytes:
    """The head's bytes, for `seal`."""
    return _pack(head)


def seal(head: bytes, body: bytes, schema: int = SCHEMA) -> bytes:
    """Head and body with their CRC, as one MessagePack record."""
    return _pack((schema, crc32(body, crc32(head)), head, body))


def decode_frame(record: bytes) -> Frame:
    """A frame from a record's bytes; arrays stay views into it.

    Raises
    ------
    WireError
        And nothing else, whatever the bytes. Allocates at most 32 times the record's size (a name of
        3 bytes is an object of 90), for a frame that is taken about as much as the record has.
    """
    if len(record) > RECORD_BYTES_MAX:
        raise WireError(Reason.TOO_LARGE, f"{len(record)} bytes, at most {RECORD_BYTES_MAX}")
    try:
        envelope = _unpack_envelope(record)
    except _MALFORMED as error:
        raise WireError(Reason.NOT_MESSAGEPACK, str(error)) from None
    if envelope.schema != SCHEMA:
        raise WireError(
            Reason.UNKNOWN_SCHEMA, f"schema {envelope.schema}, this reader has {SCHEMA}"
        )
    if crc32(envelope.body, crc32(envelope.head)) != envelope.crc:
        raise WireError(Reason.BAD_CRC, f"of {len(envelope.head)} + {len(envelope.body)} bytes")
    try:
        head = _unpack_head(envelope.head)
    except _MALFORMED as error:
        raise WireError(Reason.NOT_MESSAGEPACK, f"head: {error}") from None
    return Frame(head, _parts(head, envelope.body))


def _parts(head: Head, body: memoryview) -> tuple[Part, ...]:
    if not (1 <= head.ticks <= TICKS_MAX and 1 <= head.tick_ms <= 3_600_000):
        raise WireError(Reason.BAD_SHAPE, f"{head.ticks} ticks of {head.tick_ms} ms")
    # Bounds keep every later computation in a signed 64-bit column.
    if not (0 <= head.tick < 1 << 43 and 0 <= head.boot < 1 << 63 and 0 <= head.seq < 1 << 63):
        raise WireError(Reason.BAD_SHAPE, f"tick {head.tick}, boot {head.boot}, seq {head.seq}")
    if not 1 <= len(head.blocks) <= BLOCKS_MAX:
        raise WireError(
            Reason.BAD_SHAPE, f"{len(head.blocks)} blocks, 1 to {BLOCKS_MAX} are allowed"
        )
    parts = []
    offset = 0
    for entry in head.blocks:
        part = _part(entry, head.ticks, body[offset:])
        parts.append(part)
        offset += len(part.body)
    if offset != len(body):
        raise WireError(Reason.BAD_SHAPE, f"body has {len(body)} bytes, its blocks need {offset}")
    return tuple(parts)


def _part(entry: Block, ticks: int, rest: memoryview) -> Part:
    try:
        kind = Kind(entry.kind)
    except ValueError:
        raise WireError(Reason.BAD_LAYOUT, f"unknown kind of device {entry.kind}") from None
    devices = entry.devices
    if not 1 <= len(devices) <= DEVICES_MAX or len(set(devices)) != len(devices):
        raise WireError(Reason.BAD_SHAPE, f"{len(devices)} devices, or one of them twice")
    layout = Layout.parse(kind, entry.layout)
    cells = ticks * len(devices)
    if len(rest) < layout.cell_bytes * cells:
        needed = layout.cell_bytes * cells
        raise WireError(
            Reason.BAD_SHAPE, f"body has {len(rest)} bytes left, a block needs {needed}"
        )
    if entry.mask and len(entry.mask) != (len(layout.numbers) * cells + 7) // 8:
        raise WireError(Reason.BAD_SHAPE, f"mask has {len(entry.mask)} bytes")
    return Part(kind, devices, layout, ticks, entry.mask, rest[: layout.cell_bytes * cells])
