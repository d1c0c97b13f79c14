"""The last words of metrics that come every 10 to 60 ticks: counters, limits, links.

The ring keeps what comes every tick. Of slow metrics a detector wants the newest value at its tick and its age. A batch may
hold several frames of a device before the first is judged, so the last few are kept: each look sees what was told by then.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.fleet import Rows
from coldplate.streams.join import Joined
from coldplate.streams.ring import converted
from coldplate.wire.frame import Part
from coldplate.wire.layout import Raw
from coldplate.wire.metric import Metric

FRESH_S = 150
"""Older than this a slow metric is not known any more: two and a half of the longest cadence."""

KEPT = 3
"""Values of a metric: those within a ring's 16 ticks, and the one before."""

U32 = NDArray[np.uint32]
_NEVER = 0


class Slow:
    """The last `KEPT` values a metric a row, the newest first, with their seconds.

    Parameters
    ----------
    metrics
        Which are kept.

    Notes
    -----
    As integers of the wire: 15 to 36 bytes a metric a row.
    """

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._at = {m.number: i for i, m in enumerate(metrics)}
        self._named = {m.name: i for i, m in enumerate(metrics)}
        self._metrics = tuple(metrics)
        self._raw: list[Raw] = [np.zeros((KEPT, 0), m.dtype) for m in metrics]
        self._t_s: U32 = np.full((len(metrics), KEPT, 0), _NEVER, np.uint32)

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows."""
        if (more := rows - self._t_s.shape[2]) > 0:
            self._raw = [
                np.concatenate([a, np.zeros((KEPT, more), a.dtype)], axis=1) for a in self._raw
            ]
            never = np.full((len(self._metrics), KEPT, more), _NEVER, np.uint32)
            self._t_s = np.concatenate([self._t_s, never], axis=2)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(a.nbytes for a in self._raw) + self._t_s.nbytes

    def write(
        self, part: Part | Joined, rows: Rows, first_ms: int, tick_ms: int, start: int = 0,
        count: int | None = None,
    ) -> None:  # fmt: skip
        """Take what ticks `start` to `start + count` of a block have of these metrics; default: all of it."""
        there = part.present()
        line = rows if isinstance(rows, slice) else rows.ravel()
        ticks = range(start, part.ticks if count is None else start + count)
        kept = [
            (number, self._at[metric_number])
            for number, metric_number in enumerate(part.layout.numbers)
            if metric_number in self._at
        ]
        told = np.ones((len(kept), part.ticks), np.bool_)
        if there is not None:
            # Of all metrics and blocks at once: of some it would be copied first.
            each = np.logical_or.reduce(there, axis=2).reshape(*there.shape[:2], -1)
            ever: NDArray[np.bool_] = np.logical_or.reduce(each, axis=-1)
            told = ever[[number for number, _ in kept]]
        raw = [values for _, run in part.arrays() for values in run]
        for (number, at), when in zip(kept, told, strict=True):
            if not when.any():
                continue
            values, fits = self._own(at, raw[number])
            if there is not None:
                fits = fits & there[number]
            for tick in ticks:
                if when[tick]:
                    t_s = (first_ms + tick * tick_ms) // 1000
                    self._take(at, values[tick].reshape(-1), fits[tick].reshape(-1), line, t_s)

    def _own(self, at: int, raw: Raw) -> tuple[Raw, NDArray[np.bool_]]:
        """Values in the catalogue's dtype, of which a newer sender may use another, and where they fit."""
        own, scale = self._raw[at].dtype, self._metrics[at].scale
        if raw.dtype == own:
            return raw, np.ones((len(raw), *[1] * (raw.ndim - 1)), np.bool_)
        factor = 1.0
        if (raw.dtype.kind == "f") != (own.kind == "f"):
            factor = scale if own.kind == "f" else 1.0 / scale
        return converted(raw, factor, own)

    def _take(self, at: int, values: Raw, told: NDArray[np.bool_], rows: Rows, t_s: int) -> None:
        """Put a tick's values in their place among those that are kept; the oldest goes."""
        t, raw = self._t_s[at][:, rows], self._raw[at][:, rows]
        new = told & ~(t == t_s).any(axis=0)
        # Mostly 0: the newest.
        place = np.where(new, (t > t_s).sum(axis=0), KEPT)
        for k in range(KEPT - 1, -1, -1):
            here, moves = place == k, place < k
            if k:
                np.copyto(t[k], t[k - 1], where=moves)
                np.copyto(raw[k], raw[k - 1], where=moves)
            np.copyto(t[k], np.uint32(t_s), where=here)
            np.copyto(raw[k], values, where=here)
        if not isinstance(rows, slice):
            self._t_s[at][:, rows], self._raw[at][:, rows] = t, raw

    def value(self, name: str, rows: Rows, t_ms: NDArray[np.int64]) -> NDArray[np.float64]:
        """The newest value at or before a tick, one a row; NaN where there is none or it is too old."""
        at = self._named[name]
        now_s, when, raw = t_ms // 1000, self._t_s[at][:, rows], self._raw[at][:, rows]
        newest, out = when[0].astype(np.int64), raw[0].astype(np.float64)
        for k in range(1, KEPT):
            if not (later := newest > now_s).any():
                break
            newest, out = np.where(later, when[k], newest), np.where(later, raw[k], out)
        metric = self._metrics[at]
        if metric.dtype[0] != "f":
            out *= metric.scale
        age_s = now_s - newest
        return np.where((age_s >= 0) & (age_s <= FRESH_S), out, np.nan)
