"""Which routes an incident takes at a time, and when further ones begin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from coldplate.sinks.webhooks.config import Route
from coldplate.sinks.webhooks.place import below
from coldplate.wire.fault import family_of
from coldplate.wire.incident import Incident
from coldplate.wire.inventory import Inventory

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_AHEAD = 8
"""Days in which every route has begun once."""


@dataclass(frozen=True, slots=True)
class Way:
    """Whom to tell by which route."""

    route: Route
    receiver: str


@dataclass(frozen=True, slots=True)
class Ways:
    """What routes say of an incident at a time.

    Parameters
    ----------
    now
        Each receiver once, by the first route that names it.
    later_ms
        When a route begins that is about the incident and is not now; None when there is none.
    """

    now: Sequence[Way]
    later_ms: int | None


def ways(
    routes: Sequence[Route],
    incident: Incident,
    labels: Mapping[str, str],
    now_ms: int,
    inventory: Inventory | None = None,
) -> Ways:
    """The routes of an incident: the first that matches, and further ones while `go_on` is set."""
    found: dict[str, Way] = {}
    later_ms: list[int] = []
    for route in routes:
        if not _is_about(route, incident, labels, inventory):
            continue
        if not is_on(route, now_ms):
            later_ms.append(next_begin_ms(route, now_ms))
            continue
        for receiver in route.to:
            found.setdefault(receiver, Way(route, receiver))
        if not route.go_on:
            break
    return Ways(tuple(found.values()), min(later_ms, default=None))


def is_on(route: Route, t_ms: int) -> bool:
    """Whether a route holds at a time; hours past midnight belong to the day before."""
    if not route.days and not route.hours:
        return True
    at = datetime.fromtimestamp(t_ms / 1000, UTC).astimezone(ZoneInfo(route.zone))
    begin, end = hours_of(route)
    minute, day = at.hour * 60 + at.minute, at.date()
    if begin < end:
        return begin <= minute < end and _has(route, day)
    if minute >= begin:
        return _has(route, day)
    return minute < end and _has(route, day - timedelta(days=1))


def next_begin_ms(route: Route, t_ms: int) -> int:
    """The first time after `t_ms` at which a route with hours or days begins."""
    zone = ZoneInfo(route.zone)
    today = datetime.fromtimestamp(t_ms / 1000, UTC).astimezone(zone).date()
    begin, _ = hours_of(route)
    for n in range(-1, _AHEAD + 1):
        day = today + timedelta(days=n)
        if _has(route, day):
            wall = datetime(day.year, day.month, day.day, begin // 60, begin % 60, tzinfo=zone)
            begins_ms = round(wall.timestamp() * 1000)
            if begins_ms > t_ms:
                return begins_ms
    raise AssertionError("every week has each of its days")


def hours_of(route: Route) -> tuple[int, int]:
    """First minute of the day, and the one after the last; the same twice is the whole day.

    Raises
    ------
    ValueError
        When `hours` is not written as `22:00-06:00`.
    """
    if not route.hours:
        return 0, 24 * 60
    first, _, last = route.hours.partition("-")
    begin, end = _minute(first), _minute(last)
    return begin % (24 * 60), end or 24 * 60


def _minute(text: str) -> int:
    hour, _, minute = text.strip().partition(":")
    if not (hour.isdecimal() and minute.isdecimal() and len(minute) == 2):
        raise ValueError(f"{text!r} is no time of day; write it as 22:00")
    out = int(hour) * 60 + int(minute)
    if int(minute) > 59 or out > 24 * 60:
        raise ValueError(f"{text!r} is no time of day; write it as 22:00")
    return out


def _has(route: Route, day: date) -> bool:
    return not route.days or _DAYS[day.weekday()] in route.days


def _is_about(
    route: Route, incident: Incident, labels: Mapping[str, str], inventory: Inventory | None
) -> bool:
    if incident.severity not in route.severity:
        return False
    if route.kinds and not {incident.kind, family_of(incident.kind)} & set(route.kinds):
        return False
    if any(labels.get(name) != value for name, value in route.labels.items()):
        return False
    if not route.places:
        return True
    return any(below(incident.subject, place, inventory) for place in route.places)
