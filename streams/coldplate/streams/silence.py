"""Who fell silent: a source whose frames stopped while others go on.

By the broker's append times within one Kafka partition: a source is silent when, since its last frame, the partition
went on for longer than three of its frames and an allowance. The broker's clock is one clock, so a node whose own is
wrong silences nobody; lag delays a partition's sources alike; a time in which a whole partition had nothing counts for
little, so that an outage of Kafka silences nobody. A source that the inventory does not know is not waited for.

A partition of which nothing at all is read has nothing to go on by: a rack that is alone in it fell silent, or a whole
hall did, or Kafka lost the partition. Whichever it is, nobody sees these devices any more. Then the whole cluster is the
clock, and so that a worker which reads one partition later than another blames nobody, it must have watched the
partition in vain for as long by its own.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.wire.frame import Head
from coldplate.wire.incident import Anomaly, Evidence, Severity
from coldplate.wire.inventory import Inventory
from coldplate.wire.metric import Kind

SILENCE = "silence"
"""The detector's name in anomalies and evidence."""

FRAMES = 3
ALLOWANCE_MS = 5_000
PAUSE_MS_MAX = 10_000
"""What a pause of a whole partition counts at most: twice what a rack's sources, which send together, make."""

KEPT = "sends what it had kept"
"""Note of a source that is back and had only been cut off."""

MUTE_MS = 20_000
"""For so long a worker has read nothing of a partition, though it read others."""

LOOK_MS_MAX = 2_000
"""What the time between two looks counts at most: a worker that was stopped has not watched."""

_NOWHERE = -1


FULL_TICKS = 5
"""A frame with fewer is an urgent one, and does not make the next full one late."""

LEARNT_FRAMES = 3
"""A source that begins sends what there is up to its rack's phase: how long its frames are is not known from the first ones."""

_NUMBERS = ("place", "heard_ms", "heard_at", "cluster_at", "ticked_ms", "allowed_ms", "young")


class _Sources:
    """All sources, one element each.

    `place` is the number of a source's partition, `heard_ms` when its last frame was appended, `heard_at` and `cluster_at`
    what its partition and the cluster had lived by then, `ticked_ms` the end of its last tick, `young` how many frames
    more tell nothing of how long its frames are.
    """

    def __init__(self) -> None:
        self.number: dict[str, int] = {}
        self.names: list[str] = []
        self.racks: list[str] = []
        self.kinds: list[str] = []
        self.place, self.heard_ms, self.heard_at, self.cluster_at, self.ticked_ms, self.allowed_ms, self.young = (
            np.zeros(0, np.int64) for _ in _NUMBERS
        )  # fmt: skip
        self.silent = self.kept = np.zeros(0, np.bool_)

    def add(self, name: str, rack: str, kind: str) -> int:
        """A new one, which was not heard yet."""
        number = self.number[name] = len(self.names)
        self.names.append(name)
        self.racks.append(rack)
        self.kinds.append(kind)
        if number >= len(self.silent):
            more = max(64, number)
            for array in _NUMBERS:
                first = {"place": _NOWHERE, "young": LEARNT_FRAMES}.get(array, 0)
                fill = np.full(more, first, np.int64)
                setattr(self, array, np.concatenate([getattr(self, array), fill]))
            self.silent, self.kept = (
                np.concatenate([a, np.zeros(more, np.bool_)]) for a in (self.silent, self.kept)
            )
        return number


@dataclass(slots=True)
class _Partition:
    """When it last got a record, how long it has been getting some, and when we last read one, as watched."""

    number: int
    newest_ms: int
    lived: int = 0
    read: bool = True
    read_at_ms: int = 0

    def passes(self, appended_ms: int, frame_ms: int) -> None:
        """A record was appended then."""
        passed = appended_ms - self.newest_ms
        self.lived += min(passed, max(PAUSE_MS_MAX, 2 * frame_ms))
        self.newest_ms = appended_ms


class Silence:
    """Last sign of life of every source.

    Parameters
    ----------
    cluster
        Stands in the anomalies.
    known
        Whose sources are waited for; None: all that were ever heard.
    """

    def __init__(self, cluster: str, known: Inventory | None = None) -> None:
        self._cluster, self._known = cluster, known
        self._sources = _Sources()
        self._partitions: dict[int, _Partition] = {}
        self._everything = _Partition(_NOWHERE, 0)
        self._watched_ms = self._looked_ms = self._longest_ms = 0
        self._taken_over: set[int] = set()
        self._told: list[tuple[int, ...]] = []
        """Frames that were heard since the last look, as `_take_in` takes them."""

    def take_over(self, name: str, kind: str, rack: str) -> None:
        """A source that was silent when the worker before us ended; it is until it is heard."""
        self._take_in()
        # The topic's tail may hold what it sent before: it may be back before anybody has looked.
        if (number := self._sources.number.get(name)) is None:
            number = self._sources.add(name, rack, kind)
            self._taken_over.add(number)
        self._sources.silent[number] = True

    def part(self, partitions: AbstractSet[int]) -> None:
        """Partitions are another worker's now: their sources are not waited for until one of them is heard here again."""
        self._take_in()
        of = self._sources
        gone = [p.number for number, p in self._partitions.items() if number in partitions]
        parted = np.isin(of.place, gone)
        of.place[parted] = _NOWHERE
        of.silent[parted] = of.kept[parted] = False

    def heard(self, head: Head, partition: int, appended_ms: int) -> None:
        """A frame came out of a partition, which Kafka has since `appended_ms`."""
        frame_ms = head.ticks * head.tick_ms
        place, everything = self._partitions.get(partition), self._everything
        if place is None:
            place = _Partition(len(self._partitions), appended_ms)
            self._partitions[partition] = place
        elif appended_ms > place.newest_ms:
            place.passes(appended_ms, frame_ms)
        if not everything.newest_ms:
            everything.newest_ms = appended_ms
        elif appended_ms > everything.newest_ms:
            everything.passes(appended_ms, frame_ms)
        place.read = True
        number = self._sources.number.get(head.source)
        if number is None or number in self._taken_over:
            if self._known is not None and head.source not in self._known:
                return
            number = self._meet(head, number)
        self._told.append(
            (
                number, place.number, appended_ms, place.lived, everything.lived,
                head.tick * head.tick_ms, frame_ms, head.ticks,
            )
        )  # fmt: skip

    def _meet(self, head: Head, number: int | None) -> int:
        """A source that is heard for the first time; its number."""
        kind = "silent-cdu" if any(b.kind == Kind.CDU for b in head.blocks) else "silent-node"
        if number is None:
            return self._sources.add(head.source, head.rack, kind)
        # Taken over, by an incident that may be called after its rack or hall.
        self._sources.racks[number], self._sources.kinds[number] = head.rack, kind
        self._taken_over.discard(number)
        return number

    def _take_in(self) -> None:
        """What was heard since the last look, all at once; of several frames of a source the last one counts."""
        if not self._told:
            return
        told, self._told = np.array(self._told, np.int64).T, []
        number, place, heard_ms, lived, cluster, first_ms, frame_ms, ticks = told
        of = self._sources
        new = of.place[number] == _NOWHERE
        gap_ms = first_ms - of.ticked_ms[number]
        # The very next tick after the last one before: it had worked on.
        kept = of.silent[number] & ~new & (gap_ms >= 0) & (gap_ms <= frame_ms)
        of.kept[number[kept]] = True
        of.place[number], of.heard_ms[number] = place, heard_ms
        of.heard_at[number], of.cluster_at[number] = lived, cluster
        np.maximum.at(of.ticked_ms, number, first_ms + frame_ms)
        allowed_ms, full = FRAMES * frame_ms + ALLOWANCE_MS, ticks >= FULL_TICKS
        of.allowed_ms[number[full]] = allowed_ms[full]
        np.maximum.at(of.allowed_ms, number[~full], allowed_ms[~full])
        self._longest_ms = max(self._longest_ms, int(allowed_ms[full].max(initial=0)))
        np.subtract.at(of.young, number, 1)
        of.young[number[full]] = 0

    def _allowed_ms(self, number: NDArray[np.int64]) -> NDArray[np.int64]:
        """For so long sources may send nothing; whose frames are not known yet, as long as any other."""
        allowed_ms = self._sources.allowed_ms[number]
        young = self._sources.young[number] > 0
        return np.where(young, np.maximum(allowed_ms, self._longest_ms), allowed_ms)

    def look(self, now_ms: int) -> list[Anomaly]:
        """Sources that fell silent or came back since the last look; call it about once a second."""
        self._take_in()
        mute = self._mute(now_ms)
        of, places = self._sources, list(self._partitions.values())
        known = np.flatnonzero(of.place[: len(of.names)] != _NOWHERE)
        place, allowed_ms = of.place[known], self._allowed_ms(known)
        lived = np.array([p.lived for p in places], np.int64)
        silent = lived[place] - of.heard_at[known] > allowed_ms
        unread = np.array([p.number in mute for p in places], np.bool_)
        silent |= unread[place] & (self._everything.lived - of.cluster_at[known] > allowed_ms)
        changed = known[silent != of.silent[known]]
        of.silent[known] = silent
        return [
            self._anomaly(number, places[of.place[number]].newest_ms, now_ms)
            for number in changed.tolist()
        ]

    def _mute(self, now_ms: int) -> set[int]:
        """Partitions that were watched in vain while others of the cluster were read."""
        self._watched_ms += min(max(now_ms - self._looked_ms, 0), LOOK_MS_MAX)
        self._looked_ms = now_ms
        for place in self._partitions.values():
            if place.read:
                place.read, place.read_at_ms = False, self._watched_ms
        return {
            p.number
            for p in self._partitions.values()
            if self._watched_ms - p.read_at_ms >= MUTE_MS
        }

    def _anomaly(self, number: int, newest_ms: int, now_ms: int) -> Anomaly:
        of = self._sources
        name, silent = of.names[number], bool(of.silent[number])
        heard_ms, allowed_ms = (
            int(of.heard_ms[number]),
            int(self._allowed_ms(np.array([number]))[0]),
        )
        evidence = Evidence(
            SILENCE, name, "silent_s", int(of.ticked_ms[number]),
            round((newest_ms - heard_ms) / 1000, 1), allowed_ms / 1000,
            note="" if silent else KEPT if of.kept[number] else "sends again",
        )  # fmt: skip
        return Anomaly(
            self._cluster, SILENCE, of.kinds[number], name, of.racks[number],
            heard_ms + allowed_ms if silent else newest_ms,
            silent, Severity.WARNING, evidence, arrived_ms=now_ms,
        )  # fmt: skip
