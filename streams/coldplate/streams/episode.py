"""From scores to anomalies: hysteresis, a minimum hold, and gaps that neither fire nor resolve.

Vectorised over all rows of a detector. Time is event time: a lost tick does not stretch a hold, but a gap
longer than `GAP_MS` starts the count anew, for nothing is known of the time between.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import Detector, Scores, Tick

GAP_MS = 5_000
_NONE = -1


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows (as positions within the tick) that fired or fell silent, and since when."""

    fired: NDArray[np.intp]
    cleared: NDArray[np.intp]
    since_ms: NDArray[np.int64]


class Episodes:
    """Which rows a detector holds for faulty.

    Parameters
    ----------
    detector
        Gives thresholds and times.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.active: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._above_ms = np.full(0, _NONE, np.int64)
        self._below_ms = np.full(0, _NONE, np.int64)
        self._last_ms = np.full(0, _NONE, np.int64)

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows."""
        if (more := rows - len(self.active)) <= 0:
            return
        self.active = np.concatenate([self.active, np.zeros(more, np.bool_)])
        none = np.full(more, _NONE, np.int64)
        self._above_ms = np.concatenate([self._above_ms, none])
        self._below_ms = np.concatenate([self._below_ms, none])
        self._last_ms = np.concatenate([self._last_ms, none])

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return self.active.nbytes + 3 * self._above_ms.nbytes

    def update(self, tick: Tick, scores: Scores) -> Changes:
        """Take a tick's scores; says what changed. A NaN score changes nothing."""
        rule, rows = self._detector, tick.rows
        told = np.isfinite(scores.score)
        high = told & (scores.score >= rule.on)
        low = told & (scores.score < rule.off)
        active = self.active[rows]
        if not (high.any() or active.any() or (self._above_ms[rows] != _NONE).any()):
            # The common case, all healthy: nothing runs, so nothing needs to be reset.
            self._last_ms[rows] = np.where(told, tick.t_ms, self._last_ms[rows])
            none = np.zeros(0, np.intp)
            return Changes(none, none, np.zeros(0, np.int64))
        gap = told & (tick.t_ms - self._last_ms[rows] > GAP_MS)
        above = _since(self._above_ms[rows], told, high, gap, tick.t_ms)
        below = _since(self._below_ms[rows], told, low, gap, tick.t_ms)
        self._above_ms[rows], self._below_ms[rows] = above, below
        self._last_ms[rows] = np.where(told, tick.t_ms, self._last_ms[rows])
        held = high & (tick.t_ms - above >= 1000 * rule.hold_s)
        urgent = told & (scores.score >= rule.at_once)
        fired = ~active & (held | urgent)
        cleared = active & low & (tick.t_ms - below >= 1000 * rule.clear_s)
        self.active[rows] = (active | fired) & ~cleared
        return Changes(np.flatnonzero(fired), np.flatnonzero(cleared), above)


def _since(
    since: NDArray[np.int64],
    told: NDArray[np.bool_],
    holds: NDArray[np.bool_],
    gap: NDArray[np.bool_],
    t_ms: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Since when a condition holds without a break; unchanged where nothing was told."""
    started = np.where(holds & ((since == _NONE) | gap), t_ms, since)
    return np.where(told & ~holds, _NONE, started)
