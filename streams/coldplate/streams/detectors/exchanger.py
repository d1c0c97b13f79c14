"""A heat exchanger that fouls: less conductance (UA) at like flows.

The valve hides it: it opens until the supply is at its set point, and the approach stays what it was until the valve is
fully open. UA follows from the water's own warming and both flows (effectiveness and NTU of counterflow); the films of
both sides, which thin with flow^0.75 in turbulent channels, are taken out, half of the resistance each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.streams.water import capacity_w_per_k, conductance_w_per_k, departing, departure
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class ExchangerFouling:
    """Share of its usual conductance that an exchanger has lost, mean of `smooth_s`.

    Parameters
    ----------
    on
        5 %: above six sigma of the mean, and above what the films' correction leaves when flows double.
    water_ratio
        Facility flow to coolant flow at which the films of both sides are alike (design of the unit).

    Notes
    -----
    48 bytes a CDU. A ticket: weeks to harm. Needs facility flow and both its temperatures.
    """

    name: str = "exchanger-fouling"
    kind: Kind = Kind.CDU
    fault: str = "exchanger-fouling"
    metric: str = "valve_ratio"
    severity: Severity = Severity.TICKET
    on: float = 0.05
    off: float = 0.025
    at_once: float = np.inf
    hold_s: float = 30.0
    clear_s: float = 30.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    smooth_s: float = 30.0
    water_ratio: float = 1.2
    remembers: Mapping[str, float] = field(default_factory=lambda: departing("ua"))

    def threshold(self, baseline: float) -> float:  # noqa: ARG002  what the valve does depends on the load
        """Lost share at which it fires."""
        return self.on

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Lost share."""
        flow, water = tick.mean("flow_lpm"), tick.mean("facility_flow_lpm")
        back, cold = tick.mean("return_c"), tick.mean("facility_supply_c")
        with np.errstate(invalid="ignore", divide="ignore"):
            warmer = np.where(back - cold > 2.0, back - cold, np.nan)
            passed = (tick.mean("facility_return_c") - cold) / warmer
            coolant = np.where(flow > 1.0, capacity_w_per_k(flow, back), np.nan)
            ua = conductance_w_per_k(coolant, water, passed)
            films = flow**-0.75 + (water / self.water_ratio) ** -0.75
            log = np.log(ua * films)
        off, _ = departure(
            memory, tick, "ua", log, smooth_s=self.smooth_s, doubt=0.5 * self.on, low=True
        )
        return Scores(1.0 - np.exp(off), tick.mean("valve_ratio"), np.full_like(off, np.nan))
