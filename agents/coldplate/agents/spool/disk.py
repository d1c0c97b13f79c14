"""What waits for Kafka, on disk: implements `coldplate.agents.queue.Waiting` over two logs in one folder.

One line holds what cannot wait (events), the other what leaves in its order (frames). An event never waits for a frame.
A disk that cannot be written to is said once, and the records wait in memory; it is tried again every ten seconds.
"""

import errno
import fcntl
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Container
from contextlib import suppress
from pathlib import Path

from coldplate.agents.options.spool import Spool
from coldplate.agents.queue import Record
from coldplate.agents.spool.errors import SpoolBusy
from coldplate.agents.spool.events import EventsLine
from coldplate.agents.spool.frames import FramesLine
from coldplate.agents.spool.log import Log
from coldplate.agents.spool.rate import Allowance, LiveRate
from coldplate.agents.spool.sync import Syncer

log = logging.getLogger(__name__)

DISK_RETRY_S = 10.0
VALUE_BYTES_MAX = 1 << 20
"""Kafka takes no larger ones as it comes."""

EVENTS_BYTES_MAX = 2 << 20
EVENTS_PER_S = 20.0


class SpooledQueue:
    """Records on disk and what of them is in memory; every call from one thread at a time.

    Parameters
    ----------
    folder
        Made when it is missing; of one process at a time.
    options
        Bounds and rates.
    first_topics
        Whose records go before all others, in a line of their own.
    frames_per_s_min
        What may leave in any case, however little is made.
    clock, wall_clock
        Monotonic and Unix seconds.

    Raises
    ------
    SpoolBusy
        Another process has the folder. Whatever else is wrong with it is no reason not to start.

    Notes
    -----
    A `put` costs one write to the page cache, about 10 us; a `done` one for every 32, or for the last in flight.
    """

    def __init__(
        self,
        folder: Path,
        options: Spool,
        *,
        first_topics: Container[str] = (),
        frames_per_s_min: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._folder, self._options, self._first_topics = folder, options, first_topics
        self._frames_per_s_min = frames_per_s_min
        self._clock, self._wall_clock = clock, wall_clock
        self._lock: int | None = None
        self._broken, self._retry_at_s = False, 0.0
        self._syncer: Syncer | None = None
        self._frames = FramesLine(self.counts, lambda r: self._append(self._frames.log, r))
        self._events = EventsLine(self.counts, lambda r: self._append(self._events.log, r))
        self._rate = LiveRate(clock)
        self._frames_allowed = Allowance(self._frames_per_s, clock)
        self._events_allowed = Allowance(lambda: EVENTS_PER_S, clock)
        self._wait_s: float | None = None
        try:
            self._set_up()
        except OSError as error:
            self._fell(error)

    @property
    def in_flight(self) -> int:
        """Records that have left and are not done."""
        return self._frames.in_flight + self._events.in_flight

    @property
    def pending(self) -> int:
        """Records on disk, in memory and in flight."""
        return self._frames.pending + self._events.pending

    def put(self, topic: str, key: bytes, value: bytes, *, urgent: bool, first_ms: int) -> None:
        """Take a record in: on disk when this returns, or in memory while there is no disk."""
        self.counts["taken"] += 1
        if len(value) > VALUE_BYTES_MAX or len(value) > self._options.bytes_max // 4:
            self.counts["dropped_too_large"] += 1
            return
        record = Record(0, topic, key, value, urgent, first_ms)
        if topic in self._first_topics:
            self._events.put(record)
        else:
            self._rate.note()
            self._frames.put(record)

    def take(self, without: Container[str] = ()) -> Record | None:
        """The next record, now in flight; events first; what is too old is dropped."""
        self._wait_s = None
        oldest_ms = int((self._wall_clock() - self._options.age_max_s) * 1000)
        for line, allowed in (
            (self._events, self._events_allowed),
            (self._frames, self._frames_allowed),
        ):
            wait_s = allowed.wait_s()
            if line.log is not None:
                line.log.expire(oldest_ms)
            while (record := line.take(without)) is not None:
                if record.first_ms < oldest_ms:
                    line.done(record, "dropped_spool_old")
                elif wait_s > 0:
                    line.give_back(record)
                    self._wait_s = min(wait_s, self._wait_s or wait_s)
                    break
                else:
                    allowed.spend()
                    return record
        return None

    def wait_s(self) -> float | None:
        """Until the rate lets the next one go; None when nothing waits for that."""
        return self._wait_s

    def done(self, record: Record, count: str) -> None:
        """A record in flight has found its end, counted under this name; of another nothing is done."""
        if not self._frames.done(record, count):
            self._events.done(record, count)

    def give_back(self, record: Record) -> None:
        """A record in flight goes to where it came from; of another nothing is done."""
        self._frames.give_back(record)
        self._events.give_back(record)

    def give_back_all(self) -> int:
        """Everything in flight waits again, in its order, before what waits; returns how many records."""
        return self._frames.give_back_all() + self._events.give_back_all()

    def now(self) -> dict[str, int]:
        """`pending`, `in_flight`; `spool_records` and `spool_bytes` on disk; `unsaved` in memory alone."""
        logs = [line.log for line in (self._frames, self._events) if line.log is not None]
        saved = sum(s.unread + s.in_memory for made in logs for s in made.segments.values())
        return {
            "pending": self.pending, "in_flight": self.in_flight,
            "spool_records": saved, "spool_bytes": sum(made.bytes for made in logs),
            "unsaved": max(0, self.pending - saved),
        }  # fmt: skip

    def close(self) -> None:
        """Write down what is done, and let the next process have the folder."""
        self._retry_at_s = 0.0
        self._frames.save()
        self._events.save()
        for line in (self._frames, self._events):
            if line.log is not None:
                line.log.close()
        if self._syncer is not None:
            self._syncer.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _frames_per_s(self) -> float:
        return max(self._frames_per_s_min, self._options.catch_up_ratio * self._rate.per_s())

    def _append(self, to: Log | None, record: Record) -> bool:
        """Write a record to a log; False when there is no disk now."""
        if self._broken and self._clock() < self._retry_at_s:
            return False
        try:
            if to is None:
                to = self._opened_late(record)
            to.append(record)
        except (OSError, SpoolBusy) as error:
            self._fell(error)
            return False
        if self._broken:
            self._broken = False
            log.warning("the spool %s takes records again", self._folder)
        return True

    def _opened_late(self, record: Record) -> Log:
        self._set_up()
        found = self._events.log if record.topic in self._first_topics else self._frames.log
        assert found is not None
        return found

    def _fell(self, error: OSError | SpoolBusy) -> None:
        self.counts["spool_errors"] += 1
        self._retry_at_s = self._clock() + DISK_RETRY_S
        if not self._broken:
            self._broken = True
            log.warning(
                "the spool %s takes no records (%s); they wait in memory", self._folder, error
            )

    def _set_up(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._take_lock()
        self._attach()

    def _attach(self) -> None:
        options = self._options
        if options.fsync == "interval" and self._syncer is None:
            self._syncer = Syncer(options.fsync_s)
        events_bytes = min(EVENTS_BYTES_MAX, options.bytes_max // 8)
        for line, name, bytes_max in (
            (self._events, "events", events_bytes),
            (self._frames, "frames", options.bytes_max - events_bytes),
        ):
            if line.log is None:
                line.attach(
                    Log(
                        self._folder / name, self.counts, bytes_max=bytes_max,
                        segment_bytes=options.segment_bytes, syncer=self._syncer,
                        always=options.fsync == "always",
                    )
                )  # fmt: skip

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(lock, 0)
            os.write(lock, f"{os.getpid()}\n".encode())
        except OSError as error:
            holder = ""
            with suppress(OSError):
                holder = os.read(lock, 20).decode(errors="replace").strip()
            os.close(lock)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise SpoolBusy(
                    f"the spool {self._folder} belongs to the running process {holder or '(unknown)'};"
                    " each agent needs a state folder of its own"
                ) from None
            raise
        self._lock = lock
