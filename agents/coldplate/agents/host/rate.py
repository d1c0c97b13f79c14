"""Differences of counters over time."""

import math


class Rate:
    """How fast a counter grew between two looks at it.

    Parameters
    ----------
    span
        What the counter counts to before it begins at 0 again; None: it does not.
    """

    def __init__(self, span: float | None = None) -> None:
        self._span = span
        self._value: float | None = None
        self._at_s = 0.0

    def of(self, value: float, at_s: float) -> float:
        """Units a second since the last look; NaN at the first, and where the counter was set back.

        Parameters
        ----------
        value
            The counter now.
        at_s
            Now, in monotonic seconds.
        """
        before, self._value = self._value, value
        took_s, self._at_s = at_s - self._at_s, at_s
        if before is None or took_s <= 0:
            return math.nan
        grown = value - before
        if grown < 0:
            if self._span is None:
                return math.nan
            grown += self._span
        return grown / took_s if grown >= 0 else math.nan
