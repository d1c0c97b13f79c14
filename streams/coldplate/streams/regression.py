"""Lines fitted to many devices at once, and medians of groups: what detectors that compare share.

A line y = slope * x + offset a row, by recursive least squares with forgetting (Ljung, System Identification, 1999,
chapter 11). Started from physics with its uncertainty, it also knows how well it knows: the variance of a prediction is
wide at a load that the device has not shown yet, so that a first full load is no fault.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import F64, Memory, runs
from coldplate.streams.fleet import Rows

NAMES = ("slope", "offset", "v_slope", "v_cross", "v_offset", "seen")


@dataclass(frozen=True, slots=True)
class Prior:
    """What is known of a line before a device has shown anything.

    Parameters
    ----------
    slope, offset
        In y per x, and y.
    slope_sd, offset_sd
        How far devices are from it.
    """

    slope: float
    slope_sd: float
    offset: float
    offset_sd: float


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of some rows, out of a detector's memory.

    Parameters
    ----------
    slope, offset
        The lines.
    v_slope, v_cross, v_offset
        Their covariance.
    seen
        How many observations they rest on.

    Notes
    -----
    48 bytes a row; some 30 passes over the rows for one observation.
    """

    slope: F64
    offset: F64
    v_slope: F64
    v_cross: F64
    v_offset: F64
    seen: F64

    @classmethod
    def of(cls, memory: Memory, rows: Rows, prior: Prior, offset_sd: F64 | float) -> "Lines":
        """Lines of rows; where there is none yet (no variance), the prior with this uncertainty of the offset."""
        kept = [memory[name][rows] for name in NAMES]
        fresh = kept[4] <= 0.0
        first = (prior.slope, prior.offset, prior.slope_sd**2, 0.0, offset_sd * offset_sd, 0.0)
        return cls(*(np.where(fresh, new, old) for new, old in zip(first, kept, strict=True)))

    def keep(self, memory: Memory, rows: Rows) -> None:
        """Write them back."""
        for name in NAMES:
            memory[name][rows] = getattr(self, name)

    def at(self, x: F64) -> tuple[F64, F64]:
        """Prediction at x, and its variance."""
        variance = x * (x * self.v_slope + 2.0 * self.v_cross) + self.v_offset
        return self.slope * x + self.offset, np.maximum(variance, 0.0)

    def learn(
        self, x: F64, y: F64, variance: F64, learns: NDArray[np.bool_], fade: float
    ) -> "Lines":
        """Lines after an observation each.

        Parameters
        ----------
        variance
            Of the observation's noise.
        learns
            Where it counts.
        fade
            Share of what was known that is forgotten at each, small; where nothing is learnt nothing is forgotten.
        """
        a, c = x * self.v_slope + self.v_cross, x * self.v_cross + self.v_offset
        total = x * a + c + variance
        with np.errstate(invalid="ignore"):
            gain_a, gain_c = a / total, c / total
            error = y - (self.slope * x + self.offset)
        grow = 1.0 + fade
        after = (
            self.slope + gain_a * error,
            self.offset + gain_c * error,
            (self.v_slope - gain_a * a) * grow,
            (self.v_cross - gain_a * c) * grow,
            (self.v_offset - gain_c * c) * grow,
            self.seen + 1.0,
        )
        before = (getattr(self, name) for name in NAMES)
        return Lines(*(np.where(learns, new, old) for new, old in zip(after, before, strict=True)))


def beyond(departure: F64, unsure: F64) -> F64:
    """What of a departure is left, either way, when so much of it may be chance."""
    return np.sign(departure) * np.maximum(np.abs(departure) - unsure, 0.0)


def memory_of_lines() -> dict[str, float]:
    """Initial values of the arrays that `Lines` needs: no line yet."""
    return dict.fromkeys(NAMES, 0.0)


def medians(values: F64, keys: NDArray[np.int64]) -> tuple[F64, NDArray[np.intp]]:
    """For each element: the median of the values that have its key, NaN left out, and how many those are.

    Notes
    -----
    One sort. Groups of one size that lie side by side, as racks do, cost 0.5 ms for 17,000 values, others 3 ms.
    """
    if not len(values):
        return np.zeros(0), np.zeros(0, np.intp)
    first, _ = runs(keys)
    size = len(values) // len(first)
    # As many runs as groups of one size, none of which comes twice.
    even = size * len(first) == len(values) and bool((first % size == 0).all())
    if even and bool((np.diff(keys[first]) > 0).all()):
        lines = np.sort(values.reshape(-1, size), axis=1)
        if not np.isnan(lines[:, -1]).any():
            # Everything is told, and what is not would stand last.
            middle = 0.5 * (lines[:, (size - 1) // 2] + lines[:, size // 2])
            return np.repeat(middle, size), np.full(len(values), size, np.intp)
        count = size - np.isnan(lines).sum(axis=1)
        line, last = np.arange(len(lines)), np.maximum(count - 1, 0)
        middle = 0.5 * (lines[line, last // 2] + lines[line, np.minimum(count // 2, size - 1)])
        return np.repeat(middle, size), np.repeat(count, size)
    return _medians_anyhow(values, keys)


def _medians_anyhow(values: F64, keys: NDArray[np.int64]) -> tuple[F64, NDArray[np.intp]]:
    out, counts = np.full(len(values), np.nan), np.zeros(len(values), np.intp)
    told = np.flatnonzero(np.isfinite(values))
    if not len(told):
        return out, counts
    order = told[np.lexsort((values[told], keys[told]))]
    sorted_keys, ordered = keys[order], values[order]
    first = np.flatnonzero(np.r_[True, sorted_keys[1:] != sorted_keys[:-1]])
    size = np.diff(np.r_[first, len(order)])
    middle = 0.5 * (ordered[first + (size - 1) // 2] + ordered[first + size // 2])
    # Elements without a value have a key too.
    group = sorted_keys[first]
    at = np.minimum(np.searchsorted(group, keys), len(first) - 1)
    known = group[at] == keys
    out[known], counts[known] = middle[at[known]], size[at[known]]
    return out, counts
