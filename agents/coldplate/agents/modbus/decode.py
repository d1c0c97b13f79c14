"""What registers of 16 bits mean as a number: types, the order of words, the order of bytes.

Modbus fixes only that a register travels with its high byte first. Which of two registers of a 32-bit number comes
first is the vendor's choice, and a few controllers also swap the bytes within a register.
"""

import math
import struct
from collections.abc import Sequence
from typing import Literal

Type = Literal["bit", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
Order = Literal["big", "little"]

_CODES: dict[str, str] = {
    "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q",
    "float32": "f", "float64": "d",
}  # fmt: skip
_UNSIGNED = {1: "H", 2: "I", 4: "Q"}


def words_of(kind: Type) -> int:
    """How many registers a type takes."""
    return 1 if kind == "bit" else struct.calcsize(">" + _CODES[kind]) // 2


def number(words: Sequence[int], kind: Type, word_order: Order, byte_order: Order) -> float:
    """The number that registers hold; NaN and infinities as they are.

    Parameters
    ----------
    words
        As many as `words_of(kind)`, each 0 to 65535, in the order of their addresses.
    kind
        Not `bit`.
    word_order
        `big`: the first register is the most significant.
    byte_order
        `big`: as Modbus has it; `little`: the bytes within each register are swapped.
    """
    return float(struct.unpack(">" + _CODES[kind], _bytes(words, word_order, byte_order))[0])


def pattern(words: Sequence[int], word_order: Order, byte_order: Order) -> int:
    """The bits of registers as an unsigned number, to compare with what a vendor calls invalid."""
    raw = _bytes(words, word_order, byte_order)
    return int(struct.unpack(">" + _UNSIGNED[len(words)], raw)[0])


def patterns(invalid: float, kind: Type) -> frozenset[int]:
    """The bit patterns by which a type may hold an invalid value.

    Parameters
    ----------
    invalid
        As the vendor writes it: 0x7FFF, -9999, NaN. A whole number stands for itself and, in a signed type, for
        the bits it would be without a sign (0xFFFF is -1). In a float type, a whole number that no float of that
        type is likely to equal may also be the bits (0x7FC00000).

    Raises
    ------
    ValueError
        When the type cannot hold it.
    """
    bits = 16 * words_of(kind)
    out = set()
    if isinstance(invalid, int) and 0 <= invalid < 1 << bits:
        out.add(invalid)
    if kind != "bit":
        code = _CODES[kind]
        try:
            value = invalid if code in "fd" else int(invalid)
            raw = struct.pack(">" + code, value)
        except (struct.error, OverflowError, ValueError):
            raw = b""
        if raw and (code in "fd" or value == invalid):
            out.add(int.from_bytes(raw, "big"))
    if not out:
        raise ValueError(f"{kind} cannot hold {invalid}")
    return frozenset(out)


def told(value: float) -> bool:
    """Whether a number says anything: NaN and infinities never do."""
    return math.isfinite(value)


def _bytes(words: Sequence[int], word_order: Order, byte_order: Order) -> bytes:
    ordered = words if word_order == "big" else words[::-1]
    return struct.pack(f"{'>' if byte_order == 'big' else '<'}{len(ordered)}H", *ordered)
