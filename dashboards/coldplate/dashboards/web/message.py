"""Binary messages with cells, as the page reads them.

A message is 28 bytes, little-endian, and a deflate stream (zlib's form) of one byte a cell::

    0   2  "CP"
    2   1  version, 1
    3   1  kind: 1 snapshot (the bytes themselves), 2 delta (byte now minus byte before, modulo 256)
    4   1  channel
    5   1  flags: 1 = of the past
    6   2  0
    8   8  moment of the picture, Unix milliseconds, signed
    16  4  number of this message for this viewer and channel, from 0 with each snapshot; a delta follows the number before it
    20  4  cells
    24  4  first 4 bytes of the floor's version, as a number

Who sees a number left out, or another floor, asks for a snapshot.
"""

import struct
import zlib

from coldplate.dashboards.web.channels import U8

HEADER = struct.Struct("<2sBBBBHqIII")
SNAPSHOT, DELTA = 1, 2
PAST = 1
VERSION = 1
LEVEL = 1
"""Of deflate: higher ones take longer than they save."""


def packed(
    kind: int, channel: int, at_ms: int, number: int, cells: U8, floor: str, *, past: bool = False
) -> bytes:
    r"""A message.

    Examples
    --------
    >>> import numpy as np
    >>> message = packed(SNAPSHOT, 1, 1000, 0, np.zeros(8, np.uint8), "00000001ffff")
    >>> HEADER.unpack_from(message)
    (b'CP', 1, 1, 1, 0, 0, 1000, 0, 8, 1)
    >>> zlib.decompress(message[HEADER.size:])
    b'\x00\x00\x00\x00\x00\x00\x00\x00'
    """
    head = HEADER.pack(
        b"CP", VERSION, kind, channel, PAST if past else 0, 0, at_ms, number, len(cells), int(floor[:8], 16)
    )  # fmt: skip
    return head + zlib.compress(cells.tobytes(), LEVEL)


def renumbered(message: bytes, number: int) -> bytes:
    """The same for a viewer that counts otherwise."""
    return message[:16] + number.to_bytes(4, "little") + message[20:]
