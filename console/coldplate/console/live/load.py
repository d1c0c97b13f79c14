"""The hall's power, and how fast it changes."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

RAMP_S = 10.0
RAMP_ROWS = 200
"""Of the hall's meter: seconds of a fast one, minutes of a slow one."""

BACK_S = 300

_METER = (
    "SELECT toUnixTimestamp64Milli(t) AS ms, sum(hall_power_w) FROM hall_samples"
    f" WHERE t > now64(3) - INTERVAL {BACK_S} SECOND AND t <= now64(3) + INTERVAL 5 SECOND"
    f" GROUP BY ms HAVING isNotNull(sum(hall_power_w)) ORDER BY ms DESC LIMIT {RAMP_ROWS}"
)

Ask = Callable[[str], Sequence[tuple[Any, ...]]]


class Load:
    """Follows it; of several halls together."""

    def __init__(self) -> None:
        self._totals: deque[tuple[int, float]] = deque(maxlen=600)

    def now(
        self, ask: Ask, racks_w: float | None, now_ms: int
    ) -> tuple[float | None, float | None, float]:
        """Watts, watts a second, and over which time that is.

        Parameters
        ----------
        ask
            The history.
        racks_w
            Sum of the racks, for a hall without a meter; None when that is not known.
        """
        rows = ask(_METER)
        totals: Sequence[tuple[int, float]] = [(t_ms, watts) for t_ms, watts in reversed(rows)]
        if not rows:
            if racks_w is None:
                return None, None, 0.0
            self._totals.append((now_ms, racks_w))
            totals = self._totals
        return totals[-1][1], *ramp(totals)


def ramp(totals: Sequence[tuple[int, float]]) -> tuple[float | None, float]:
    """Watts a second over the last ten seconds, or over the shortest time above that; and that time.

    Examples
    --------
    >>> ramp([(0, 100.0), (5_000, 150.0), (15_000, 250.0)])
    (10.0, 10.0)
    >>> ramp([(0, 100.0)])
    (None, 0.0)
    """
    t_ms, watts = totals[-1]
    for before_ms, before_w in reversed(totals):
        over_s = (t_ms - before_ms) / 1000
        if over_s >= RAMP_S:
            return (watts - before_w) / over_s, over_s
    return None, 0.0
