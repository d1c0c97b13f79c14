"""Asks one source of jobs every so often, in a lane of its own, and keeps its answer until the next."""

import time
from collections.abc import Callable, Mapping

from coldplate.agents.collector import Health
from coldplate.agents.jobs.owner import JobSource, Owner, by_gpu
from coldplate.agents.lane import Lane

HOLD_POLLS = 3.0
"""An answer counts for so many times the source's interval: one that fails once has not lost its jobs."""

RETRY_S = 2.0
"""A source that fails is asked so often at least; its lane skips most of that."""

Answer = Mapping[str, tuple[Owner, ...]]


class Poll:
    """One source.

    Parameters
    ----------
    source
        Who is asked.
    names
        GPU id by each name of a GPU.
    clock
        Monotonic seconds.
    """

    def __init__(
        self, source: JobSource, names: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:  # fmt: skip
        self._source, self._names = source, names
        self._every_ms = round(source.every_s * 1000)
        self._asked_ms: int | None = None
        # Kept by the lane's own thread, so that an answer after the tick's deadline still counts.
        self._found: tuple[int, Answer] | None = None
        self._lane: Lane[int, bool] = Lane(f"jobs/{source.name}", self._ask, clock=clock)

    def begin(self, tick_ms: int) -> None:
        """Ask, when it is time."""
        every_ms = self._every_ms if self._lane.health().ok else min(self._every_ms, RETRY_S * 1000)
        # A clock that was set back is a reason to ask, too.
        if self._asked_ms is None or not 0 <= tick_ms - self._asked_ms < every_ms:
            self._asked_ms = tick_ms
            self._lane.ask(tick_ms, tick_ms)

    def wait(self, deadline_s: float) -> None:
        """Until the answer is there or the time is over; at once when nothing was asked."""
        self._lane.answer(deadline_s)

    def answer(self, tick_ms: int) -> Answer | None:
        """Owners by GPU id; None while the source cannot tell."""
        found = self._found
        if found is None or not 0 <= tick_ms - found[0] <= HOLD_POLLS * self._every_ms:
            return None
        return found[1]

    def health(self) -> Health:
        """How the source does."""
        return self._lane.health()

    def close(self) -> None:
        """End the thread; one that hangs in a call is left behind."""
        self._lane.close()

    def _ask(self, tick_ms: int) -> bool:
        self._found = tick_ms, by_gpu(self._source.owners(), self._names)
        return True
