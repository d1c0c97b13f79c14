"""A pump that wears: less head at the same speed and flow than it had.

By the affinity laws a pump's head over the square of its speed depends on flow over speed only, h = h_0 - a q^2. Head
is measured over rack and filter; what the exchanger takes goes with Q^2 and belongs to `a`. With the usual h and q and
the shape of the curve the share of the head that is left follows at any point of work (water.py).
Control hides the loss by speed until the pump has no more to give, so flow shows it last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.streams.water import departing, departure, head_lost, heads, loop_of
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class PumpWear:
    """Share of its head that a pump has lost, mean of `smooth_s`, while it runs alone.

    Parameters
    ----------
    pump
        1 or 2.
    on
        Six sigma of the mean with 0.5 % of flow, 0.3 kPa and 3 revolutions a minute.
    steep
        (a + exchanger) Q^2 to measured head at the point of work: a centrifugal pump whose head at no flow is 1.4
        times the one at rated flow, and an exchanger with 15 % of it (estimates). Wrong by a third, it errs by
        0.6 % of head for each 5 % that flow moves.
    hold_s
        Wear is no matter of seconds; a valve that moves is.

    Notes
    -----
    120 bytes a CDU. Weeks to harm, as a rule: a ticket. Flow that is lost at last is flow_loss.py's.
    """

    pump: int
    kind: Kind = Kind.CDU
    fault: str = "pump-wear"
    severity: Severity = Severity.TICKET
    on: float = 0.02
    off: float = 0.01
    at_once: float = np.inf
    hold_s: float = 20.0
    clear_s: float = 20.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    smooth_s: float = 20.0
    warm_s: float = 20.0
    steep: float = 0.65

    @property
    def remembers(self) -> Mapping[str, float]:
        """Usual head and flow at unit speed, and the mean loss."""
        return {**heads(self.pump), **departing("rack")}

    @property
    def name(self) -> str:
        """One detector a pump."""
        return f"pump{self.pump}-wear"

    @property
    def metric(self) -> str:
        """The speed of the pump that is watched."""
        return f"pump{self.pump}_rpm"

    def threshold(self, baseline: float) -> float:
        """Speed at which it fires, 1/min, at the usual flow and pressure."""
        return float(baseline / np.sqrt(1.0 - self.on))

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Missing head, 0 to 1."""
        loop = loop_of(tick)
        lost, usual = head_lost(
            memory, tick, loop, self.pump,
            steep=self.steep, smooth_s=self.smooth_s, doubt=0.5 * self.on, warm_s=self.warm_s,
        )  # fmt: skip
        held = (memory[f"lost{self.pump}"][tick.rows] > 0.5 * self.on).astype(np.float64)
        rack, _ = departure(
            memory, tick, "rack", loop.rack_log, smooth_s=self.smooth_s, doubt=np.inf, frozen=held
        )
        # A meter that reads too little flow shows as less head, and as a rack that resists more than twice as much.
        lost = lost - 0.5 * np.maximum(np.nan_to_num(rack), 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            alike = np.sqrt((loop.delta_kpa + np.nan_to_num(loop.filter_kpa)) / usual)
        return Scores(lost, tick.mean(self.metric), alike)
