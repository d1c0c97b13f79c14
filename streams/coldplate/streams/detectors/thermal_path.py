"""The way of heat from a GPU into its coolant, by thermal resistance: fouled plates, paste that is pumped out.

    T_gpu - T_supply = a * (P - 140 W * mem_util) + c

with P through its lags: the driver's 1 s mean has the delay of the fast two (0.22 s, 1.2 s), and 5 % of it comes
through the slow one (47 s). 140 W at full memory traffic do not come from the die: with it the recorded H200's matrix
products, zeros and copies lie on one line within 0.35 K (rms of 6 s), while R alone differs by 25 %.

Each GPU has its own line (recursive least squares, regression.py), and what all GPUs of its rack and job depart from
theirs by is not its own: supply, flow, or ticks that fall on a phase of the training step. What its whole node has in
common is the node's hose.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import F64, Memory, Scores, Tick
from coldplate.streams.detectors.blocks import (
    BLOCK_S,
    SHARE,
    against_peers,
    or_zero,
    power_w,
    smooth,
    swing_w,
    told,
)
from coldplate.streams.regression import Lines, Prior, beyond, memory_of_lines
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

HBM_W = 140.0
"""Of a GPU's power at full memory traffic, what does not pass its die (fit to the recorded H200; the twin's is 119)."""

SLOW_RATIO, SLOW_S = 0.05, 47.0
"""Of the recorded rise: share of the slow stage, and its time constant."""

R_K_PER_W = Prior(0.038, 0.0095, 0.0, 2.0)
"""Recorded at a water-cooled H200; other plates and flows differ by a quarter (facts on plates: 0.02 to 0.05 K/W)."""

UNKNOWN_SUPPLY_C, UNKNOWN_SD_K = 30.0, 15.0
"""Where no coolant unit tells of the supply, what the GPU shows without load stands for it."""

SWINGS_W = 30.0
"""A load that moves more within a block carries the temperature over whole degrees, and the mean knows parts of one."""


@dataclass(frozen=True)
class ThermalPath:
    """How much hotter a GPU is than its own line and its peers say, over what could be chance.

    Parameters
    ----------
    limit_k
        With peers, at a load at rest: both errors of a reading in whole degrees are 1 K together.
    swinging_k
        With peers, where the load swings. Ticks that are locked to the steps see a GPU at three phases only: the mean
        of three whole degrees is wrong by 0.17 K, and when the lock moves, by 0.24 K of another sign. This and the
        line's own uncertainty are four of those.
    alone_k
        Without peers, as the recorded H200 departs from its line by 1.0 K at most.
    spreads
        With peers, never less than so many of their own standard deviations, of which smoothing leaves half: a false
        ticket is eight sigma away.
    chance
        Standard deviations of the line's own uncertainty that are added.
    tau_s
        Memory of the smoothed departure.
    forget_s
        Memory of the line, 7 days: wear of weeks leaves it behind, and it does not learn while half of the limit is
        reached.

    Notes
    -----
    80 bytes a GPU. A ticket: margin and slowdown say when it is urgent. Some 100 passes over the rows a block.
    """

    name: str = "thermal-path"
    kind: Kind = Kind.GPU
    fault: str = "cold-plate-fouling"
    metric: str = "gpu_c"
    severity: Severity = Severity.TICKET
    on: float = 1.0
    off: float = 0.5
    at_once: float = float("inf")
    hold_s: float = 6.0
    clear_s: float = 12.0
    joined: bool = True
    every_s: ClassVar[int] = 6
    needs: tuple[str, ...] = ()
    limit_k: float = 1.4
    swinging_k: float = 0.8
    alone_k: float = 2.0
    spreads: float = 4.0
    chance: float = 3.0
    tau_s: float = 12.0
    forget_s: float = 7 * 86_400.0
    remembers: Mapping[str, float] = field(
        default_factory=lambda: {
            "slow_w": np.nan, "supply": np.nan, "sum_c": np.nan, "score": np.nan,
            **memory_of_lines(),
        }
    )  # fmt: skip

    def threshold(self, baseline: float) -> float:
        """Temperature above which it fires, degC, with peers and at a load at rest."""
        return baseline + self.limit_k

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Departure over limit, smoothed; of a block of six seconds."""
        x_w, shown_c = self._x_w(tick), tick.mean("gpu_c")
        there = told(tick, x_w, shown_c)
        self._judge(memory, tick if there.all() else tick.part(np.flatnonzero(there)))
        score = np.where(there, memory["score"][tick.at], np.nan)
        return Scores(score, shown_c, self._expected(memory, tick, score, x_w))

    @staticmethod
    def _x_w(tick: Tick) -> F64:
        return power_w(tick) - HBM_W * or_zero(tick.mean("mem_util_ratio"))

    def _die_c(self, memory: Memory, tick: Tick) -> F64:
        """The cooler of two readings: margin and temperature add up to the same limit while both are right."""
        shown_c, margin = tick.mean("gpu_c"), tick.mean("margin_c")
        usual_sum = memory["sum_c"][tick.at]
        unknown = np.isnan(usual_sum)
        if unknown.any():
            total = shown_c + margin
            memory["sum_c"][tick.rows[unknown]] = total[unknown]
            usual_sum = np.where(unknown, total, usual_sum)
        return np.fmin(shown_c, usual_sum - margin)

    def _judge(self, memory: Memory, tick: Tick) -> None:
        rows = tick.at
        mean_w, die_c, swings_w = self._x_w(tick), self._die_c(memory, tick), swing_w(tick)
        slow_w = np.where(np.isnan(memory["slow_w"][rows]), mean_w, memory["slow_w"][rows])
        memory["slow_w"][rows] = slow_w + (mean_w - slow_w) * -np.expm1(-BLOCK_S / SLOW_S)
        x_w = mean_w + SLOW_RATIO * (slow_w - mean_w)
        supply, known = self._supply(memory, tick)
        fresh = memory["v_offset"][rows] <= 0.0
        lines = Lines.of(
            memory, rows, R_K_PER_W, np.where(known, R_K_PER_W.offset_sd, UNKNOWN_SD_K)
        )
        rise_k = die_c - supply
        expected, variance = lines.at(x_w)
        residual = rise_k - expected
        found = against_peers(tick, residual, mean_w)
        apart, alone = found.apart, found.alone
        unsure = np.sqrt(variance)
        restless_k = 0.004 * np.abs(mean_w - slow_w)
        # Peers start from the same prior: of what it leaves open they differ by a fifth (R within 10 % of its rack).
        own = np.where(
            alone,
            unsure + 0.5 * restless_k,
            np.minimum(unsure, 0.05 + 0.2 * unsure) + 0.1 * restless_k,
        )
        rest_k = np.where(swings_w > SWINGS_W, self.swinging_k, self.limit_k)
        limit = np.where(alone, self.alone_k, np.maximum(rest_k, self.spreads * found.spread))
        # What all have in common each has a little more or less of.
        own = own + SHARE * np.abs(found.common)
        new = beyond(apart, self.chance * own) / limit
        # The first block is where a GPU starts from: nobody judges it by the prior.
        score = smooth(memory, rows, np.where(fresh & np.isfinite(new), 0.0, new), self.tau_s)
        learns = np.isfinite(apart) & (or_zero(score) < self.off)
        near = np.abs(or_zero(found.common)) < self.alone_k + self.chance * unsure
        learns &= fresh | near
        # Cooler than ever may be a cleaned plate, or half of a swap: believed in the long run only.
        noise = np.where(score < -self.off, 100.0, 1.0) * (
            0.09 + restless_k**2 + (0.004 * swings_w) ** 2
        )
        lines.learn(x_w, rise_k, noise, learns, BLOCK_S / self.forget_s).keep(memory, rows)

    def _supply(self, memory: Memory, tick: Tick) -> tuple[F64, NDArray[np.bool_]]:
        """Supply, the last known where none is told; a line that began without one begins anew with it."""
        now_c, last = tick.near_mean(Kind.CDU, "supply_c"), memory["supply"][tick.at]
        known = np.isfinite(now_c)
        begins = known & np.isnan(last)
        if begins.any():
            memory["v_offset"][tick.rows[begins]] = 0.0
        now = np.where(known, now_c, last)
        memory["supply"][tick.at] = now
        return np.where(np.isfinite(now), now, UNKNOWN_SUPPLY_C), np.isfinite(now)

    def _expected(self, memory: Memory, tick: Tick, score: F64, x_w: F64) -> F64:
        """What a GPU that is suspected should show; roughly, for the others, of whom nobody asks."""
        out = tick.mean("gpu_c") - self.limit_k * np.maximum(or_zero(score), 0.0)
        with np.errstate(invalid="ignore"):
            at = np.flatnonzero(score >= self.off)
        if len(at):
            rows = tick.rows[at]
            supply = memory["supply"][rows]
            known = np.where(np.isfinite(supply), supply, UNKNOWN_SUPPLY_C)
            out[at] = known + memory["slope"][rows] * x_w[at] + memory["offset"][rows]
        return out
