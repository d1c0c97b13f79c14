"""Where all racks stand, out of the history: the changes that are new since the last look, and the inventory now and then."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from coldplate.console.bringup.states import Change, Place, Standing, standing_of
from coldplate.console.live.places import natural

Ask = Callable[[str, Mapping[str, Any] | None], Sequence[tuple[Any, ...]]]
"""Rows of a query, with its parameters."""

PLACES_S = 60.0
"""How long the inventory is taken to be the same."""

_PLACES = """
SELECT rack, anyIf(hall, kind = 'rack'), anyIf(`row`, kind = 'rack'), anyIf(`index`, kind = 'rack'), countIf(kind = 'gpu')
FROM inventory FINAL WHERE kind IN ('rack', 'gpu') AND rack != '' GROUP BY rack
"""
_COUNT = "SELECT count() FROM commissions"
_CHANGES = """
SELECT rack, toUnixTimestamp64Milli(t), state, step, cause, verdict, held, gpus, who FROM commissions
WHERE t >= fromUnixTimestamp64Milli(toInt64(%(since)s)) AND t <= fromUnixTimestamp64Milli(toInt64(%(until)s))
"""
AHEAD_MS = 300_000
"""A clock may be ahead by so much; what is told of later has not happened."""


def places(ask: Ask) -> list[Place]:
    """Racks of the inventory, in order of hall, row and place in it."""
    found = sorted(
        ask(_PLACES, None), key=lambda r: (natural(r[1]), natural(r[2]), r[3], natural(r[0]))
    )
    return [Place(str(rack), str(hall), str(row), int(gpus)) for rack, hall, row, _, gpus in found]


def changes(ask: Ask, since_ms: int = 0, until_ms: int | None = None) -> list[Change]:
    """Of a time; both ends within.

    Parameters
    ----------
    until_ms
        None: all that there are.
    """
    until_ms = time.time_ns() // 1_000_000 + AHEAD_MS if until_ms is None else until_ms
    return [
        Change(str(rack), int(t), str(state), str(step), str(cause), str(verdict), tuple(held), int(gpus), str(who))
        for rack, t, state, step, cause, verdict, held, gpus, who in ask(_CHANGES, {"since": since_ms, "until": until_ms})
    ]  # fmt: skip


class Racks:
    """Follows all racks; a look costs what has changed.

    Parameters
    ----------
    ask
        The history; whatever it raises passes through.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._places: dict[str, Place] = {}
        self._places_s = float("-inf")
        self._changes: dict[str, set[Change]] = {}
        self._racks: dict[str, Standing] = {}
        self._count = self._last_ms = 0

    def look(self) -> list[Standing]:
        """Every rack as it stands, those of the inventory first, in its order."""
        if time.monotonic() - self._places_s >= PLACES_S:
            self._place(places(self._ask))
            self._places_s = time.monotonic()
        ((count,),) = self._ask(_COUNT, None)
        if count != self._count:
            new = self._take(changes(self._ask, self._last_ms))
            if new != count - self._count:
                # Something was told late, or parts were merged: all of it again.
                self._changes.clear()
                self._racks.clear()
                self._place(self._places.values())
                self._take(changes(self._ask))
            self._count = count
        return list(self._racks.values())

    def _take(self, found: Iterable[Change]) -> int:
        """Follow changes; how many were new."""
        touched: set[str] = set()
        new = 0
        for change in found:
            of_rack = self._changes.setdefault(change.rack, set())
            if change not in of_rack:
                of_rack.add(change)
                touched.add(change.rack)
                new += 1
                self._last_ms = max(self._last_ms, change.t_ms)
        for rack in touched:
            self._stand(rack)
        return new

    def _place(self, found: Iterable[Place]) -> None:
        by_rack = {p.rack: p for p in found}
        if by_rack != self._places or not self._racks:
            self._places = by_rack
            self._racks = {}
            for rack in [*by_rack, *(r for r in self._changes if r not in by_rack)]:
                self._stand(rack)

    def _stand(self, rack: str) -> None:
        place = self._places.get(rack) or Place(rack)
        self._racks[rack] = standing_of(place, self._changes.get(rack, ()))
