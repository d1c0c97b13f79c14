"""Two readings of one temperature that come apart: the GPU's degrees, and its margin to its own limit.

`gpu_c + margin_c` is the limit, a constant of the device (47 K at 40 degC, always 87: recorded on an H200). Where it
changes one of the two readings is wrong, and the GPU is as warm as ever: which tells a sensor that wanders off from a
plate that does not cool. Both are read within a millisecond, so that a load that steps in between is rare.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import F64, Memory, Scores, Tick, coarsely
from coldplate.streams.detectors.blocks import or_zero
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

WARM_S = 10.0
NEAR_K = 0.75
"""More than this is more than rounding, and is not learnt."""

OWN = {"limit_c": float("nan"), "age_s": 0.0}


def _apart(memory: Memory, tick: Tick, tau_s: float) -> tuple[F64, F64]:
    """Departures from the device's own sum since the last look, shape (ticks, rows), and the sum; NaN while unknown."""
    rows = tick.at
    totals = tick.past("gpu_c") + tick.past("margin_c")
    usual, age = memory["limit_c"][rows].copy(), memory["age_s"][rows].copy()
    apart = totals - usual
    told = np.isfinite(totals).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = np.where(told > 0, np.nansum(totals, axis=0) / told, np.nan)
        learns = (np.abs(total - usual) < NEAR_K) | (age < WARM_S)
    learns &= told > 0
    share = told / np.minimum(age + np.maximum(told, 1), tau_s)
    moved = np.where(np.isnan(usual), total, usual + or_zero(total - usual) * share)
    memory["limit_c"][rows] = np.where(learns, moved, usual)
    memory["age_s"][rows] = age + np.where(learns, tick.every_s, 0.0)
    apart[:, age < WARM_S] = np.nan
    return apart, usual


def _odd(apart: F64, *sums: F64) -> NDArray[np.intp]:
    """Who is apart or was: nobody, in the common case."""
    with np.errstate(invalid="ignore"):
        odd = (np.abs(apart) > 0.05).any(axis=0)
    for values in sums:
        odd |= values != 0.0
    return np.flatnonzero(odd)


def _middle(values: F64) -> F64:
    """Of each column the middle of what is told, the lower of two; NaN where nothing is."""
    told = np.isfinite(values).sum(axis=0)
    place = np.maximum(told - 1, 0) // 2
    out: F64 = np.take_along_axis(np.sort(values, axis=0), place[None, :], axis=0)[0]
    return out


@dataclass(frozen=True)
class ReadingDrift:
    """Kelvin by which temperature and margin have come apart for good.

    Parameters
    ----------
    on
        A step of either reading, which are whole degrees, less a tenth for the smoothing.
    tau_s
        Over how long the departure is smoothed; single readings are `ReadingSpike`'s and left out.
    learn_s
        Memory of the device's own sum.

    Notes
    -----
    12 bytes a GPU. Not told where a GPU reports no margin.
    """

    name: str = "gpu-reading-drift"
    kind: Kind = Kind.GPU
    fault: str = "sensor-drift"
    metric: str = "gpu_c"
    severity: Severity = Severity.WARNING
    on: float = 0.9
    off: float = 0.45
    at_once: float = 1000.0
    hold_s: float = 5.0
    clear_s: float = 10.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    tau_s: float = 10.0
    learn_s: float = 86_400.0
    remembers: Mapping[str, float] = field(
        default_factory=lambda: coarsely({**OWN, "apart_k": 0.0})
    )

    def threshold(self, baseline: float) -> float:
        """Temperature above which it fires, degC, where the margin is right."""
        return baseline + self.on

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Smoothed departure, K; evidence is the temperature against what the margin says it is."""
        apart, usual = _apart(memory, tick, self.learn_s)
        rows, smooth = tick.at, memory["apart_k"]
        if len(at := _odd(apart, smooth[rows])):
            # The middle of the readings: a single one that is far off does not count.
            middle, mine = _middle(apart[:, at]), tick.rows[at]
            moved = smooth[mine] + (middle - smooth[mine]) * -np.expm1(-tick.every_s / self.tau_s)
            moved[np.abs(moved) < 0.01] = 0.0
            smooth[mine] = np.where(np.isfinite(middle), moved, smooth[mine])
        score = np.where(np.isfinite(apart[-1]), np.abs(smooth[rows]), np.nan)
        return Scores(score, tick.value("gpu_c"), usual - tick.value("margin_c"))


@dataclass(frozen=True)
class ReadingSpike:
    """How many single readings within about `tau_s` were far off, or beyond what can be.

    Parameters
    ----------
    far_k
        Departure from the readings before and after that counts.
    on
        One may be chance: a load that stepped between two calls.

    Notes
    -----
    20 bytes a GPU. Not told where a GPU reports no margin.
    """

    name: str = "gpu-reading-spike"
    kind: Kind = Kind.GPU
    fault: str = "sensor-spike"
    metric: str = "gpu_c"
    severity: Severity = Severity.WARNING
    on: float = 1.7
    off: float = 0.5
    at_once: float = 1000.0
    hold_s: float = 0.0
    clear_s: float = 10.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    tau_s: float = 40.0
    far_k: float = 2.5
    learn_s: float = 86_400.0
    remembers: Mapping[str, float] = field(
        default_factory=lambda: coarsely({**OWN, "before_k": 0.0, "earlier_k": 0.0, "spikes": 0.0})
    )

    def threshold(self, baseline: float) -> float:
        """Temperature above which a reading is far off, degC."""
        return baseline + self.far_k

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Leaky count of spikes."""
        apart, usual = _apart(memory, tick, self.learn_s)
        rows, count = tick.at, memory["spikes"]
        if len(at := _odd(apart, count[rows], memory["before_k"][rows])):
            mine = tick.rows[at]
            before = [memory[name][mine][None, :] for name in ("earlier_k", "before_k")]
            series = np.concatenate([*before, apart[:, at]])
            with np.errstate(invalid="ignore"):
                far = np.abs(np.diff(series, axis=0)) >= self.far_k
            # A reading that stands alone between its neighbours; of the last one it is not known yet.
            alone = (far[:-1] & far[1:]).sum(axis=0)
            kept = count[mine] * np.exp(-tick.every_s / self.tau_s)
            kept[kept < 0.01] = 0.0
            told = np.isfinite(apart[-1, at])
            count[mine] = np.where(told, kept + alone, count[mine])
            for name, last in (("earlier_k", series[-2]), ("before_k", series[-1])):
                memory[name][mine] = np.where(told, or_zero(last), memory[name][mine])
        score = np.where(np.isfinite(apart[-1]), count[rows], np.nan)
        return Scores(score, tick.value("gpu_c"), usual - tick.value("margin_c"))
