"""Work that is done a bit at a time: a generator says what it waits for, and goes on when that is there.

A controller may take seconds for an answer, a tick has a fraction of one, and a second thread a controller would cost
hundreds of threads. So a request is a generator: where it would block it yields, the tick goes on without it, and a
later tick takes it up where it stood, with the same request still under way.
"""

import select
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, cast

T = TypeVar("T")

READ, WRITE = select.POLLIN, select.POLLOUT


@dataclass(frozen=True, slots=True)
class Want:
    """What a step waits for.

    Parameters
    ----------
    fd, events
        As `select.poll` takes them.
    until_s
        Monotonic seconds after which it is no use: `TimeoutError` is thrown into the step.
    """

    fd: int
    events: int
    until_s: float


Steps = Generator[Want | None, None, T]
"""Yields a `Want`, or None where it may be set aside for something more urgent; returns the result."""

State = Literal["done", "waits", "may_wait"]


class Job(Generic[T]):
    """Steps under way.

    Parameters
    ----------
    steps
        The work.
    clock
        Monotonic seconds.
    """

    __slots__ = ("_clock", "_steps", "_want", "asked_s", "result")

    def __init__(self, steps: Steps[T], clock: Callable[[], float]) -> None:
        self._steps, self._clock = steps, clock
        self._want: Want | None = None
        self.asked_s = clock()
        self.result: T | None = None

    def go_on(self, until_s: float) -> State:
        """Go on until it is done, may be set aside, or the time is over.

        Returns
        -------
        State
            `done` (see `result`), `may_wait` at a point between two requests, `waits` when the time is over.

        Raises
        ------
        Exception
            Whatever the work raises; the job is then over.
        """
        while True:
            over = False
            if (want := self._want) is not None and not self._ready(want, until_s):
                over = self._clock() >= want.until_s
                if not over:
                    return "waits"
            try:
                # At its time-out the step raises its own error, or goes on to something else.
                self._want = self._steps.throw(TimeoutError()) if over else next(self._steps)
            except StopIteration as end:
                self.result = end.value
                return "done"
            if self._want is None:
                return "may_wait"

    def end(self) -> None:
        """Give it up; what it holds is let go of."""
        self._steps.close()

    def _ready(self, want: Want, until_s: float) -> bool:
        wait_s = min(until_s, want.until_s) - self._clock()
        poll = select.poll()
        poll.register(want.fd, want.events)
        return bool(poll.poll(max(0.0, wait_s) * 1000))


def run(steps: Steps[T], within_s: float, clock: Callable[[], float]) -> T:
    """Do it all at once, for programs that may wait.

    Raises
    ------
    TimeoutError
        When it is not done in time.
    """
    job = Job(steps, clock)
    until_s = clock() + within_s
    while (state := job.go_on(until_s)) != "done":
        if state == "waits" and clock() >= until_s:
            job.end()
            raise TimeoutError(f"not done within {within_s:g} s")
    return cast(T, job.result)
