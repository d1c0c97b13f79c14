"""How long to wait before the next attempt: twice as long each time, at random below that (full jitter).

Without chance all that failed together would come again together. Source: M. Brooker, Exponential Backoff And Jitter,
AWS Architecture Blog, 2015.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Bounds of the wait.

    Parameters
    ----------
    first_s, longest_s
        Least and greatest wait.
    chance
        A number from 0 to 1.
    """

    first_s: float = 1.0
    longest_s: float = 300.0
    chance: Callable[[], float] = random.random

    def wait_s(self, failures: int) -> float:
        """After so many failures in a row, the first included."""
        # Beyond 2^30 the bound has long been reached, and a float would overflow some day.
        ceiling_s = min(self.longest_s, self.first_s * 2.0 ** min(failures, 30))
        return max(self.first_s, ceiling_s * self.chance())
