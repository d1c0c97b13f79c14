"""Time that runs faster than the wall clock's, for a collector that can: a replay, the twin.

Readers refuse ticks from the future (admission.py), so hurried time begins in the past and ends its hurry at the wall
clock: from there on it runs as that does. Ticks are never left out: time waits for a slow model, and for a publisher
whose queue fills.
"""

import threading
import time
from collections.abc import Callable, Mapping

PENDING_MAX = 4_000
"""Records that wait for Kafka before time stands still."""

LOOK_S = 0.05


class Pace(threading.Event):
    """A stop event for the agent's loop whose waiting is paced, and the clock that goes with it.

    Parameters
    ----------
    speed
        Seconds of event time a second; infinite for as fast as it goes.
    back_s
        How far in the past it begins.
    stop
        Ends it.
    counts
        The publisher's; its `pending` is looked at.
    """

    def __init__(
        self, speed: float, back_s: float, stop: threading.Event,
        counts: Callable[[], Mapping[str, int]],
    ) -> None:  # fmt: skip
        super().__init__()
        self._speed, self._stop, self._counts = speed, stop, counts
        self._began_s = time.time()
        self._start_s = self._now_s = self._began_s - back_s

    def clock(self) -> float:
        """Unix time in seconds, as the loop is to see it."""
        return self._now_s

    def wait(self, timeout: float | None = None) -> bool:
        """Let so much event time pass; True when told to stop."""
        while self._counts()["pending"] > PENDING_MAX:
            if self._stop.wait(LOOK_S):
                return True
        self._now_s += timeout or 0.0
        due_s = self._began_s + (self._now_s - self._start_s) / self._speed
        return self._stop.wait(max(0.0, max(due_s, self._now_s) - time.time()))
