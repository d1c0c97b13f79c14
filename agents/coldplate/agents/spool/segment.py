r"""The bytes of one file of the spool: a header, records each with a checksum, and a footer once it is complete.

    header   "coldspl\n", u16 version, u16 0, u64 number of the segment, u32 CRC-32 of the above
    record   "\xc5REC", u32 length of the body, u32 ordinal in the segment, u32 CRC-32 of these two and the body
             body: i64 first_ms, u16 flags (1: urgent), u16 bytes of the topic, u32 bytes of the key, topic, key, value
    footer   "\xc5END", u32 records, i64 newest first_ms, u32 CRC-32 of these two

Little-endian. Each record carries a mark and its ordinal, so that those behind a damaged one are found again, known by
their ordinals, and the missing ones can be counted. What is acknowledged stands in a file beside: entries of u32
ordinal and u32 checksum, so that a damaged entry makes a record be sent again and never be forgotten.
"""

import struct
from collections.abc import Iterable, Iterator
from zlib import crc32

from coldplate.agents.queue import Record

VERSION = 1

_HEADER = struct.Struct("<8sHHQI")
_RECORD = struct.Struct("<4sIII")
_BODY = struct.Struct("<qHHI")
_FOOTER = struct.Struct("<4sIqI")
_ACK = struct.Struct("<II")

_MAGIC, _MARK, _END = b"coldspl\n", b"\xc5REC", b"\xc5END"
_URGENT = 1

HEADER_BYTES, FOOTER_BYTES = _HEADER.size, _FOOTER.size


class UnknownVersion(ValueError):  # noqa: N818
    """The segment was written by a coldplate of another time; the message says the version."""


def header(number: int) -> bytes:
    """How the segment of this number begins."""
    out = _HEADER.pack(_MAGIC, VERSION, 0, number, 0)[:-4]
    return out + struct.pack("<I", crc32(out))


def check_header(data: bytes) -> bool:
    """Whether a header is as it was written; a damaged one says nothing about the records behind it.

    Raises
    ------
    UnknownVersion
        It is intact, and of another version.
    """
    if len(data) < _HEADER.size:
        return False
    magic, version, _, _, check = _HEADER.unpack_from(data)
    if magic != _MAGIC or check != crc32(data[: _HEADER.size - 4]):
        return False
    if version != VERSION:
        raise UnknownVersion(f"version {version}, this is {VERSION}")
    return True


def pack(ordinal: int, record: Record) -> bytes:
    """A record as it is written."""
    topic = record.topic.encode()
    sizes = _BODY.pack(record.first_ms, _URGENT * record.urgent, len(topic), len(record.key))
    body = b"".join((sizes, topic, record.key, record.value))
    return _RECORD.pack(_MARK, len(body), ordinal, _check(len(body), ordinal, body)) + body


def unpack(body: bytes) -> Record:
    """A record from its body."""
    first_ms, flags, topic, key = _BODY.unpack_from(body)
    at = _BODY.size
    return Record(
        0, body[at : at + topic].decode(), body[at + topic : at + topic + key],
        body[at + topic + key :], bool(flags & _URGENT), first_ms,
    )  # fmt: skip


def scan(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(ordinal, where it ends, body) of each intact record, in order, whatever stands between them."""
    at = data.find(_MARK)
    while 0 <= at <= len(data) - _RECORD.size:
        _, length, ordinal, check = _RECORD.unpack_from(data, at)
        end = at + _RECORD.size + length
        if length >= _BODY.size and end <= len(data):
            body = data[at + _RECORD.size : end]
            if check == _check(length, ordinal, body):
                yield ordinal, end, body
                at = data.find(_MARK, end)
                continue
        at = data.find(_MARK, at + 1)


def footer(records: int, newest_ms: int) -> bytes:
    """How a complete segment ends."""
    out = _FOOTER.pack(_END, records, newest_ms, 0)[:-4]
    return out + struct.pack("<I", crc32(out))


def read_footer(data: bytes) -> tuple[int, int] | None:
    """Records and newest first_ms; None when these bytes are no footer."""
    if len(data) != _FOOTER.size:
        return None
    mark, records, newest_ms, check = _FOOTER.unpack(data)
    whole = mark == _END and check == crc32(data[: _FOOTER.size - 4])
    return (records, newest_ms) if whole else None


def pack_acks(number: int, ordinals: Iterable[int]) -> bytes:
    """Entries that say which records of a segment are done."""
    return b"".join(_ACK.pack(o, _check(number & 0xFFFFFFFF, o, b"ack")) for o in ordinals)


def read_acks(number: int, data: bytes) -> set[int]:
    """The ordinals of the entries that are intact."""
    whole = data[: len(data) - len(data) % _ACK.size]
    return {
        ordinal
        for ordinal, check in _ACK.iter_unpack(whole)
        if check == _check(number & 0xFFFFFFFF, ordinal, b"ack")
    }


def _check(first: int, second: int, body: bytes) -> int:
    return crc32(body, crc32(struct.pack("<II", first, second)))
