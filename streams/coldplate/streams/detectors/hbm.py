"""Memory that has lost its contact with the plate: HBM hot against its own GPU's die.

    T_hbm - T_die = r * (720 W * mem_util - P) + c

Both stand on one plate, so coolant, flow and a fouled plate cancel. The recorded H200 lies within 0.9 K (rms of 6 s) of
such a line, HBM follows its traffic over minutes; each GPU has its own line (regression.py), and is held against its
rack peers of the same job.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

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

HBM_W = 720.0
"""Power that cools the difference as much as full memory traffic warms it (fit to the recorded H200; the twin's is 747)."""

LIMIT_C = 87.0
"""What temperature and margin of an H200 add up to (recorded). Another device's is learnt with the offset."""

K_PER_W = Prior(-0.023, 0.006, 3.5, 5.0)


@dataclass(frozen=True)
class HbmHotSpot:
    """How much hotter HBM is than its line and its peers say, over what could be chance.

    Parameters
    ----------
    limit_k, swinging_k, alone_k, spreads
        As in `ThermalPath`, of a difference of two readings in whole degrees; alone, the recorded H200 departs by 3 K.
    chance
        Standard deviations of the line's own uncertainty that are added.
    tau_s, forget_s
        Memory of the smoothed departure, and of the line.

    Notes
    -----
    56 bytes a GPU. Some 80 passes over the rows a block. Temperature is taken from the margin
    where the GPU tells one: a stuck die sensor makes no hot memory.
    """

    name: str = "hbm-hot-spot"
    kind: Kind = Kind.GPU
    fault: str = "hbm-hot-spot"
    metric: str = "hbm_c"
    severity: Severity = Severity.TICKET
    on: float = 1.0
    off: float = 0.5
    at_once: float = float("inf")
    hold_s: float = 6.0
    clear_s: float = 12.0
    joined: bool = True
    every_s: ClassVar[int] = 6
    needs: tuple[str, ...] = ()
    limit_k: float = 1.8
    swinging_k: float = 1.0
    alone_k: float = 4.0
    spreads: float = 4.0
    chance: float = 3.0
    tau_s: float = 12.0
    forget_s: float = 7 * 86_400.0
    swings_w: float = 30.0
    remembers: Mapping[str, float] = field(
        default_factory=lambda: {
            "score": np.nan, **memory_of_lines(),
        }
    )  # fmt: skip

    def threshold(self, baseline: float) -> float:
        """Temperature above which it fires, degC, with peers and at a load at rest."""
        return baseline + self.limit_k

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Departure over limit, smoothed; of a block of six seconds."""
        hbm_c, (x_w, die_c) = tick.mean("hbm_c"), self._at(tick)
        there = told(tick, x_w, die_c, hbm_c)
        self._judge(memory, tick if there.all() else tick.part(np.flatnonzero(there)))
        score = np.where(there, memory["score"][tick.at], np.nan)
        return Scores(score, hbm_c, self._expected(memory, tick, score, die_c, x_w))

    @staticmethod
    def _at(tick: Tick) -> tuple[F64, F64]:
        """Where on its line a GPU is, and the temperature of its die."""
        margin = tick.mean("margin_c")
        die_c = np.where(np.isfinite(margin), LIMIT_C - margin, tick.mean("gpu_c"))
        return power_w(tick) - HBM_W * or_zero(tick.mean("mem_util_ratio")), die_c

    def _judge(self, memory: Memory, tick: Tick) -> None:
        rows, (x_w, die_c), swings_w = tick.at, self._at(tick), swing_w(tick)
        apart_k = tick.mean("hbm_c") - die_c
        fresh = memory["v_offset"][rows] <= 0.0
        lines = Lines.of(memory, rows, K_PER_W, K_PER_W.offset_sd)
        expected, variance = lines.at(x_w)
        found = against_peers(tick, apart_k - expected, x_w)
        apart, alone = found.apart, found.alone
        unsure = np.sqrt(variance)
        own = np.where(alone, unsure, np.minimum(unsure, 0.05 + 0.2 * unsure))
        rest_k = np.where(swings_w > self.swings_w, self.swinging_k, self.limit_k)
        limit = np.where(alone, self.alone_k, np.maximum(rest_k, self.spreads * found.spread))
        # What all have in common each has a little more or less of.
        own = own + SHARE * np.abs(found.common)
        new = beyond(apart, self.chance * own) / limit
        # The first block is where a GPU starts from: nobody judges it by the prior.
        score = smooth(memory, rows, np.where(fresh & np.isfinite(new), 0.0, new), self.tau_s)
        learns = np.isfinite(apart) & (or_zero(score) < self.off)
        near = np.abs(or_zero(found.common)) < self.alone_k + self.chance * unsure
        learns &= fresh | near
        # Cooler against its die: mostly the die is hot, and will not be for ever.
        noise = np.where(score < -self.off, 50.0, 0.5)
        lines.learn(x_w, apart_k, noise, learns, BLOCK_S / self.forget_s).keep(memory, rows)

    def _expected(self, memory: Memory, tick: Tick, score: F64, die_c: F64, x_w: F64) -> F64:
        """What the memory of a GPU that is suspected should show; roughly, for the others."""
        out = tick.mean("hbm_c") - self.limit_k * np.maximum(or_zero(score), 0.0)
        with np.errstate(invalid="ignore"):
            at = np.flatnonzero(score >= self.off)
        rows = tick.rows[at]
        out[at] = die_c[at] + memory["slope"][rows] * x_w[at] + memory["offset"][rows]
        return out
