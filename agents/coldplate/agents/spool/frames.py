"""The line of what leaves in its order: on disk, a window of it in memory, and in memory alone while the disk is away.

Oldest first, whatever happened: what is on disk goes before what only memory holds, and this is written to the disk
before anything newer when the disk is back.
"""

from collections import Counter, deque
from collections.abc import Callable, Container

from coldplate.agents.queue import Record, RecordQueue
from coldplate.agents.spool.log import Log
from coldplate.agents.spool.reader import Reader

WINDOW_BYTES_MAX = 4 << 20
"""Of values in memory, waiting and in flight."""

LOAD_BYTES = 512 << 10
LOAD_RECORDS = 500
"""Nothing more is read from disk while so much is in memory."""

MEMORY_BYTES_MAX = 16 << 20
"""Of values that wait in memory alone while the disk is away."""


class FramesLine:
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
        self._window = RecordQueue(WINDOW_BYTES_MAX, counts)
        self._log: Log | None = None
        self._reader: Reader | None = None
        self._at_end = True
        self._rest: deque[Record] = deque()
        self._rest_bytes = self._number = 0

    @property
    def in_flight(self) -> int:
        """Records that have left and are not done."""
        return self._window.in_flight

    @property
    def pending(self) -> int:
        """Records on disk, in memory and in flight."""
        on_disk = 0 if self._log is None else self._log.unread
        return on_disk + len(self._rest) + self._window.pending

    @property
    def log(self) -> Log | None:
        """Where it is on disk."""
        return self._log

    def attach(self, log: Log) -> None:
        """There is a disk now; what an earlier process left on it comes first."""
        self._log, self._reader, self._at_end = log, Reader(log), False

    def put(self, record: Record) -> None:
        """Take a record in."""
        if self.save() and self._append(record):
            self._placed(record)
        elif self._at_end and not self._rest and self._has_room(record):
            self._to_window(record)
        else:
            self._keep(record)

    def save(self) -> bool:
        """Write what only memory holds, and has not been taken yet, to the disk; False when that fails."""
        while self._rest:
            if not self._append(self._rest[0]):
                return False
            record = self._rest.popleft()
            self._rest_bytes -= len(record.value)
            self._placed(record)
        return True

    def take(self, without: Container[str]) -> Record | None:
        """The next record, now in flight."""
        self._load()
        return self._window.take(without)

    def done(self, record: Record, count: str) -> bool:
        """A record in flight has found its end; False when it is none of this line's."""
        before = self._window.in_flight
        self._window.done(record, count)
        if self._window.in_flight == before:
            return False
        if record.place is not None and self._log is not None:
            self._log.done(record.place)
            if not self._window.in_flight:
                self._log.save_acks()
        return True

    def give_back(self, record: Record) -> None:
        """A record in flight waits again."""
        self._window.give_back(record)

    def give_back_all(self) -> int:
        """Everything in flight waits again."""
        return self._window.give_back_all()

    def _placed(self, record: Record) -> None:
        assert self._log is not None
        assert self._reader is not None
        if self._at_end and self._has_room(record):
            self._reader.skip(record)
            self._to_window(record)
        else:
            self._log.forget(record)
            self._at_end = False

    def _has_room(self, record: Record) -> bool:
        return self._window.size_bytes + len(record.value) <= WINDOW_BYTES_MAX

    def _to_window(self, record: Record) -> None:
        record.number = self._number
        self._number += 1
        self._window.add(record)

    def _load(self) -> None:
        """From the disk, and then from memory, into the window."""
        while self._window.size_bytes < LOAD_BYTES and self._window.pending < LOAD_RECORDS:
            if not self._at_end and self._reader is not None:
                if (record := self._reader.next()) is not None:
                    self._to_window(record)
                    continue
                self._at_end = True
            if not self._rest:
                return
            record = self._rest.popleft()
            self._rest_bytes -= len(record.value)
            self._to_window(record)

    def _keep(self, record: Record) -> None:
        self._rest.append(record)
        self._rest_bytes += len(record.value)
        while self._rest_bytes > MEMORY_BYTES_MAX:
            self._rest_bytes -= len(self._rest.popleft().value)
            self._counts["dropped_queue_full"] += 1
