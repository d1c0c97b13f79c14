"""The driver's reasons for holding a clock down, in words.

References
----------
nvmlClocksEventReasons in nvml.h; bits from 0x200 on are those of newer drivers.
"""

WORDS = {
    0x1: "idle",
    0x2: "app-clocks",
    0x4: "power-cap",
    0x8: "hw-slowdown",
    0x10: "sync-boost",
    0x20: "sw-thermal",
    0x40: "hw-thermal",
    0x80: "power-brake",
    0x100: "display",
    0x200: "board-limit",
    0x400: "reliability",
}

GRAVE = ("hw-thermal", "power-brake", "hw-slowdown", "sw-thermal", "reliability")
"""What a GPU that is well does not show; they come first."""


def words(mask: int) -> list[str]:
    """The reasons of a bit mask, grave ones first; a bit that nobody knows is given as such.

    Examples
    --------
    >>> words(0x4), words(0x4 | 0x40 | 0x8), words(0), words(0x8000)
    (['power-cap'], ['hw-thermal', 'hw-slowdown', 'power-cap'], [], ['0x8000'])
    """
    bits = [1 << i for i in range(mask.bit_length()) if mask >> i & 1]
    found = [WORDS.get(bit, hex(bit)) for bit in bits]
    return [w for w in GRAVE if w in found] + [w for w in found if w not in GRAVE]
