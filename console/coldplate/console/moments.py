"""Times as people type them: RFC 3339, a plain date and time in UTC, or so long before now; and how long something lasts."""

import re
from datetime import UTC, datetime, timedelta

from coldplate.console.failure import BAD_INPUT, Failure

_BEFORE = re.compile(r"-(\d+(?:\.\d+)?)(s|m|h|d)")
_LASTS = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_NAMED_ZONE = re.compile(r".*\d\s*([A-Za-z]{2,}(?:/\w+)?)$")


def moment(text: str, option: str, now: datetime | None = None) -> datetime:
    """A time in UTC.

    Parameters
    ----------
    text
        `now`, `-6h` (s, m, h, d before now), `2026-11-27`, `2026-11-27 14:30`, `2026-11-27T14:30:00+01:00`.
    option
        What it was given for, for the message.

    Raises
    ------
    Failure
        Saying what is expected; a zone by name is refused, because names like CST mean several.

    Examples
    --------
    >>> moment("2026-11-27T14:30:00+01:00", "--from").isoformat()
    '2026-11-27T13:30:00+00:00'
    """
    at = now or datetime.now(UTC)
    words = text.strip()
    if words == "now":
        return at
    if match := _BEFORE.fullmatch(words):
        return at - timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    try:
        found = datetime.fromisoformat(words)
    except ValueError:
        zone = _NAMED_ZONE.fullmatch(words)
        why = f"zone {zone[1]!r} is a name; write its offset, as +01:00, or Z" if zone else (
            "expected as 2026-11-27T14:30:00Z, 2026-11-27 14:30 (UTC), -6h or now"
        )  # fmt: skip
        raise Failure(f"{option} {text!r}: {why}", BAD_INPUT) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def span(begin: str, end: str, now: datetime | None = None) -> tuple[datetime, datetime]:
    """Both ends of `--from` and `--to`.

    Raises
    ------
    Failure
        When they are in the wrong order, or the first lies ahead.
    """
    at = now or datetime.now(UTC)
    first, last = moment(begin, "--from", at), moment(end, "--to", at)
    if first >= last:
        raise Failure(
            f"--from {first:%Y-%m-%d %H:%M:%SZ} is not before --to {last:%Y-%m-%d %H:%M:%SZ}: "
            "swap them, and mind that times without an offset are UTC", BAD_INPUT,
        )  # fmt: skip
    if first > at:
        raise Failure(
            f"--from {first:%Y-%m-%d %H:%M:%SZ} is in the future; times without an offset are UTC", BAD_INPUT
        )  # fmt: skip
    return first, last


def lasting_s(text: str, option: str) -> float:
    """Seconds of a duration: `90s`, `30m`, `2h`, `7d`.

    Raises
    ------
    Failure
        Saying what is expected; nothing lasts no time.

    Examples
    --------
    >>> lasting_s("1.5h", "--for")
    5400.0
    """
    match = _LASTS.fullmatch(text.strip())
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not seconds:
        raise Failure(f"{option} {text!r}: expected as 90s, 30m, 2h or 7d", BAD_INPUT)
    return seconds
