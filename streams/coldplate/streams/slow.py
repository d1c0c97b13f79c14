"""The last word of metrics that come every 10 to 60 ticks: counters, limits, links.

The ring keeps what comes every tick. Of slow metrics a detector wants the newest value and its age, so one number a
row is kept, whatever the ticks in between.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.fleet import Rows
from coldplate.wire.frame import Part
from coldplate.wire.metric import Metric

FRESH_MS = 150_000
"""Older than this a slow metric is not known any more: two and a half of the longest cadence."""

_NEVER = -(1 << 62)


class Slow:
    """One value a metric a row, with its tick.

    Parameters
    ----------
    metrics
        Which are kept.

    Notes
    -----
    16 bytes a metric a row.
    """

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._at = {m.number: i for i, m in enumerate(metrics)}
        self._named = {m.name: i for i, m in enumerate(metrics)}
        self._scale = [1.0 if m.dtype[0] == "f" else m.scale for m in metrics]
        self._value: NDArray[np.float64] = np.full((len(metrics), 0), np.nan)
        self._t_ms: NDArray[np.int64] = np.full((len(metrics), 0), _NEVER, np.int64)

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows."""
        if (more := rows - self._value.shape[1]) > 0:
            shape = (len(self._at), more)
            self._value = np.concatenate([self._value, np.full(shape, np.nan)], axis=1)
            self._t_ms = np.concatenate([self._t_ms, np.full(shape, _NEVER, np.int64)], axis=1)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return self._value.nbytes + self._t_ms.nbytes

    def write(self, part: Part, rows: Rows, first_ms: int, tick_ms: int) -> None:
        """Take what a block has of these metrics, its newest tick of each; an older block changes nothing."""
        there = part.present()
        number = 0
        for run, raw in part.arrays():
            for k, metric_number in enumerate(run.numbers):
                if (at := self._at.get(metric_number)) is not None:
                    told = None if there is None else there[number + k]
                    self._take(at, raw[k], told, rows, first_ms, tick_ms)
            number += len(run.numbers)

    def _take(
        self, at: int, raw: NDArray[np.generic], told: NDArray[np.bool_] | None, rows: Rows,
        first_ms: int, tick_ms: int,
    ) -> None:  # fmt: skip
        ticks = raw.shape[0]
        if told is None:
            told = np.ones(raw.shape, np.bool_)
        last, any_told = ticks - 1 - np.argmax(told[::-1], axis=0), np.any(told, axis=0)
        if not any_told.any():
            return
        t_ms = first_ms + last * tick_ms
        newer = any_told & (t_ms >= self._t_ms[at, rows])
        values = raw[last, np.arange(raw.shape[1])].astype(np.float64) * self._scale[at]
        self._value[at, rows] = np.where(newer, values, self._value[at, rows])
        self._t_ms[at, rows] = np.where(newer, t_ms, self._t_ms[at, rows])

    def value(
        self, name: str, rows: NDArray[np.intp], t_ms: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """The newest value at or before a tick, one a row; NaN where there is none or it is too old."""
        at = self._named[name]
        age_ms = t_ms - self._t_ms[at, rows]
        return np.where((age_ms >= 0) & (age_ms <= FRESH_MS), self._value[at, rows], np.nan)
