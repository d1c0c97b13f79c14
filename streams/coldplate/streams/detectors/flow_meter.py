"""A flow meter that lies: rack, filter and pump agree on another flow than it reads.

Pressure over rack and filter go with the square of true flow, and a pump has one head at one speed and flow. A meter
that reads less makes both resistances rise alike, by twice the logarithm, while the pump's head over squared speed does
not move at all; of a true loss it does (a third of the resistance's rise with thick coolant).
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
class FlowMeter:
    """Share by which the meter departs from what rack and filter agree on; 0 where the pump denies it.

    Parameters
    ----------
    on
        2 %: meters are good for 1 to 2 % over their life; five sigma of the filter's mean.
    pump_ratio
        Above this rise of head over squared speed, as a share of the resistance's rise, the flow is truly less.

    Notes
    -----
    144 bytes a CDU.
    """

    name: str = "flow-meter"
    kind: Kind = Kind.CDU
    fault: str = "flow-sensor-drift"
    metric: str = "flow_lpm"
    severity: Severity = Severity.WARNING
    on: float = 0.02
    off: float = 0.01
    at_once: float = np.inf
    hold_s: float = 20.0
    clear_s: float = 20.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    smooth_s: float = 20.0
    pump_ratio: float = 0.13
    remembers: Mapping[str, float] = field(
        default_factory=lambda: departing("rack", "filter", "head")
    )

    def threshold(self, baseline: float) -> float:
        """Flow below which it fires, l/min, at this pressure."""
        return baseline * (1.0 - self.on)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Departure as a share."""
        loop = loop_of(tick)
        frozen = (np.abs(memory["rack_off"][tick.rows]) > self.on).astype(np.float64)

        def off(name: str, value: F64) -> tuple[F64, F64]:
            return departure(
                memory, tick, name, value, smooth_s=self.smooth_s, doubt=np.inf, frozen=frozen
            )

        (rack, usual), (filtered, _) = off("rack", loop.rack_log), off("filter", loop.filter_log)
        head, _ = off("head", loop.head_log)
        same = np.where(rack * filtered > 0.0, np.minimum(np.abs(rack), np.abs(filtered)), 0.0)
        most = np.maximum(np.abs(rack), np.abs(filtered))
        with np.errstate(invalid="ignore"):
            agrees = (most <= 1.5 * same) & (np.abs(head) <= self.pump_ratio * most)
        score = np.where(agrees, 0.5 * same, 0.0)
        score = np.where(np.isfinite(rack + filtered + head), score, np.nan)
        return Scores(
            score, loop.flow_lpm, np.sqrt(loop.delta_kpa / (np.exp(usual) * loop.viscous))
        )
