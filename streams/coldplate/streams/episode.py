"""From scores to anomalies: hysteresis, a minimum hold, and gaps that neither fire nor resolve.

Vectorised over all rows of a detector. Time is event time: a lost tick does not stretch a hold, but a gap
longer than `GAP_MS`, or a lost look, starts the count anew, for nothing is known of the time between.

Nearly all rows are well nearly all the time, and nothing need be known of them: times are kept of those only for which
a hold runs, or which are held for faulty.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import F64, Detector, Scores, Tick

GAP_MS = 5_000
_NONE = -1


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows (as positions within the tick) that fired or fell silent, and since when those that fired are in trouble."""

    fired: NDArray[np.intp]
    cleared: NDArray[np.intp]
    since_ms: NDArray[np.int64]


_NOTHING = Changes(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0, np.int64))


class Episodes:
    """Which rows a detector holds for faulty.

    Parameters
    ----------
    detector
        Gives thresholds and times.

    Notes
    -----
    33 bytes for each row in trouble, nothing for the others.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._rows = np.zeros(0, np.intp)
        """In trouble, ascending; the arrays below have an element for each."""
        self._active = np.zeros(0, np.bool_)
        self._above_ms, self._below_ms, self._last_ms = (np.zeros(0, np.int64) for _ in range(3))

    @property
    def active(self) -> NDArray[np.intp]:
        """Rows that are held for faulty."""
        return self._rows[self._active]

    def hold(self, row: int) -> None:
        """A row is held for faulty, since nobody knows when."""
        none = np.full(1, _NONE, np.int64)
        self._keep(np.array([row]), np.ones(1, np.bool_), none, none, none)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return self._rows.nbytes + self._active.nbytes + 3 * self._above_ms.nbytes

    def update(self, tick: Tick, scores: Scores) -> Changes:
        """Take a tick's scores; says what changed. A NaN score changes nothing."""
        with np.errstate(invalid="ignore"):
            at = np.flatnonzero(scores.score >= min(self._detector.on, self._detector.at_once))
        if len(self._rows):
            at = np.union1d(at, _found(self._rows, tick.rows)[1])
        if not len(at):
            # The common case, all healthy.
            return _NOTHING
        return self._judge(at, tick.rows[at], tick.t_ms[at], scores.score[at])

    def _judge(
        self, at: NDArray[np.intp], rows: NDArray[np.intp], t_ms: NDArray[np.int64], score: F64
    ) -> Changes:
        """Rows in trouble and their scores; `at` are their positions within the tick."""
        rule = self._detector
        active, above, below, last = self._known(rows)
        told = np.isfinite(score)
        high, low = told & (score >= rule.on), told & (score < rule.off)
        gap = told & (t_ms - last > GAP_MS + 1000 * (rule.every_s - 1))
        above, below = _since(above, told, high, gap, t_ms), _since(below, told, low, gap, t_ms)
        held = high & (t_ms - above >= 1000 * rule.hold_s)
        urgent = told & (score >= rule.at_once)
        fired = ~active & (held | urgent)
        cleared = active & low & (t_ms - below >= 1000 * rule.clear_s)
        self._keep(rows, (active | fired) & ~cleared, above, below, np.where(told, t_ms, last))
        return Changes(at[fired], at[cleared], above[fired])

    def _known(
        self, rows: NDArray[np.intp]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """What is kept of rows: whether held for faulty, since when above and below, and when last told of."""
        known, of = _found(rows, self._rows)
        active = np.zeros(len(rows), np.bool_)
        active[known] = self._active[of]
        above, below, last = (np.full(len(rows), _NONE, np.int64) for _ in range(3))
        above[known], below[known], last[known] = (
            self._above_ms[of], self._below_ms[of], self._last_ms[of],
        )  # fmt: skip
        return active, above, below, last

    def _keep(
        self, rows: NDArray[np.intp], active: NDArray[np.bool_], above: NDArray[np.int64],
        below: NDArray[np.int64], last: NDArray[np.int64],
    ) -> None:  # fmt: skip
        """Put these in the place of what is kept of the same rows; who is well is forgotten."""
        others = ~_found(self._rows, rows)[0]
        troubled = active | (above != _NONE)
        merged = np.concatenate([self._rows[others], rows[troubled]])
        order = np.argsort(merged)
        self._rows = merged[order]
        self._active = np.concatenate([self._active[others], active[troubled]])[order]
        self._above_ms = np.concatenate([self._above_ms[others], above[troubled]])[order]
        self._below_ms = np.concatenate([self._below_ms[others], below[troubled]])[order]
        self._last_ms = np.concatenate([self._last_ms[others], last[troubled]])[order]


def _found(
    few: NDArray[np.intp], among: NDArray[np.intp]
) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Which of a few rows are among others, and where; both ascending."""
    if not len(among):
        return np.zeros(len(few), np.bool_), np.zeros(0, np.intp)
    place = np.minimum(np.searchsorted(among, few), len(among) - 1)
    there = among[place] == few
    return there, place[there]


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
