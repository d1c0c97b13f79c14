"""A valve that closes in the loop: its resistance rises at once, with pumps and filter as they were.

Control of pressure turns a valve that closes into flow that falls at full pressure, by less than flow_loss.py may call
lost. The rack's resistance, pressure over the square of flow and corrected for viscosity, shows 5 % of flow as 10 %. A
filter that reads the same rise says that the flow meter lies or that the coolant is thick (flow_meter.py, thick.py),
and a node whose own flow did not fall with the rack's says that another node's hose is kinked (branch.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import F64, Memory, Scores, Tick
from coldplate.streams.detectors.baseline import follow, memory_of
from coldplate.streams.water import departing, departure, loop_of
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class LoopResistance:
    """Logarithm of the rack's resistance to the usual, less twice what the filter's says; mean of 5 s.

    Parameters
    ----------
    on
        4 % of flow; seven sigma with meters of 0.5 % and 0.3 kPa.
    usual_s
        Memory of the usual: short, for a valve is thrown, while a loop changes with each node that is serviced.

    Notes
    -----
    96 bytes a CDU. Of the nodes' meters the first one is read; without it, a hose may be taken for a valve.
    """

    name: str = "loop-resistance"
    kind: Kind = Kind.CDU
    fault: str = "flow-loss"
    metric: str = "flow_lpm"
    severity: Severity = Severity.WARNING
    on: float = 0.08
    off: float = 0.04
    at_once: float = np.inf
    hold_s: float = 0.0
    clear_s: float = 10.0
    joined: bool = True
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    smooth_s: float = 2.0
    usual_s: float = 120.0
    warm_s: float = 10.0
    remembers: Mapping[str, float] = field(
        default_factory=lambda: {**departing("rack", "filter"), **memory_of("node")}
    )

    def threshold(self, baseline: float) -> float:
        """Flow below which it fires, l/min, at this pressure."""
        return float(baseline * np.exp(-0.5 * self.on))

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Departure of the logarithm."""
        loop = loop_of(tick)
        frozen = (memory["rack_off"][tick.rows] > 0.5 * self.on).astype(np.float64)

        def depart(name: str, value: F64) -> tuple[F64, F64]:
            return departure(
                memory, tick, name, value, smooth_s=self.smooth_s, doubt=np.inf, frozen=frozen,
                warm_s=self.warm_s, usual_s=self.usual_s,
            )  # fmt: skip

        (rack, usual), (filtered, _) = (
            depart("rack", loop.rack_log),
            depart("filter", loop.filter_log),
        )
        share = np.log(np.maximum(tick.near_mean(Kind.NODE, "node_flow_lpm"), 1e-3) / loop.flow_lpm)
        usual_share = follow(
            memory, tick, "node", share, frozen=frozen, tau_s=self.usual_s, warm_s=self.warm_s
        )
        lost = rack - 2.0 * np.maximum(np.nan_to_num(filtered), 0.0)
        # Where one node keeps what it had, or loses more than its rack, it is not the rack's valve.
        apart = np.nan_to_num(np.abs(share - usual_share))
        lost -= np.where(apart > 0.5 * self.off, 2.0 * apart, 0.0)
        alike = np.sqrt(loop.delta_kpa / (np.exp(usual) * loop.viscous))
        return Scores(lost, loop.flow_lpm, alike)
