"""The line of what cannot wait: few records, all of them in memory, and on disk as well.

When many wait, as after an outage, the newest leaves first: of an hour of events the last ones say what is the matter
now. When few do, they leave as they came.
"""

from bisect import insort
from collections import Counter
from collections.abc import Callable, Container

from coldplate.agents.queue import Record
from coldplate.agents.spool.log import Log
from coldplate.agents.spool.reader import Reader

FEW = 32
"""So many leave as they came."""

IN_FLIGHT_MAX = 100

MEMORY_RECORDS_MAX = 8000
"""Records in memory at most."""


class EventsLine:
    """One line; every call from one thread at a time.

    Parameters
    ----------
    counts
        Where to count.
    append
        Writes a record to the log and gives it a place; False when there is no disk now.
    """

    def __init__(self, counts: Counter[str], append: Callable[[Record], bool]) -> None:
        self._counts, self._append = counts, append
        self._log: Log | None = None
        self._waiting: list[Record] = []
        self._flying: set[Record] = set()
        self._number = self._unplaced = 0

    @property
    def in_flight(self) -> int:
        """Records that have left and are not done."""
        return len(self._flying)

    @property
    def pending(self) -> int:
        """Records that wait or are in flight."""
        return len(self._waiting) + len(self._flying)

    @property
    def log(self) -> Log | None:
        """Where it is on disk."""
        return self._log

    def attach(self, log: Log) -> None:
        """There is a disk now; what an earlier process left on it is older than what waits."""
        self._log = log
        reader, found = Reader(log), []
        while (record := reader.next()) is not None:
            found.append(record)
        for number, record in enumerate(found):
            record.number = number - len(found)
        self._waiting[:0] = found

    def put(self, record: Record) -> None:
        """Take a record in."""
        record.number = self._number
        self._number += 1
        self.save()
        if not self._append(record):
            self._unplaced += 1
        self._waiting.append(record)
        self._trim()

    def save(self) -> bool:
        """Write what only memory holds to the disk; False when that fails."""
        if self._unplaced:
            for record in self._waiting:
                if record.place is None and not self._append(record):
                    return False
            self._unplaced = 0
        return True

    def take(self, without: Container[str]) -> Record | None:
        """The next record, now in flight."""
        if len(self._flying) >= IN_FLIGHT_MAX:
            return None
        many = len(self._waiting) > FEW
        order = range(len(self._waiting) - 1, -1, -1) if many else range(len(self._waiting))
        for i in order:
            if self._waiting[i].topic not in without:
                record = self._waiting.pop(i)
                self._flying.add(record)
                return record
        return None

    def done(self, record: Record, count: str) -> bool:
        """A record in flight has found its end; False when it is none of this line's."""
        if record not in self._flying:
            return False
        self._flying.remove(record)
        self._counts[count] += 1
        if record.place is not None and self._log is not None:
            self._log.done(record.place)
            if not self._flying:
                self._log.save_acks()
        return True

    def give_back(self, record: Record) -> None:
        """A record in flight waits again."""
        if record in self._flying:
            self._flying.remove(record)
            insort(self._waiting, record, key=lambda r: r.number)

    def give_back_all(self) -> int:
        """Everything in flight waits again."""
        flying = list(self._flying)
        for record in flying:
            self.give_back(record)
        return len(flying)

    def _trim(self) -> None:
        """What has lost its place for want of room, or is too much for memory, is dropped, the oldest first."""
        if self._log is not None:
            segments = self._log.segments
            while self._waiting and (place := self._waiting[0].place) and place[0] not in segments:
                self._waiting.pop(0)
                self._counts["dropped_spool_full"] += 1
        while len(self._waiting) > MEMORY_RECORDS_MAX:
            record = self._waiting.pop(0)
            self._counts["dropped_queue_full"] += 1
            if record.place is not None and self._log is not None:
                self._log.done(record.place)
