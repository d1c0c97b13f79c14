"""Processor time, free memory, and what the agent itself uses.

References
----------
Linux, Documentation/filesystems/proc.rst: the first line of /proc/stat is the sum over all processors, in ticks of
10 ms: user, nice, system, idle, iowait, irq, softirq, steal. `MemAvailable` is the third line of /proc/meminfo.
"""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from coldplate.agents.host.files import Kept
from coldplate.agents.host.rate import Rate

_PAGE = os.sysconf("SC_PAGE_SIZE")


class OfFile:
    """One value out of the head of one file.

    Parameters
    ----------
    metric, path
        What it gives, and where from.
    parse
        The value, or NaN where the file has another form.
    """

    def __init__(self, metric: str, path: Path, parse: Callable[[bytes], float]) -> None:
        self.metric, self._parse = metric, parse
        self._file = Kept(path)
        self.source = str(path)

    @property
    def absent(self) -> str:
        """Why there is none."""
        return self._file.absent

    def read(self, _: float) -> float:
        """The value of now."""
        raw = self._file.read()
        return math.nan if raw is None else self._parse(raw)

    def reopen(self) -> None:
        """Try again."""
        if self.absent:
            self._file.open()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class CpuUse:
    """Share of processor time that was not idle since the last time; waiting for a disk is idle."""

    def __init__(self) -> None:
        self._before: tuple[int, int] | None = None

    def __call__(self, raw: bytes) -> float:
        """From 0 to 1, of the content of /proc/stat."""
        fields = raw.partition(b"\n")[0].split()
        # What guests use stands in `user` already: the first eight are all.
        if len(fields) < 9 or fields[0] != b"cpu" or not all(f.isdigit() for f in fields[1:9]):
            return math.nan
        times = [int(f) for f in fields[1:9]]
        total, idle = sum(times), times[3] + times[4]
        before, self._before = self._before, (total, idle)
        if before is None or total <= before[0]:
            return math.nan
        # The kernel's idle time may run back a little between processors.
        share = 1.0 - (idle - before[1]) / (total - before[0])
        return min(1.0, max(0.0, share))


def available_bytes(raw: bytes) -> float:
    """Memory that a new program could have, of the content of /proc/meminfo."""
    fields = raw.partition(b"MemAvailable:")[2].split(maxsplit=2)
    return 1024.0 * int(fields[0]) if len(fields) > 1 and fields[0].isdigit() else math.nan


def resident_bytes(raw: bytes) -> float:
    """Memory that is resident, of the content of a process's `statm`."""
    fields = raw.split()
    return float(_PAGE * int(fields[1])) if len(fields) == 7 and fields[1].isdigit() else math.nan


class AgentCpu:
    """Share of one core that this process used since the last reading.

    Parameters
    ----------
    used_s
        Processor time of this process; finer than the 10 ms of /proc/self/stat, and no file.
    """

    metric, source, absent = "agent_cpu_ratio", "CLOCK_PROCESS_CPUTIME_ID", ""

    def __init__(self, used_s: Callable[[], float] = time.process_time) -> None:
        self._used_s = used_s
        self._rate = Rate()

    def read(self, at_s: float) -> float:
        """1 is one core."""
        return self._rate.of(self._used_s(), at_s)

    def reopen(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""
