"""What can be wrong with a route, and which routes are never reached."""

import re
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from coldplate.sinks.webhooks.checks.faults import Faults, meant
from coldplate.sinks.webhooks.config import Route
from coldplate.sinks.webhooks.labels import NAMES
from coldplate.sinks.webhooks.place import below
from coldplate.sinks.webhooks.routing import hours_of
from coldplate.wire.fault import KINDS, family_of, looks_alike, xid_code
from coldplate.wire.incident import Severity

_PLACE = re.compile(r"[^\s/*?]+(/[^\s/*?]+)*")


def check_route(route: Route, faults: Faults, *at: str | int) -> None:
    """All of its keys but `name` and `to`."""
    if not route.to:
        faults.fault('to is empty; name receivers, as in to = ["oncall"]', *at, "to")
    if not route.severity:
        faults.fault("severity is empty, so it takes nothing; leave the key out", *at, "severity")
    for kind in route.kinds:
        if words := _kind_fault(kind):
            faults.fault(f"kinds: {words}", *at, "kinds")
    for place in route.places:
        if not _PLACE.fullmatch(place):
            faults.fault(
                f"places: {place!r} is no id; write ids as rack-0003, rack-0003/node-5 or row-2, which hold"
                " for all below them",
                *at, "places",
            )  # fmt: skip
    _check_labels(route, faults, *at)
    _check_time(route, faults, *at)


def check_reached(routes: Sequence[tuple[int, Route]], faults: Faults) -> None:
    """Warns of routes for which an earlier one decides each time.

    Parameters
    ----------
    routes
        With their numbers in the file.
    """
    for place, (number, route) in enumerate(routes):
        earlier = (before for _, before in routes[:place])
        if (first := next((b for b in earlier if _covers(b, route)), None)) is not None:
            faults.warn(
                f"route {route.name!r} is never reached: {first.name!r} before it takes all of it; put it first,"
                f" or set go_on = true in {first.name!r}",
                "routes", number,
            )  # fmt: skip


def _kind_fault(kind: str) -> str:
    if kind in KINDS or looks_alike(kind) or xid_code(kind) is not None:
        return ""
    return f"{kind!r} is neither a kind nor a family of fault; {meant(kind, [*KINDS, 'xid-NN'])}"


def _check_labels(route: Route, faults: Faults, *at: str | int) -> None:
    for label, value in route.labels.items():
        if label not in NAMES:
            faults.fault(f"labels: there is no label {label!r}; {meant(label, NAMES)}", *at, "labels", label)  # fmt: skip
        elif not value:
            faults.fault(f"labels: {label} is empty; give a value", *at, "labels", label)
        elif label == "severity" and value not in set(Severity):
            faults.fault(f"labels: {value!r} is no severity; {meant(value, Severity)}", *at, "labels", label)  # fmt: skip
        elif label in ("kind", "family") and (words := _kind_fault(value)):
            faults.fault(f"labels: {words}", *at, "labels", label)
    for label in route.group_by:
        if label not in NAMES:
            faults.fault(f"group_by: there is no label {label!r}; {meant(label, NAMES)}", *at, "group_by")  # fmt: skip


def _check_time(route: Route, faults: Faults, *at: str | int) -> None:
    begin, _, end = route.hours.partition("-")
    try:
        hours_of(route)
        sound = begin != end or not route.hours
    except ValueError:
        sound = False
    if not sound:
        faults.fault(
            f'hours: {route.hours!r} is no span of a day; write it as "22:00-06:00"', *at, "hours"
        )  # fmt: skip
    try:
        ZoneInfo(route.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        faults.fault(f"zone: {route.zone!r} is no time zone; write one as Europe/Oslo or UTC", *at, "zone")  # fmt: skip


def _covers(first: Route, other: Route) -> bool:
    """Whether all that the other takes is taken, and decided, by the first."""
    timeless = not first.days and not first.hours
    same_time = (first.days, first.hours, first.zone) == (other.days, other.hours, other.zone)
    return (
        not first.go_on
        and set(first.severity) >= set(other.severity)
        and _within(other.kinds, first.kinds, _is_kind)
        and _within(other.places, first.places, below)
        and set(first.labels.items()) <= set(other.labels.items())
        and (timeless or same_time)
    )


def _is_kind(kind: str, of: str) -> bool:
    return of in (kind, family_of(kind))


def _within(inner: Sequence[str], outer: Sequence[str], is_in: Callable[[str, str], bool]) -> bool:
    """Whether each of the inner is in one of the outer; none at all are everything."""
    if not outer:
        return True
    return bool(inner) and all(any(is_in(one, of) for of in outer) for one in inner)
