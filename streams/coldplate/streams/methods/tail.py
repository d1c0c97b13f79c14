"""How improbable a value is by its own past, far out in the tail, where counting no longer helps.

A high quantile is followed by a stochastic approximation, and the mean excess of the logarithms above it (Hill, 1975)
gives the tail's index; surprise is -ln P(greater). Both adapt, so that what happens often stops being a surprise.

References
----------
Hill: A simple general approach to inference about the tail of a distribution (1975). Robbins, Monro (1951).
"""

from dataclasses import dataclass

import numpy as np

from coldplate.streams.methods.memory import F64, Memory

SMALLEST = 1e-300
"""Added before a logarithm is taken."""


@dataclass(frozen=True, slots=True)
class Tail:
    """Surprise of values that are at least 0.

    Parameters
    ----------
    beyond
        Share of values above the quantile, from which on there is surprise.
    index, index_weight
        Mean log excess that is believed before anything was seen, and how many excesses that belief is worth.
    index_least
        No tail is lighter than this.
    excesses
        How many excesses the mean remembers.
    excess_most
        An excess counts for at most so much, so that one outlier does not deafen.
    warm
        Values before there is any surprise.
    """

    beyond: float = 0.003
    index: float = 0.3
    index_weight: float = 5.0
    index_least: float = 0.05
    excesses: float = 20.0
    excess_most: float = 4.0
    warm: float = 60.0

    def fields(self, name: str) -> dict[str, float]:
        """Memory for one kind of value."""
        return {
            f"{name}_seen": 0.0, f"{name}_at": np.nan, f"{name}_index": self.index, f"{name}_count": 0.0,
        }  # fmt: skip

    def surprise(self, memory: Memory, name: str, value: F64) -> F64:
        """-ln P(greater), 0 below the quantile; then the value is learnt. NaN values are passed over."""
        seen, at, index, count = (
            memory[f"{name}_{part}"] for part in ("seen", "at", "index", "count")
        )
        # What has not moved yet has no scale; once it has, a 0 is simply small.
        with np.errstate(invalid="ignore"):
            told = np.isfinite(value) & ((value > 0) | np.isfinite(at))
        seen += told
        log = np.log(np.where(told, value, 1.0) + SMALLEST)
        np.copyto(at, log, where=told & np.isnan(at))
        excess = log - at
        with np.errstate(invalid="ignore"):
            beyond = told & (excess > 0)
        warm = beyond & (seen > self.warm)
        out = np.where(warm, excess / index - np.log(self.beyond), 0.0)
        # Robbins-Monro with a floor: the quantile may have to move for ever.
        step = np.maximum(0.02, 0.6 / np.sqrt(seen + 1.0))
        at += np.where(told, step * np.where(beyond, 1.0 - self.beyond, -self.beyond), 0.0)
        count += np.where(warm, np.minimum(1.0, self.excesses - count), 0.0)
        learnt = (np.minimum(excess, self.excess_most) - index) / (count + self.index_weight)
        index += np.where(warm, learnt, 0.0)
        np.maximum(index, self.index_least, out=index)
        return np.where(np.isfinite(value), out, np.nan)
