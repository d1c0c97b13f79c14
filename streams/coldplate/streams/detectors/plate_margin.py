"""One GPU that comes near its own limit while its rack does not: its plate or paste, and soon its clock.

The slow detector of the thermal path tells of wear with weeks left; this one pages. Both readings must say so, margin
and temperature, for one of them may be wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import F64, Memory, Scores, Tick
from coldplate.streams.detectors.blocks import PEERS_MIN
from coldplate.streams.regression import medians
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class PlateMargin:
    """Kelvin by which a GPU's margin is too small, where its rack's and its node's are not.

    Parameters
    ----------
    near_c
        A margin above this is nobody's business: at 700 W and 40 degC supply a healthy H200 has 22 K.
    apart_k
        So much more margin its rack and its node must have: a plate that costs 10 K more than the others' at their own
        load has lost a third of its conductance.
    on
        Fires when the margin is this much below `near_c`.

    Notes
    -----
    No memory. One pass over all rows, the rest over racks in which somebody is near: most ticks nobody is.
    """

    name: str = "plate-margin"
    kind: Kind = Kind.GPU
    fault: str = "cold-plate-fouling"
    metric: str = "margin_c"
    severity: Severity = Severity.WARNING
    on: float = 0.0
    off: float = -3.0
    at_once: float = float("inf")
    hold_s: float = 0.0
    clear_s: float = 10.0
    joined: bool = True
    every_s: ClassVar[int] = 1
    needs: tuple[str, ...] = ()
    near_c: float = 12.0
    apart_k: float = 10.0
    remembers: Mapping[str, float] = field(default_factory=dict)

    def threshold(self, baseline: float) -> float:  # noqa: ARG002  the limit is the device's
        """Margin below which it fires, K."""
        return self.near_c - self.on

    def score(self, memory: Memory, tick: Tick) -> Scores:  # noqa: ARG002  it remembers nothing
        """Missing margin, K; below `off` where the rack or the node is near its limit too, or temperature says no."""
        margin = tick.value("margin_c")
        score, usual = self.near_c - margin, np.full(len(margin), np.nan)
        with np.errstate(invalid="ignore"):
            near = score >= self.off
        if near.any():
            rack = tick.rack
            at = np.flatnonzero(np.isin(rack, np.unique(rack[near])))
            score[at], usual[at] = self._apart(tick.part(at))
        return Scores(score, margin, usual)

    def _apart(self, tick: Tick) -> tuple[F64, F64]:
        margin, shown_c = tick.value("margin_c"), tick.value("gpu_c")
        rack = tick.rack.astype(np.int64)
        usual, count = medians(margin, rack)
        usual_c, _ = medians(shown_c, rack)
        of_node, in_node = medians(margin, tick.node.astype(np.int64))
        compared = (in_node >= PEERS_MIN) & (tick.node >= 0)
        with np.errstate(invalid="ignore"):
            own = (usual - margin >= self.apart_k) & (shown_c - usual_c >= 0.5 * self.apart_k)
            own &= ~compared | (of_node - margin >= self.apart_k)
        quiet = np.minimum(self.near_c - margin, self.off - 1.0)
        # Without peers nobody can say whose fault it is; the plate is nearest.
        return np.where(own | (count < PEERS_MIN), self.near_c - margin, quiet), usual
