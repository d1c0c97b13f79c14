"""Coolant that is thicker than it should be: topped up with concentrate, it flows less through every part.

Friction goes with viscosity^0.25, so rack and filter resist by the same factor; and as control holds the pressure, the
pump turns more slowly for less flow: measured head over the square of speed rises by a third of that factor. With a flow
meter that reads too little the resistances rise together as well, and the pump does what it always did.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import F64, Memory, Scores, Tick
from coldplate.streams.water import departing, departure, loop_of
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class ThickCoolant:
    """The smallest of three departures: rack's and filter's resistance, and what the pump's says of them.

    Parameters
    ----------
    on
        3 % of resistance is 12 % of viscosity; five sigma of the filter's mean.
    pump_ratio
        By how much of the resistance's logarithm the head over squared speed must rise, at least; 0.29 for the pump
        of pump_wear.py, 0 for a meter that lies.

    Notes
    -----
    144 bytes a CDU.
    """

    name: str = "thick-coolant"
    kind: Kind = Kind.CDU
    fault: str = "flow-loss"
    metric: str = "flow_lpm"
    severity: Severity = Severity.WARNING
    on: float = 0.03
    off: float = 0.015
    at_once: float = np.inf
    hold_s: float = 30.0
    clear_s: float = 30.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    smooth_s: float = 40.0
    pump_ratio: float = 0.2
    remembers: Mapping[str, float] = field(
        default_factory=lambda: departing("rack", "filter", "head")
    )

    def threshold(self, baseline: float) -> float:
        """Flow below which it fires, l/min, at this pressure."""
        return float(baseline * np.exp(-0.5 * self.on))

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Departure of the logarithm of resistance."""
        loop = loop_of(tick)
        frozen = (memory["rack_off"][tick.rows] > 0.5 * self.on).astype(np.float64)

        def off(name: str, value: F64) -> tuple[F64, F64]:
            return departure(
                memory, tick, name, value, smooth_s=self.smooth_s, doubt=np.inf, frozen=frozen
            )

        (rack, usual), (filtered, _) = off("rack", loop.rack_log), off("filter", loop.filter_log)
        head, _ = off("head", loop.head_log)
        # A hose or a valve moves the rack alone, dirt the filter alone.
        thick = np.minimum(rack, 1.5 * filtered)
        thick = np.where(filtered <= 2.0 * rack, thick, 0.0)
        score = np.where(head >= self.pump_ratio * rack, thick, np.minimum(thick, 0.0))
        score = np.where(np.isfinite(thick + head), score, np.nan)
        return Scores(
            score, loop.flow_lpm, np.sqrt(loop.delta_kpa / (np.exp(usual) * loop.viscous))
        )
