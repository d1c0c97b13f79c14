"""Times as people read them: in UTC, and how long ago or ahead."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEPS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def at(t_ms: int) -> datetime:
    """A time in UTC; what no calendar has is its nearest end."""
    try:
        return _EPOCH + timedelta(milliseconds=t_ms)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if t_ms > 0 else datetime.min.replace(tzinfo=UTC)


def day_and_time(t_ms: int) -> str:
    """`2026-11-27 03:12:05 UTC`."""
    return f"{at(t_ms):%Y-%m-%d %H:%M:%S} UTC"


def time_only(t_ms: int) -> str:
    """`03:12:05`."""
    return f"{at(t_ms):%H:%M:%S}"


def length(span_ms: int) -> str:
    """How long, in its two largest units.

    Examples
    --------
    >>> length(38_400), length(130_000), length(7_200_000), length(90_061_000), length(-5)
    ('38 s', '2 min 10 s', '2 h', '1 d 1 h', '0 s')
    """
    left = max(span_ms, 0) // 1000
    parts: list[tuple[int, str]] = []
    for seconds, word in _STEPS:
        number, left = divmod(left, seconds)
        if number or parts:
            parts.append((number, word))
    told = [f"{number} {word}" for number, word in parts[:2] if number]
    return " ".join(told) or "0 s"
