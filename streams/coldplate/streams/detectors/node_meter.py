"""A node's flow meter that lies: what it reads less, the rack's other meters do not miss.

Coolant that a hose keeps from a node is missing in the unit's own flow as well, or flows through the other nodes. So the
nodes' sum meets the unit's meter, whatever the branches do; a node's reading that falls together with the sum of all, while the
unit's meter stays, is the meter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import F64, Memory, Scores, Tick
from coldplate.streams.regression import medians
from coldplate.streams.water import departing, departure
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class NodeMeter:
    """The smaller of two shares of a node's flow: what its reading departs by, and what the rack's sum does.

    Parameters
    ----------
    on
        3 %: five sigma of the sum's mean with meters of 0.5 %.
    flow_min_lpm
        Of a node whose meter can be judged.

    Notes
    -----
    96 bytes a node. Needs a meter at every node of the rack, and at the unit; of two that lie at once it names both.
    """

    name: str = "node-meter"
    kind: Kind = Kind.NODE
    fault: str = "flow-sensor-drift"
    metric: str = "node_flow_lpm"
    severity: Severity = Severity.WARNING
    on: float = 0.03
    off: float = 0.015
    at_once: float = np.inf
    hold_s: float = 20.0
    clear_s: float = 20.0
    joined: bool = True
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    smooth_s: float = 30.0
    flow_min_lpm: float = 0.5
    remembers: Mapping[str, float] = field(default_factory=lambda: departing("share", "gap"))

    def threshold(self, baseline: float) -> float:
        """Flow below which it fires, l/min."""
        return baseline * (1.0 - self.on)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Share, of either sign as positive."""
        flow, whole = tick.mean("node_flow_lpm"), tick.near_mean(Kind.CDU, "flow_lpm")
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where((flow >= self.flow_min_lpm) & (whole > 0.0), flow / whole, np.nan)
        # One meter that is absent leaves the sum of its rack unknown.
        gap = np.bincount(tick.rack, weights=share)[tick.rack].astype(np.float64) - 1.0
        frozen = (np.abs(memory["gap_off"][tick.rows]) > 0.3 * self.on * share).astype(np.float64)

        def depart(name: str, value: F64) -> tuple[F64, F64]:
            return departure(
                memory, tick, name, value, smooth_s=self.smooth_s, doubt=np.inf, frozen=frozen
            )

        (less, usual), (missing, _) = depart("share", share), depart("gap", gap)
        # What all nodes' readings have in common is the unit's meter's (flow_meter.py).
        common, _ = medians(less, tick.rack.astype(np.int64))
        less = less - common
        with np.errstate(invalid="ignore"):
            same = np.where(less * missing > 0.0, np.minimum(np.abs(less), np.abs(missing)), 0.0)
            score = np.where(np.isfinite(less + missing), same / usual, np.nan)
        return Scores(score, flow, usual * whole)
