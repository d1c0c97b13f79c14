"""A series as one line of blocks, its lowest and highest at the ends of the scale, and a mark below it."""

import math
import sys
from collections.abc import Sequence

BLOCKS, ASCII = "▁▂▃▄▅▆▇█", "_.-=+*%#"
GAP = " "
QUIET = 0.02
"""A series that moves by less than this share of itself is not drawn as if it swung from end to end."""


def blocks() -> str:
    """What stdout can show."""
    try:
        BLOCKS.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def sparkline(values: Sequence[float | None], glyphs: str = BLOCKS) -> str:
    """A character a value, a gap where there is none; what never changes lies at the bottom.

    Examples
    --------
    >>> sparkline([0.0, 3.5, None, 7.0]), sparkline([5.0, 5.0]), sparkline([None])
    ('▁▅ █', '▁▁', ' ')
    """
    told = [v for v in values if v is not None and math.isfinite(v)]
    low, high = min(told, default=0.0), max(told, default=0.0)
    span = max(high - low, QUIET * max(abs(low), abs(high)))
    return "".join(_glyph(v, low, span, glyphs) for v in values)


def pointer(place: int | None, width: int, words: str) -> str:
    """A line that marks a place of the line above, with words on the side where there is room."""
    if place is None or not 0 <= place < width:
        return ""
    right = f"{' ' * place}^ {words}"
    if len(right) <= width or place - len(words) - 1 < 0:
        return right
    return f"{words} ^".rjust(place + 1)


def _glyph(value: float | None, low: float, span: float, glyphs: str) -> str:
    if value is None or not math.isfinite(value):
        return GAP
    share = (value - low) / span if span > 0 else 0.0
    return glyphs[min(int(share * len(glyphs)), len(glyphs) - 1)]
