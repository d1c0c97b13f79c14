"""A peer in real time: a hall's frames as they come, what they cost, and when each was through."""

import math
import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from coldplate.console.benching.machine import Usage
from coldplate.console.benching.peers.ground import Ground, rss_max_mb
from coldplate.console.benching.peers.peer import Figures, Running
from coldplate.console.benching.peers.records import Records

SLICE_S, LOOK_S = 0.05, 0.2
STILL_S_MAX = 30.0
"""What is left is waited for as long as anything comes out within this time: late is not lost."""


@dataclass(slots=True)
class Followed:
    """When how many units had gone in, and when how many had come out; sums, not single ones."""

    sent: list[tuple[float, int]] = field(default_factory=list)
    seen: list[tuple[float, int]] = field(default_factory=list)

    @property
    def begin_s(self) -> float:
        """When the first ones went in."""
        return self.sent[0][0] if self.sent else math.nan

    @property
    def units(self) -> int:
        """That went in."""
        return self.sent[-1][1] if self.sent else 0

    @property
    def out(self) -> int:
        """That came out."""
        return self.seen[-1][1] if self.seen else 0

    @property
    def end_s(self) -> float:
        """When the last one that came out did."""
        return next((at for at, out in self.seen if 0 < self.out <= out), math.nan)

    def latencies_s(self) -> NDArray[np.float64]:
        """Of each sending that came out: until the first look that had as many; first in, first out."""
        if not self.sent or not self.seen:
            return np.zeros(0)
        (at, units), (seen_at, out) = (np.array(x, np.float64).T for x in (self.sent, self.seen))
        first = np.searchsorted(np.maximum.accumulate(out), units)
        there = first < len(seen_at)
        return np.asarray(seen_at[first[there]] - at[there], np.float64)


def follow(ground: Ground, running: Running, records: Records, name: str) -> Figures:
    """Send all of a load to a peer, on time, and wait until it is through.

    Raises
    ------
    Failure
        It died, or what was sent did not get to where it reads.
    """
    run = _Run(ground, running, records, name)
    pids = dict(running.pids)
    watched = {**pids, "kafka": ground.servers["kafka"]}
    before = Usage.now(watched)
    run.send()
    running.flush()
    run.drain()
    used = Usage.now(watched).since(before).cpu_s
    broker_s = used.pop("kafka")
    late_s = run.followed.latencies_s()
    p50, p99 = np.percentile(late_s, (50, 99)) if len(late_s) else (math.nan, math.nan)
    units, out = run.followed.units, run.followed.out
    return Figures(
        run.values, run.followed.end_s - run.followed.begin_s, used, {n: run.rss_mb[n] for n in pids}, broker_s,
        float(p50), float(p99), running.latency_of, max(0, units - out), max(0, out - units), running.unit,
        {"late_max_s": round(run.late_max_s, 3)},
    )  # fmt: skip


class _Run:
    """One peer, one load."""

    def __init__(self, ground: Ground, running: Running, records: Records, name: str) -> None:
        self._ground, self._running, self._records, self._name = ground, running, records, name
        self.followed = Followed()
        self.values = 0
        self.late_max_s = 0.0
        self.rss_mb: dict[str, int] = {}
        self._look_s = 0.0
        self._before = running.done()

    def send(self) -> None:
        """All frames when they are due."""
        cycle = self._records.cycle
        first_tick = math.ceil(time.time())
        began_s, in_all = first_tick + cycle.delay_s, cycle.frames_in_all
        sent = 0
        while sent < in_all:
            now_s = time.time()
            due = min(in_all, math.floor((now_s - began_s) / cycle.gap_s) + 1)
            if due > sent:
                self.late_max_s = max(self.late_max_s, now_s - began_s - sent * cycle.gap_s)
                self._send(range(sent, due), first_tick)
                sent = due
            self._look(sent / in_all)
            time.sleep(SLICE_S)

    def _send(self, numbers: range, first_tick: int) -> None:
        messages = [m for n in numbers for m in self._records.messages(n, first_tick)]
        at = time.time()
        self._running.feed(messages)
        of = {
            "frames": len(numbers),
            "rows": sum(m.rows for m in messages),
            "values": sum(m.values for m in messages),
        }
        self.values += of["values"]
        self.followed.sent.append((at, self.followed.units + of[self._running.unit]))

    def drain(self) -> None:
        """Until all is out, or nothing more comes."""
        moved_s, out = time.monotonic(), self.followed.out
        while self.followed.out < self.followed.units:
            self._look(1.0)
            if self.followed.out > out:
                moved_s, out = time.monotonic(), self.followed.out
            elif time.monotonic() - moved_s > STILL_S_MAX:
                return
            time.sleep(SLICE_S)

    def _look(self, share: float) -> None:
        if time.monotonic() < self._look_s:
            return
        self._look_s = time.monotonic() + LOOK_S
        self._ground.poll()
        out = self._running.done() - self._before
        self.followed.seen.append((time.time(), out))
        self.rss_mb = rss_max_mb(self.rss_mb, self._running.pids)
        words = f"{self._name}: {self.followed.units - out:,} {self._running.unit} behind"
        self._ground.progress.show(words, share)
