"""Reads `/dev/kmsg`: one record a read, from the end on or from some seconds back, blocked in poll in between."""

import errno
import os
import select
import threading
import time
from collections.abc import Callable, Iterator

from coldplate.agents.kmsg.record import Record, parse

RECORD_BYTES_MAX = 16_384
"""The kernel's own limit is 8 kB (CONSOLE_EXT_LOG_MAX); a smaller buffer gets EINVAL."""

AT_ONCE_MAX = 1000
"""Records between two looks at whether to end."""


class Kmsg:
    """An open `/dev/kmsg`, or what behaves like it.

    Parameters
    ----------
    path
        The device; a FIFO will do, with a record a line.
    back_s
        How far back to begin.
    clock, since_boot
        Unix time, and the clock of the records, both in seconds.
    read
        As `os.read`.

    Raises
    ------
    OSError
        When it cannot be opened.
    """

    def __init__(
        self,
        path: str,
        *,
        back_s: float = 0.0,
        clock: Callable[[], float] = time.time,
        since_boot: Callable[[], float] = time.monotonic,
        read: Callable[[int, int], bytes] = os.read,
    ) -> None:
        self._clock, self._read_of = clock, read
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._wake_fd, self._waker_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._poll.register(self._wake_fd, select.POLLIN)
        self.overruns = 0
        """Times that the kernel had overwritten what was not read yet."""
        self.malformed = 0
        self._offset_s = clock() - since_boot()
        self._from_us = int(1e6 * (since_boot() - back_s)) if back_s > 0 else None
        self._rest = b""
        self._waited = False
        self._lock = threading.Lock()
        self._released = False
        self._seekable = True
        try:
            os.lseek(self._fd, 0, os.SEEK_SET if back_s > 0 else os.SEEK_END)
        except OSError:
            self._seekable = False  # a FIFO

    def wait(self) -> bool:
        """Until there is something to read; False when it was closed."""
        ready = self._poll.poll(0)
        if not ready:
            ready = self._poll.poll()
            self._waited = True
        if any(fd == self._wake_fd for fd, _ in ready):
            return False
        if any(what & select.POLLHUP and not what & select.POLLIN for _, what in ready):
            # The writer of a FIFO has gone: nothing will come, and poll would say so for ever.
            self._poll.unregister(self._fd)
        return True

    def records(self) -> Iterator[tuple[Record, int]]:
        """What is there now, each with its time in Unix milliseconds."""
        for _ in range(AT_ONCE_MAX):
            raw = self._read()
            if raw is None:
                return
            record = parse(raw)
            if record is None:
                self.malformed += bool(raw.strip())
                continue
            if self._from_us is not None and record.t_us < self._from_us:
                continue
            yield record, self._time_ms(record)

    def close(self) -> None:
        """Wake whoever waits, who is to `release` then; from any thread, any number of times."""
        with self._lock:
            if not self._released:
                os.write(self._waker_fd, b"x")

    def release(self) -> None:
        """Close the descriptors."""
        with self._lock:
            self._released = True
            for fd in (self._fd, self._wake_fd, self._waker_fd):
                os.close(fd)

    def _time_ms(self, record: Record) -> int:
        """When it was said, by the wall clock.

        The records' clock drifts from the wall clock by seconds in weeks. So the two are compared anew whenever a
        record was waited for: such a one is as old as it took to wake.
        """
        now_s = self._clock()
        if self._waited and self._from_us is None:
            self._offset_s = now_s - record.t_us / 1e6
        self._waited = False
        return int(1000 * min(now_s, record.t_us / 1e6 + self._offset_s))

    def _read(self) -> bytes | None:
        """One record; None when there is none now."""
        if b"\n" in self._rest:
            line, _, self._rest = self._rest.partition(b"\n")
            return line
        while True:
            try:
                raw = self._read_of(self._fd, RECORD_BYTES_MAX)
            except BlockingIOError:
                # Whoever looked back is at the present now.
                self._from_us = None
                return None
            except OSError as error:
                if error.errno != errno.EPIPE:
                    raise
                # Overwritten before it was read: the next read goes on with the oldest record there is.
                self.overruns += 1
                continue
            if not raw:
                return None
            if self._seekable:
                return raw
            self._rest += raw
            if b"\n" not in self._rest:
                return None
            line, _, self._rest = self._rest.partition(b"\n")
            return line
