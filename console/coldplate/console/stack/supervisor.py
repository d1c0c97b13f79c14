"""Runs the parts of a stack: in order, watched, restarted, stopped in reverse, never orphaned.

No thread and no waiting inside: `poll` looks at every part once and returns, so that a program which
draws on a terminal calls it from its own loop. Call it, and `start`, from one thread that lives as
long as the stack: the kernel ends the parts when the thread that started them ends (see `child`).
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Self

from coldplate.console.stack.errors import StackError
from coldplate.console.stack.keeper import Keeper
from coldplate.console.stack.logfile import bound, tail
from coldplate.console.stack.part import Part, PartState, Status
from coldplate.console.stack.process import start_ticks
from coldplate.console.stack.record import StackRecord
from coldplate.console.stack.state import StateDir

POLL_S = 0.05
LOG_CHECK_S = 10.0

OnChange = Callable[[PartState], None]


def _ignore(_: PartState) -> None:
    """The listener of those who do not listen."""


class Supervisor:
    """The running stack of one state folder.

    Parameters
    ----------
    parts
        In the order to show them; `depends_on` decides the order of start and stop.
    env
        Added to `environ` for every part.
    environ
        Of all of them; None takes this process's own.
    on_change
        Called from `poll` with each part whose state changed.

    Examples
    --------
    >>> with Supervisor(state, parts) as stack:  # doctest: +SKIP
    ...     stack.wait_healthy(30)
    ...     while drawing:
    ...         stack.poll()
    """

    def __init__(
        self,
        state: StateDir,
        parts: Sequence[Part],
        *,
        env: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
        on_change: OnChange = _ignore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = state
        self.on_change = on_change
        self._clock = clock
        self._started_s = 0.0
        self._stopping = False
        self._shown: dict[str, PartState] = {}
        self._logs_due_s = 0.0
        whole = {**(os.environ if environ is None else environ), **(env or {})}
        _check_order(parts)
        self._keepers = {
            part.name: Keeper(part, state.logs / f"{part.name}.log", whole) for part in parts
        }

    @property
    def states(self) -> tuple[PartState, ...]:
        """Every part as it stands."""
        return tuple(keeper.state() for keeper in self._keepers.values())

    @property
    def healthy(self) -> bool:
        """Whether every part is healthy or done."""
        return all(keeper.status.up for keeper in self._keepers.values())

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for."""
        return self._stopping

    @property
    def stopped(self) -> bool:
        """Whether a stop was asked for and every part has ended."""
        return self._stopping and all(k.status is Status.STOPPED for k in self._keepers.values())

    def start(self) -> None:
        """Take the state folder and start what depends on nothing; returns at once.

        Raises
        ------
        StateBusy, NotOurs
            See `StateDir.acquire`.
        """
        self.state.acquire()
        self._started_s = time.time()
        try:
            self.poll()
        except BaseException:
            self.stop()
            raise

    def poll(self) -> None:
        """Move every part on by one look; returns at once."""
        now_s = self._clock()
        for keeper in self._keepers.values():
            keeper.poll(now_s)
            if self._stopping:
                self._stop_when_unused(keeper, now_s)
            elif keeper.status is Status.WAITING:
                self._start_when_ready(keeper, now_s)
        if now_s >= self._logs_due_s:
            self._logs_due_s = now_s + LOG_CHECK_S
            for keeper in self._keepers.values():
                bound(keeper.log)
        self._tell()

    def begin_stop(self) -> None:
        """Ask for a stop; asked twice, it ends everything at once. `poll` does the work."""
        if self._stopping:
            for keeper in self._keepers.values():
                keeper.kill()
        self._stopping = True

    def stop(self) -> None:
        """Stop everything in reverse order, wait for it, and let go of the state folder."""
        self._stopping = True
        while not self.stopped:
            self.poll()
            if not self.stopped:
                time.sleep(POLL_S)
        self.state.release()

    def wait_healthy(self, limit_s: float) -> None:
        """Poll until every part is healthy or done, or a stop was asked for.

        Raises
        ------
        StackError
            After `limit_s`; says what each missing part awaits and how its log ends.
        """
        deadline_s = self._clock() + limit_s
        while not self.healthy and not self._stopping:
            self.poll()
            if self._clock() >= deadline_s:
                raise StackError(self._what_is_missing(limit_s))
            time.sleep(POLL_S)

    def run(self, until: Callable[[], bool] | None = None) -> None:
        """Start, supervise until a signal or until `until()`, and stop."""
        with self.signals(), self:
            while not (self._stopping or (until is not None and until())):
                self.poll()
                time.sleep(POLL_S)

    @contextmanager
    def signals(self) -> Iterator[None]:
        """SIGINT, SIGTERM and SIGHUP ask for a stop; a second one hurries it."""

        def ask(_signum: int, _frame: FrameType | None) -> None:
            self.begin_stop()

        before = {
            signum: signal.signal(signum, ask)
            for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start_when_ready(self, keeper: Keeper, now_s: float) -> None:
        missing = [n for n in keeper.part.depends_on if not self._keepers[n].status.up]
        if missing:
            keeper.awaits = ", ".join(missing)
        else:
            keeper.start(now_s)

    def _stop_when_unused(self, keeper: Keeper, now_s: float) -> None:
        users = (k for k in self._keepers.values() if keeper.part.name in k.part.depends_on)
        if keeper.status is not Status.STOPPED and all(k.status is Status.STOPPED for k in users):
            keeper.stop(now_s)

    def _tell(self) -> None:
        changed = [s for s in self.states if s != self._shown.get(s.name)]
        if not changed:
            return
        self._shown.update({s.name: s for s in changed})
        ticks = start_ticks(os.getpid()) or 0
        record = StackRecord(os.getpid(), ticks, self._started_s, tuple(self._shown.values()))
        record.write(self.state.stack_file)
        for state in changed:
            self.on_change(state)

    def _what_is_missing(self, limit_s: float) -> str:
        lines = [f"not everything was healthy after {limit_s:g} s"]
        for keeper in self._keepers.values():
            if not keeper.status.up:
                lines.append(f"{keeper.part.name} is {keeper.status}, awaits {keeper.awaits}")
                lines.append(f"its log {keeper.log} ends with:\n{tail(keeper.log)}")
        return "\n".join(lines)


def _check_order(parts: Sequence[Part]) -> None:
    """Names are unique, and each part comes after those it depends on: so there is no circle."""
    seen: set[str] = set()
    for part in parts:
        if part.name in seen:
            raise ValueError(f"two parts are called {part.name}")
        if missing := set(part.depends_on) - seen:
            raise ValueError(f"{part.name} depends on {sorted(missing)}, which must come before it")
        seen.add(part.name)
