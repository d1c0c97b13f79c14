"""Keeps one part running: start, watch, restart after a pause, stop.

Nothing here waits. The supervisor calls `poll` many times a second; each call looks once and moves
the part on. Time comes in from outside, so tests need no clock of their own.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

from coldplate.console.stack import child, logfile
from coldplate.console.stack.part import Backoff, Part, PartState, Status
from coldplate.console.stack.process import signal_group, start_ticks

# How often the health check is asked, by what it said last.
CHECK_S = {Status.STARTING: 0.1, Status.UNHEALTHY: 1.0, Status.HEALTHY: 5.0}
RUNNING = (Status.STARTING, Status.HEALTHY, Status.UNHEALTHY)


class Keeper:
    """The process of one part, and its state."""

    def __init__(self, part: Part, log: Path, env: Mapping[str, str]) -> None:
        self.part = part
        self.log = log
        self.status = Status.WAITING
        self.awaits: str | None = None
        self.restarts = 0
        self.last_exit: str | None = None
        self.since_s = time.time()
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self._ticks: int | None = None
        self._backoff = Backoff()
        self._due_s = 0.0  # next health check, next start, or SIGKILL, by status
        self._changed_s = 0.0  # when `status` changed, on the supervisor's clock
        self._well_s: float | None = None  # first healthy answer of this run
        self._verdict: str | None = None  # why we ended it ourselves

    def state(self) -> PartState:
        """What is known now."""
        return PartState(
            name=self.part.name,
            status=self.status,
            pid=self._process.pid if self._process else None,
            ticks=self._ticks,
            restarts=self.restarts,
            awaits=self.awaits,
            last_exit=self.last_exit,
            since_s=round(self.since_s, 3),
            log=str(self.log),
            ports=dict(self.part.ports),
        )

    def start(self, now_s: float) -> None:
        """Start the program; it leads its own session, so a Ctrl-C reaches only the supervisor."""
        logfile.bound(self.log)
        launcher = (sys.executable, "-I", "-S", str(child.__file__), str(os.getpid()))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                (*launcher, *self.part.argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**self._env, **self.part.env},
                start_new_session=True,
            )
        self._ticks = start_ticks(self._process.pid)
        self._well_s, self._verdict = None, None
        self._turn(Status.STARTING, now_s, awaits="its first answer")
        self._due_s = now_s

    def poll(self, now_s: float) -> None:
        """Look once: whether it ended, is well, or something is due."""
        if self._process is not None and (code := self._process.poll()) is not None:
            self._ended(code, now_s)
        elif self.status in RUNNING and now_s >= self._due_s:
            self._check(now_s)
        elif self.status is Status.BACKING_OFF and now_s >= self._due_s:
            self._turn(Status.WAITING, now_s)
        elif self.status is Status.STOPPING and now_s >= self._due_s:
            self._signal(SIGKILL)

    def stop(self, now_s: float) -> None:
        """Ask it to stop; `poll` insists when its limit has passed."""
        if self._process is None:
            self._turn(Status.STOPPED, now_s)
        elif self.status is not Status.STOPPING:
            self._turn(Status.STOPPING, now_s)
            self._due_s = now_s + self.part.stop_limit_s
            self._signal(SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._signal(SIGKILL)

    def _check(self, now_s: float) -> None:
        try:
            awaits = self.part.health() if not self.part.once else "its end"
        except Exception as error:  # noqa: BLE001  a part's check must not end the supervisor
            awaits = f"its health check, which failed: {error!r}"
        if awaits is None:
            self._well_s = now_s if self._well_s is None else self._well_s
            self._turn(Status.HEALTHY, now_s)
        elif self.status is Status.HEALTHY:
            self._turn(Status.UNHEALTHY, now_s, awaits=awaits)
        else:
            self.awaits = awaits
        limit_s = self.part.unhealthy_limit_s
        if awaits and limit_s is not None and now_s - self._changed_s >= limit_s:
            self._verdict = f"not healthy for {limit_s:g} s"
            self._signal(SIGKILL)
        self._due_s = now_s + CHECK_S[self.status]

    def _ended(self, code: int, now_s: float) -> None:
        # The program is gone; what it started and left in its group goes too.
        self._signal(SIGKILL)
        self._process, self._ticks = None, None
        if self.status is Status.STOPPING:
            self._turn(Status.STOPPED, now_s)
            return
        if self.part.once and code == 0:
            self._turn(Status.DONE, now_s)
            return
        ending = f"killed by {Signals(-code).name}" if code < 0 else f"exit status {code}"
        self.last_exit = self._verdict or ending
        healthy = self.status is Status.HEALTHY and self._well_s is not None
        delay_s = self._backoff.next_s(healthy_s=now_s - (self._well_s or 0.0) if healthy else 0.0)
        self.restarts += 1
        self._turn(Status.BACKING_OFF, now_s, awaits=f"{delay_s:g} s, after {self.last_exit}")
        self._due_s = now_s + delay_s

    def _signal(self, signum: Signals) -> None:
        if self._process is not None:
            signal_group(self._process.pid, signum)

    def _turn(self, status: Status, now_s: float, *, awaits: str | None = None) -> None:
        self.awaits = awaits
        if status is not self.status:
            self.status, self.since_s, self._changed_s = status, time.time(), now_s
