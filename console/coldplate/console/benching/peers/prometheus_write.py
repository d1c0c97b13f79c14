"""Frames as requests of Prometheus' remote write: its protobuf by hand, made once, with holes for the times.

https://prometheus.io/docs/specs/prw/remote_write_spec/: a `WriteRequest` is a repeated `TimeSeries` (field 1) of repeated
`Label` (1: name 1, value 2) and `Sample` (2: value 1, a double; timestamp 2, milliseconds). It travels in snappy's block
format, which may hold bytes as they are: what packing would cost is not put on the receiver.
"""

import struct

from coldplate.console.benching.peers.records import Prepared, physical, tables_of
from coldplate.sinks.tables import raw_column
from coldplate.wire.frame import Frame

MARK = b"\xfe\xfd\xfb\xf7\xef\x5f"
"""Stands for a time: as long as one of our age, and in no value that is a reading."""

_LITERAL = 63 << 2
"""Snappy's tag for bytes as they are, with four bytes for how many (google/snappy, format_description.txt)."""


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first.

    Examples
    --------
    >>> varint(300).hex()
    'ac02'
    """
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def snappy(body: bytes) -> bytes:
    """A block that holds the bytes as they are."""
    return varint(len(body)) + bytes([_LITERAL]) + struct.pack("<I", len(body) - 1) + body


def write_request(frame: Frame) -> list[Prepared]:
    """All present values of a frame of one tick, a sample each.

    Raises
    ------
    ValueError
        The frame has several ticks: samples of a series would stand beside each other.
    """
    body, values = bytearray(), 0
    ticks_ms: set[int] = set()
    for table, columns, _ in tables_of(frame):
        masks, devices = columns["present"].tolist(), columns["device"].tolist()
        ticks_ms |= set(columns["t"].tolist())
        for m in table.metrics:
            name = f"{table.kind.word}_{m.name}"
            read = physical(m, columns[raw_column(m)]).tolist()
            for device, mask, value in zip(devices, masks, read, strict=True):
                if mask >> m.number & 1:
                    body += series(name, str(device), value, MARK)
                    values += 1
    if len(ticks_ms) > 1 or body.count(MARK) != values:
        raise ValueError(f"{len(ticks_ms)} ticks, {body.count(MARK)} marks for {values} values")
    (t,), made = ticks_ms or {0}, bytes(body)
    return [Prepared("", values, values, lambda shift: made.replace(MARK, varint(t + shift)))]


def series(name: str, device: str, value: float, stamp: bytes) -> bytes:
    """One series with one sample; `stamp` is its time as a varint."""
    labels = _label("__name__", name) + _label("device", device)
    sample = b"\x09" + struct.pack("<d", value) + b"\x10" + stamp
    inner = labels + _field(2, sample)
    return _field(1, inner)


def _label(name: str, value: str) -> bytes:
    return _field(1, _field(1, name.encode()) + _field(2, value.encode()))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(content)) + content
