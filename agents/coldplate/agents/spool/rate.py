"""How fast records are made, and how fast they may leave."""

import math
from collections.abc import Callable

MEAN_S = 30.0
FIRST_S = 1.0
BURST_MIN = 20.0


class LiveRate:
    """Records a second, as they are made: their exponential mean over half a minute, from the first second on."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began_s = self._last_s = clock()
        self._sum = 0.0

    def note(self) -> None:
        """One more was made."""
        self._decay()
        self._sum += 1.0

    def per_s(self) -> float:
        """The rate now."""
        self._decay()
        # What a constant rate would have summed up to since the beginning.
        lived_s = max(FIRST_S, self._last_s - self._began_s)
        return self._sum / (MEAN_S * -math.expm1(-lived_s / MEAN_S))

    def _decay(self) -> None:
        now_s = self._clock()
        self._sum *= math.exp((self._last_s - now_s) / MEAN_S)
        self._last_s = now_s


class Allowance:
    """Lets through so many records a second, after a burst of a second's worth and of 20 at least.

    Parameters
    ----------
    per_s
        Asked each time, since the rate follows what is made.
    """

    def __init__(self, per_s: Callable[[], float], clock: Callable[[], float]) -> None:
        self._per_s, self._clock = per_s, clock
        self._left, self._last_s = BURST_MIN, clock()

    def wait_s(self) -> float:
        """0 when one may leave now; otherwise seconds until it may."""
        now_s, per_s = self._clock(), self._per_s()
        gained = (now_s - self._last_s) * per_s
        self._left, self._last_s = min(max(BURST_MIN, per_s), self._left + gained), now_s
        return 0.0 if self._left >= 1.0 else (1.0 - self._left) / per_s

    def spend(self) -> None:
        """One leaves."""
        self._left -= 1.0
