"""Loss of coolant flow at a CDU, against its own slow average.

A CDU's own alarm comes at 90 % of the set point after 100 s (Vertiv CoolChip CDU 600 guide); a GPU without
flow reaches its limit in 8 s. This one fires after 3 s below 85 %, and at the first tick below half.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.streams.detectors.baseline import follow, memory_of
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class FlowLoss:
    """Share of the usual flow that is missing.

    Parameters
    ----------
    on
        Fires above this missing share. A change-over between two pumps dips by as much for 1 to 3 s,
        hence `hold_s`.
    at_once
        Above this missing share one tick is enough: no change-over goes so deep, and time is short.
    tau_s
        Memory of the baseline; it stands still while more than `off` is missing.

    Notes
    -----
    24 bytes a CDU. Not told in the first `warm_s` seconds, nor where the usual flow is below
    `idle_lpm`: a rack that is drained has none to lose.
    """

    name: str = "flow-loss"
    kind: Kind = Kind.CDU
    fault: str = "flow-loss"
    metric: str = "flow_lpm"
    severity: Severity = Severity.CRITICAL
    on: float = 0.15
    off: float = 0.08
    at_once: float = 0.5
    hold_s: float = 3.0
    clear_s: float = 3.0
    joined: bool = False
    needs: tuple[str, ...] = ()
    tau_s: float = 300.0
    warm_s: float = 5.0
    idle_lpm: float = 5.0
    remembers: Mapping[str, float] = field(default_factory=lambda: memory_of("flow_lpm"))

    def threshold(self, baseline: float) -> float:
        """Flow below which it fires, l/min."""
        return baseline * (1.0 - self.on)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Missing share of the usual flow, 0 to 1."""
        flow = tick.value("flow_lpm")
        usual = memory["flow_lpm"][tick.rows]
        with np.errstate(invalid="ignore"):
            falling = (flow < usual * (1.0 - self.off)).astype(np.float64)
        baseline = follow(
            memory, tick, "flow_lpm", flow, frozen=falling, tau_s=self.tau_s, warm_s=self.warm_s
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            missing = np.where(baseline >= self.idle_lpm, 1.0 - flow / baseline, np.nan)
        return Scores(missing, flow, baseline)
