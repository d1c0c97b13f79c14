"""Says once that a server is away and once that it is back, and how long to wait between attempts."""

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

FIRST_S, LONGEST_S = 0.1, 5.0
REASONS_MAX = 16
"""Of one outage that are said: reasons come and go in turn, and each is said once."""


class Outage:
    """The state of one server, as far as we know it.

    Parameters
    ----------
    name
        For the log.
    clock
        Seconds that only grow.
    """

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self._name, self._clock = name, clock
        self.wait_s = FIRST_S
        self.said = False
        self._again_at = 0.0
        self._words: set[str] = set()

    @property
    def may_try(self) -> bool:
        """True when the wait after the last failure is over."""
        return self._clock() >= self._again_at

    def failed(self, error: Exception) -> None:
        """It did not do what was asked: wait twice as long as last time, and say so the first time, as any other reason."""
        if not self.said:
            log.warning("%s; waiting for %s, nothing is lost", error, self._name)
        elif str(error) not in self._words and len(self._words) < REASONS_MAX:
            log.info("%s", error)
        self.wait_s = min(LONGEST_S, self.wait_s * 2) if self.said else FIRST_S
        self.said = True
        if len(self._words) < REASONS_MAX:
            self._words.add(str(error))
        self._again_at = self._clock() + self.wait_s

    def over(self) -> None:
        """It did."""
        if self.said:
            log.warning("%s answers again", self._name)
        self.said, self.wait_s, self._again_at, self._words = False, FIRST_S, 0.0, set()
