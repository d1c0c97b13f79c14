"""A spool for tests: its clock, short records by name, and a process that dies."""

import os

from coldplate.agents.options.spool import Spool
from coldplate.agents.spool.disk import SpooledQueue

NOW_S = 1_700_000_000.0


class Clock:
    """Monotonic and Unix time: moves when told to, and a little each time it is looked at."""

    def __init__(self, drift_s=1.0):
        self.s, self.drift_s = 0.0, drift_s

    def mono(self):
        self.s += self.drift_s
        return self.s

    def wall(self):
        return NOW_S + self.s


def spool(folder, clock=None, **options):
    """A spool that sends as fast as it is asked, unless told otherwise."""
    clock = clock or Clock()
    chosen = Spool(**{"fsync": "never", "catch_up_ratio": 1e9, "bytes_max": 1 << 24, **options})
    return SpooledQueue(
        folder, chosen, first_topics={"events"}, clock=clock.mono, wall_clock=clock.wall
    )


def put(made, name, topic="frames", size=100, age_s=0.0):
    """`a3` is a record of the key `a`."""
    value = name.encode().ljust(size)
    first_ms = int((made._wall_clock() - age_s) * 1000)
    made.put(topic, name[:1].encode(), value, urgent=topic == "events", first_ms=first_ms)


def taken(made, most=1 << 30):
    """Records that may be taken, in flight."""
    out = []
    while len(out) < most and (record := made.take()) is not None:
        out.append(record)
    return out


def names(records):
    return [r.value.decode().strip() for r in records]


def drained(made):
    """Names of all that may be taken, each done at once."""
    out = []
    while (record := made.take()) is not None:
        out += names([record])
        made.done(record, "acknowledged")
    return out


def killed(made):
    """The process is gone: nothing more is written, the kernel drops the lock."""
    for line in (made._frames, made._events):
        if line.log is not None and line.log._file is not None:
            os.close(line.log._file)
    os.close(made._lock)


def logs(folder):
    return sorted(folder.glob("frames/*.log"))
