"""Numbers, ages and other people's words as a terminal shows them."""

from collections.abc import Sequence

from rich.cells import set_cell_size

from coldplate.console.live.picture import STALE_S, Series

BARS = "▁▂▃▄▅▆▇█"
HIDDEN = "?"


def safe(text: str, width: int | None = None) -> str:
    r"""Text that moves no cursor and colours nothing; cut or filled to a width in columns.

    Examples
    --------
    >>> safe("rack\x1b[31m-1\n"), safe("[red]x", 8)
    ('rack?[31m-1?', '[red]x  ')
    """
    shown = "".join(c if c.isprintable() else HIDDEN for c in text)
    return shown if width is None else set_cell_size(shown, width)


def number(value: float | None, form: str = ".1f", unit: str = "") -> str:
    """A value with its unit; `-` where it is absent."""
    return "-" if value is None else f"{value:{form}}{f' {unit}' if unit else ''}"


def lasted(seconds: float) -> str:
    """A time span in its two largest units.

    Examples
    --------
    >>> [lasted(s) for s in (4.2, 75, 7_260, 190_000)]
    ['4 s', '1 min 15 s', '2 h 1 min', '2 d 4 h']
    """
    s = int(max(0.0, seconds))
    for size, word, below, small in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if s >= size:
            return f"{s // size} {word} {s % size // below} {small}"
    return f"{s} s"


def aged(age_s: float | None) -> str:
    """How old data are, and that they are stale where they are."""
    if age_s is None:
        return "NO DATA"
    return f"STALE: data {lasted(age_s)} old" if age_s > STALE_S else f"data {lasted(age_s)} old"


def spark(series: Series, width: int, end_ms: int, span_s: float) -> str:
    """A line of bars, newest at the right; blank where there is nothing.

    Examples
    --------
    >>> spark([(0, 1.0), (5_000, 2.0), (10_000, 3.0)], 4, 10_000, 12.0)
    '▁ ▅█'
    """
    bins: list[list[float]] = [[] for _ in range(width)]
    for t_ms, value in series:
        n = width - 1 - int((end_ms - t_ms) / 1000 / span_s * width)
        if 0 <= n < width:
            bins[n].append(value)
    means = [sum(b) / len(b) if b else None for b in bins]
    known = [m for m in means if m is not None]
    if not known:
        return " " * width
    low, high = min(known), max(known)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(" " if m is None else BARS[round((m - low) * scale)] for m in means)


def span_of(series: Series) -> tuple[float, float] | None:
    """Least and greatest value; None where there is none."""
    values: Sequence[float] = [v for _, v in series]
    return (min(values), max(values)) if values else None
