"""Water from the air on cold pipes: the coolant's supply against the dew point.

Supply should stay 2 to 3 K above it (facts of the plant; coolant units raise their set point for it, and have no more room
than the GPUs give). A dew point that climbs says beforehand when it will be there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.streams.detectors.baseline import follow, memory_of
from coldplate.streams.water import slope_per_s, slopes
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class Condensation:
    """`margin_k` to the margin that is left, or `ahead_s` to the time in which it is used up, whichever is greater.

    Parameters
    ----------
    margin_k
        Supply above dew point at which it fires in any case.
    ahead_s
        Time left at the present climb at which it fires: long enough to find the door that stands open.
    rise_k
        Air changes by as much on any day.

    Notes
    -----
    80 bytes a CDU. Once told it stays until the rise is gone by half.
    """

    name: str = "condensation"
    kind: Kind = Kind.CDU
    fault: str = "condensation-risk"
    metric: str = "dew_point_c"
    severity: Severity = Severity.WARNING
    on: float = 1.0
    off: float = 0.9
    at_once: float = np.inf
    hold_s: float = 20.0
    clear_s: float = 60.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    margin_k: float = 2.5
    ahead_s: float = 1200.0
    rise_k: float = 2.0
    fast_s: float = 10.0
    slow_s: float = 40.0
    tau_s: float = 7200.0
    warm_s: float = 20.0
    remembers: Mapping[str, float] = field(
        default_factory=lambda: {**memory_of("dew_point_c"), **slopes("dew"), "told": 0.0}
    )

    def threshold(self, baseline: float) -> float:
        """Dew point at which it fires while it climbs, degC, at the least."""
        return baseline + self.rise_k

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """See the class."""
        dew, supply, rows = tick.mean(self.metric), tick.mean("supply_c"), tick.rows
        slope = slope_per_s(memory, tick, "dew", dew, self.fast_s, self.slow_s)
        was = memory["told"][rows]
        climbs = np.maximum(was, np.nan_to_num(slope) > 0.25 * self.margin_k / self.ahead_s)
        usual = follow(
            memory, tick, self.metric, dew, frozen=climbs, tau_s=self.tau_s, warm_s=self.warm_s
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            rise = memory["dew_fast"][rows] - usual
            left_k = np.maximum(supply - dew, 0.01)
            left_s = np.maximum(left_k - self.margin_k, 0.01) / np.maximum(slope, 1e-9)
            soon = np.where(rise >= self.rise_k, self.ahead_s / left_s, 0.0)
            score = np.maximum(self.margin_k / left_k, np.minimum(soon, 10.0))
            told = (soon >= self.on) | ((was != 0.0) & (rise >= 0.5 * self.rise_k))
        memory["told"][rows] = np.where(np.isfinite(score), told, was)
        score = np.where(told, np.maximum(score, self.on), score)
        return Scores(np.where(np.isfinite(score + usual), score, np.nan), dew, usual)
