"""A node's branch of the manifold: kinked hose, half-closed coupling, air, by the node's own flow meter.

What the rack's other nodes lose as well is the pump's, the filter's or a valve's, and is taken off. The fault comes at
once, when somebody was there or air arrives; a meter that wanders off by some per cent a minute is no such fault, and is
passed by because the usual flow follows within `tau_s`. Where a site has no such meters, all GPUs of the node grow
warmer together (thermal_path.py leaves them to the node).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.streams.detectors.baseline import follow, memory_of
from coldplate.streams.regression import medians
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

PEERS_MIN = 3


@dataclass(frozen=True)
class NodeFlow:
    """Share of a node's usual flow that is missing, less what its rack misses.

    Parameters
    ----------
    on
        Nine sigma of a meter's 0.5 % with its baseline; a hose that costs so much makes its GPUs 0.4 K warmer.
    at_once
        Above this one tick is enough: without flow a GPU reaches its limit in 8 s.
    tau_s
        Memory of the usual flow; it stands still while more than `off` is missing.
    idle_lpm
        A node that has less has none to lose.

    Notes
    -----
    24 bytes a node. In a rack with fewer than three meters a pump's loss is not told from a hose's.
    """

    name: str = "node-flow"
    kind: Kind = Kind.NODE
    fault: str = "coupling-half-closed"
    metric: str = "node_flow_lpm"
    severity: Severity = Severity.WARNING
    on: float = 0.05
    off: float = 0.035
    at_once: float = 0.5
    hold_s: float = 3.0
    clear_s: float = 5.0
    joined: bool = True
    every_s: ClassVar[int] = 1
    needs: tuple[str, ...] = ()
    tau_s: float = 8.0
    warm_s: float = 10.0
    idle_lpm: float = 0.5
    remembers: Mapping[str, float] = field(default_factory=lambda: memory_of("node_flow_lpm"))

    def threshold(self, baseline: float) -> float:
        """Flow below which it fires, l/min, while the rack's is as usual."""
        return baseline * (1.0 - self.on)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Missing share of the usual flow, 0 to 1, less the median of the rack's nodes."""
        flow, usual = tick.value("node_flow_lpm"), memory["node_flow_lpm"][tick.rows]
        with np.errstate(invalid="ignore", divide="ignore"):
            lost = np.where(usual >= self.idle_lpm, 1.0 - flow / usual, np.nan)
        common, count = medians(lost, tick.rack.astype(np.int64))
        share = lost - np.where(count >= PEERS_MIN, common, 0.0)
        frozen = (np.nan_to_num(share) > self.off).astype(np.float64)
        baseline = follow(
            memory, tick, "node_flow_lpm", flow, frozen=frozen, tau_s=self.tau_s, warm_s=self.warm_s
        )
        return Scores(np.where(np.isfinite(baseline), share, np.nan), flow, baseline)
