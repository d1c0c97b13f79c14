"""A GPU that draws more without doing more, seen where it does little: asleep, and in the pauses of a training step.

Under load the power cap hides leakage (the clock gives way); what is left when work stops is idle power and leakage.
Asleep is the idle clock of 345 MHz; a pause is a low that comes within a block of six seconds of much power. The
recorded H200 draws 0.4 W more a kelvin there, which is taken off.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import F64, Memory, Scores, Tick, coarsely
from coldplate.streams.detectors.blocks import (
    BLOCK_S,
    LIKE_RATIO,
    against_peers,
    or_zero,
    smooth,
    told,
)
from coldplate.streams.regression import beyond
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

ASLEEP_MHZ = 500.0
"""The H200 sleeps at 345 MHz and wakes at 1980 (recorded)."""

STEADY_W = 70.0
"""Blocks whose mean moves by more are no pair; a GPU asleep that leaks as much more at once is not."""

W_PER_K = 0.4
"""Recorded: 78.4 W at 39 degC, 80.0 W at 43."""


@dataclass(frozen=True)
class LeakageRise:
    """Watts above a GPU's own usual difference from its peers, where it does little, over what could be chance.

    Parameters
    ----------
    limit_w
        With peers: 10 sigma of the lowest of twelve readings with 2 W of noise.
    alone_w
        Without peers, asleep only: what runs beside on the host moves it.
    low_w, busy_w
        A low below the one in a block whose mean is above the other is a pause.
    chance
        Standard deviations of the baseline's own uncertainty that are added.
    tau_s
        Memory of the smoothed difference.
    forget_s
        Memory of the baseline, 7 days.

    Notes
    -----
    16 bytes a GPU. At steady load it cannot tell, and says nothing.
    """

    name: str = "leakage-rise"
    kind: Kind = Kind.GPU
    fault: str = "leakage-rise"
    metric: str = "power_w"
    severity: Severity = Severity.TICKET
    on: float = 1.0
    off: float = 0.5
    at_once: float = float("inf")
    hold_s: float = 0.0
    clear_s: float = 12.0
    joined: bool = True
    every_s: ClassVar[int] = 6
    needs: tuple[str, ...] = ()
    limit_w: float = 2.5
    alone_w: float = 12.0
    low_w: float = 300.0
    busy_w: float = 300.0
    chance: float = 3.0
    tau_s: float = 12.0
    forget_s: float = 7 * 86_400.0
    remembers: Mapping[str, float] = field(
        default_factory=lambda: coarsely(
            {"before_w": np.nan, "usual_w": 0.0, "v_usual": 0.0, "score": np.nan}
        )
    )  # fmt: skip

    def threshold(self, baseline: float) -> float:
        """Power at little work above which it fires, W, with peers."""
        return baseline + self.limit_w

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Watts too many over limit, smoothed; of a block of six seconds."""
        mean_w = tick.mean("power_w")
        there = told(tick, mean_w, tick.mean("gpu_c"))
        self._judge(memory, tick if there.all() else tick.part(np.flatnonzero(there)))
        score = np.where(there, memory["score"][tick.at], np.nan)
        return Scores(score, mean_w, mean_w - self.limit_w * np.maximum(or_zero(score), 0.0))

    @staticmethod
    def _least_w(tick: Tick) -> F64:
        """The lowest that was told in the block; of the means where nothing else is told."""
        lows = np.fmin(tick.past("power_min_w"), tick.past("power_instant_w"))
        out: F64 = np.fmin.reduce(lows, axis=0)
        if np.isnan(out).any():
            out = np.where(np.isnan(out), np.fmin.reduce(tick.past("power_w"), axis=0), out)
        return out

    def _judge(self, memory: Memory, tick: Tick) -> None:
        rows, least_w, clock_mhz = tick.at, self._least_w(tick), tick.value("sm_clock_mhz")
        mean_w, die_c = tick.mean("power_w"), tick.mean("gpu_c")
        # A block in which work began or ended is neither, and two of them, of a job that hung, would look like a leak.
        before_w = memory["before_w"][rows].copy()
        memory["before_w"][rows] = mean_w
        with np.errstate(invalid="ignore"):
            steady = np.abs(mean_w - before_w) <= np.maximum(STEADY_W, LIKE_RATIO * before_w)
            asleep = (clock_mhz <= ASLEEP_MHZ) & (mean_w < self.low_w) & (mean_w - least_w < 20.0)
            pauses = (least_w < self.low_w) & (mean_w > self.busy_w)
        # Only who sleeps, or pauses, is compared with who does the same.
        told_w = np.where(steady & (asleep | pauses), least_w - W_PER_K * die_c, np.nan)
        found = against_peers(tick, told_w, mean_w)
        apart = np.where(found.alone & ~asleep, np.nan, found.apart)
        usual, variance = memory["usual_w"][rows].copy(), memory["v_usual"][rows].copy()
        fresh = variance <= 0.0
        usual, variance = np.where(fresh, 0.0, usual), np.where(fresh, 1e4, variance)
        # GPUs differ by a watt or two for good, which is no noise: their spread says nothing here.
        limit = np.where(found.alone, self.alone_w, self.limit_w)
        rise = beyond(apart - usual, self.chance * np.sqrt(variance))
        # Not yet known what is usual: the difference is nobody's.
        score = smooth(memory, rows, np.where(fresh, 0.0 * rise, rise / limit), self.tau_s)
        learns = np.isfinite(apart) & (or_zero(score) < self.off)
        gain = variance / (variance + np.where(score < -self.off, 400.0, 4.0))
        memory["usual_w"][rows] = np.where(learns, usual + gain * (apart - usual), usual)
        grown = variance * (1.0 - gain) * (1.0 + BLOCK_S / self.forget_s)
        memory["v_usual"][rows] = np.where(learns, grown, np.where(fresh, 0.0, variance))
