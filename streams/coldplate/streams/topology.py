"""Who stands in what: GPU, node or CDU, rack, row, hall; and what several subjects have in common.

Read from the fleet, which has it from the inventory; of a stranger, from its id. A rack of which nothing is known
stands in the hall.
"""

from collections.abc import Iterable
from enum import IntEnum

from coldplate.streams.fleet import Fleet
from coldplate.wire.metric import Kind

HALL = "hall"
"""The id of the hall when there is one, and of what stands above a rack that names nothing."""

REMEMBERED_MAX = 65_536


class Level(IntEnum):
    """How high up a subject stands; a CDU stands as high as a node."""

    GPU = 0
    NODE = 1
    RACK = 2
    ROW = 3
    HALL = 4


_LEVELS = {
    Kind.GPU: Level.GPU, Kind.NODE: Level.NODE, Kind.CDU: Level.NODE, Kind.RACK: Level.RACK,
    Kind.HALL: Level.HALL,
}  # fmt: skip


class Topology:
    """Answers by id, remembered.

    Parameters
    ----------
    fleet
        Whose devices; it may grow.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._above: dict[str, tuple[str, ...]] = {}
        self._level: dict[str, Level] = {}
        self._racks: dict[str, tuple[str, ...]] = {}
        self._over_racks: set[str] = set()
        self._known = -1

    def above(self, subject: str) -> tuple[str, ...]:
        """What a subject stands in, the nearest first; the hall last."""
        self._refresh()
        found = self._above.get(subject)
        if found is None:
            out, at = [], subject
            while (at := self._fleet.parent(at)) and at not in out and at != subject:
                out.append(at)
            top = out[-1] if out else subject
            if self.level(top) < Level.HALL:
                out.append(HALL)
            found = self._above[subject] = tuple(out)
        return found

    def level(self, subject: str) -> Level:
        """How high up it stands."""
        self._refresh()
        if (found := self._level.get(subject)) is None:
            found = self._level[subject] = self._level_of(subject)
        return found

    def _level_of(self, subject: str) -> Level:
        for kind, level in _LEVELS.items():
            if subject in self._fleet.tables[kind].row_of:
                return level
        if subject in ("", HALL):
            return Level.HALL
        if subject in self._over_racks:
            return Level.ROW if self._fleet.parent(subject) else Level.HALL
        return (Level.RACK, Level.NODE, Level.GPU)[min(subject.count("/"), 2)]

    def at(self, subject: str, level: Level) -> str:
        """What a subject stands in at a level; the subject itself when it stands as high or higher."""
        if self.level(subject) >= level:
            return subject
        return next((a for a in self.above(subject) if self.level(a) >= level), HALL)

    def within(self, subject: str, place: str) -> bool:
        """Whether a subject is a place or stands in it."""
        return subject == place or place in self.above(subject)

    def common(self, one: str, other: str) -> str:
        """The lowest place that holds both."""
        if self.within(one, other):
            return other
        return next((a for a in (one, *self.above(one)) if self.within(other, a)), HALL)

    def common_of(self, subjects: Iterable[str]) -> str:
        """The lowest place that holds all; "" of none."""
        out = ""
        for subject in subjects:
            out = self.common(out, subject) if out else subject
        return out

    def racks(self, place: str) -> tuple[str, ...]:
        """Racks in a place, or the one that it stands in."""
        self._refresh()
        if (found := self._racks.get(place)) is None:
            if self.level(place) <= Level.RACK:
                found = (self.at(place, Level.RACK),)
            else:
                found = tuple(r for r in self._all_racks() if self.within(r, place))
            self._racks[place] = found
        return found

    def devices(self, kind: Kind, rack: str) -> list[str]:
        """Devices of a kind in a rack."""
        table = self._fleet.tables[kind]
        return [table.ids[row] for row in table.rows_of_rack.get(rack, ())]

    def _all_racks(self) -> list[str]:
        of_kinds = (Kind.RACK, Kind.CDU, Kind.NODE, Kind.GPU)
        names = dict.fromkeys(r for k in of_kinds for r in self._fleet.tables[k].rows_of_rack)
        return list(names)

    def _refresh(self) -> None:
        """Forget what was found when the fleet has grown: a stranger may stand where nothing stood."""
        known = sum(len(table) for table in self._fleet.tables.values())
        if known != self._known or len(self._above) > REMEMBERED_MAX:
            self._known = known
            self._above.clear()
            self._level.clear()
            self._racks.clear()
            racks = self._fleet.tables[Kind.RACK].ids
            self._over_racks = {p for r in racks if (p := self._fleet.parent(r))}
            self._over_racks |= {p for r in self._over_racks if (p := self._fleet.parent(r))}
