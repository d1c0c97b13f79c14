"""Blocks of some seconds, and who is alike: for detectors of slow things.

A GPU's temperature is whole degrees and its load swings within a second, so one tick tells little and the mean of six
tells much. The ring has them all when a block ends, so that nothing is summed up before.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import F64, Memory, Tick
from coldplate.streams.fleet import Rows
from coldplate.streams.regression import medians

BLOCK_S = 6
"""Four steps of the recorded training loop of 1.5 s: a tick a second sees them at three phases, twice each."""

MOST = 2.0
"""Of a block's score: one block alone, in which a job ended or a GPU hung, fires nothing."""

LIKE_W, LIKE_RATIO = 50.0, 0.15
"""Loads that differ by less than the larger of both are alike."""

PEERS_MIN = 4

SHARE = 0.03
"""By which GPUs differ in what moves them all (R within 10 % of the rack is accepted: three of these)."""

UNEVEN = 1.25
"""So much more than its node a GPU may warm when the node does (twin: plates differ by 2 % in k, R by 1 %)."""


def told(tick: Tick, *values: F64) -> NDArray[np.bool_]:
    """Where all of a block's values are there, and power at half of its ticks or more: what is less is no mean."""
    power = tick.past("power_w")
    out: NDArray[np.bool_] = 2 * np.isfinite(power).sum(axis=0) >= len(power)
    for value in values:
        out &= np.isfinite(value)
    return out


def or_zero(values: F64) -> F64:
    """With 0 where nothing is told; the same array where everything is."""
    absent = np.isnan(values)
    return np.where(absent, 0.0, values) if absent.any() else values


@dataclass(frozen=True, slots=True)
class Against:
    """What GPUs have in common with their peers, one element a row: GPUs of the same rack and job at like load.

    Parameters
    ----------
    common
        Median of the peers' residuals; 0 where a rack has too few GPUs to compare, NaN where it has but none is like it.
    apart
        Residual less `common`, less what the GPU's whole node has in common too.
    spread
        Standard deviation of the peers' `apart` (1.48 times the median of its size): how much means nothing now.
    alone
        Where there is nobody to compare with.
    """

    common: F64
    apart: F64
    spread: F64
    alone: NDArray[np.bool_]


def against_peers(tick: Tick, residual: F64, load_w: F64) -> Against:
    """Hold residuals against those of peers, at each row's load."""
    rack = tick.rack.astype(np.int64)
    job = or_zero(tick.value("job") + 1.0).astype(np.int64)
    in_rack = np.bincount(rack, weights=np.isfinite(load_w))[rack]
    key = (rack << 33) + job
    usual_w, _ = medians(np.where(np.isfinite(residual), load_w, np.nan), key)
    with np.errstate(invalid="ignore"):
        like = np.abs(load_w - usual_w) <= np.maximum(LIKE_W, LIKE_RATIO * usual_w)
    common, count = medians(np.where(like, residual, np.nan), key)
    alone = in_rack < PEERS_MIN
    common = np.where(alone, 0.0, np.where(like & (count >= PEERS_MIN), common, np.nan))
    apart = residual - common
    node = tick.node.astype(np.int64)
    together, of_node = medians(apart, node)
    moved = (node >= 0) & (of_node >= PEERS_MIN)
    # When a node is starved its GPUs do not warm alike: their plates share the flow unevenly.
    apart -= np.where(moved, UNEVEN * np.maximum(together, 0.0), 0.0)
    size, _ = medians(np.abs(apart), key)
    return Against(common, apart, np.where(alone, 0.0, 1.48 * size), alone)


def smooth(memory: Memory, rows: Rows, new: F64, tau_s: float) -> F64:
    """The smoothed `score` of rows after a block's; where the block tells nothing it stays.

    It falls twice as fast as it rises, and no block counts for more than `MOST`.
    """
    old = memory["score"][rows]
    start = or_zero(old)
    step = np.clip(new, -MOST, MOST) - start
    share = np.where(step < 0.0, -np.expm1(-2.0 * BLOCK_S / tau_s), -np.expm1(-BLOCK_S / tau_s))
    out = np.where(np.isfinite(new), start + step * share, old)
    memory["score"][rows] = out
    return out


def power_w(tick: Tick) -> F64:
    """Load, as a temperature follows it: the driver's 1 s mean, with a fifth of the instant; mean of a block.

    The mean lags by 0.5 s, as the recorded die does; the instant takes away what a tick at a fixed phase of the steps
    sees too much or too little of. Whichever is absent is left out.
    """
    return tick.once("load_w", lambda: _load_w(tick))


def _load_w(tick: Tick) -> F64:
    mean, instant = tick.mean("power_w"), tick.mean("power_instant_w")
    both = 0.8 * mean + 0.2 * instant
    told = np.isfinite(both)
    if told.all():
        return both
    return np.where(told, both, np.where(np.isfinite(mean), mean, instant))


def swing_w(tick: Tick) -> F64:
    """How far the instant is from the mean, at least, mean of a block; 0 where either is absent."""
    return tick.once("swing", lambda: _swing_w(tick))


def _swing_w(tick: Tick) -> F64:
    away = np.abs(tick.past("power_instant_w") - tick.past("power_w"))
    out: F64 = or_zero(away).mean(axis=0)
    return out
