"""A supply that is warmer than it was because the unit wants it so.

A unit that is short of water, conductance or flow opens its valve and gets warmer nevertheless; one whose set point was
raised closes it, warms, and holds the new temperature with less water than before. The heat must be in the coolant: with a
thermometer that wanders off (heat_balance.py) supply reads more, and the return does not. Near the dew point a unit raises
its set point by itself (condensation.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import F64, Memory, Scores, Tick
from coldplate.streams.detectors.baseline import follow, memory_of
from coldplate.streams.water import answered, answers, balance_k, smooth
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class SetPoint:
    """Kelvin above the usual supply, while the valve is no further open than usual; else 0.

    Parameters
    ----------
    on
        Control holds 0.1 K at rest; a job that starts costs kelvins, with an opening valve.
    opens
        A valve that stands further above its own mean of `valve_s` is trying to cool.
    travels
        Less is a valve that does not move (valve.py).
    valve_most
        A valve that is nearly open has no more to give, whatever the set point.
    dew_k
        Supply that is nearer to the dew point follows it.
    believed
        Share of the rise by which the heat balance may contradict it.

    Notes
    -----
    144 bytes a CDU. A move of the set point that is wanted shows as well: who moves it can close the incident.
    """

    name: str = "set-point"
    kind: Kind = Kind.CDU
    fault: str = "supply-set-point-error"
    metric: str = "supply_c"
    severity: Severity = Severity.WARNING
    on: float = 0.7
    off: float = 0.35
    at_once: float = np.inf
    hold_s: float = 20.0
    clear_s: float = 20.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    smooth_s: float = 5.0
    tau_s: float = 7200.0
    warm_s: float = 20.0
    valve_s: float = 600.0
    opens: float = 0.02
    travels: float = 0.02
    valve_most: float = 0.9
    dew_k: float = 3.5
    believed: float = 0.3
    remembers: Mapping[str, float] = field(
        default_factory=lambda: {
            **memory_of("supply_c", "supply_mean", "valve", "valve_mean", "off", "off_mean"),
            **answers(),
        }
    )

    def threshold(self, baseline: float) -> float:
        """Supply temperature at which it fires, degC."""
        return baseline + self.on

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Kelvin."""
        supply, valve = tick.mean("supply_c"), tick.value("valve_ratio")
        mean = smooth(memory, tick, "supply_mean", supply, self.smooth_s)
        wide = smooth(memory, tick, "valve_mean", valve, self.smooth_s)
        away, travel = answered(memory, tick, mean, 0.4 * self.on)
        held = away.astype(np.float64)

        def usual(name: str, value: F64, tau_s: float) -> F64:
            return follow(memory, tick, name, value, frozen=held, tau_s=tau_s, warm_s=self.warm_s)

        usual_c = usual("supply_c", supply, self.tau_s)
        usual_valve = usual("valve", valve, self.valve_s)
        off_k = balance_k(tick)
        off_mean = smooth(memory, tick, "off_mean", off_k, 2.0 * self.smooth_s)
        # Without the facility's meters there is nothing that contradicts.
        denied = np.nan_to_num(off_mean - usual("off", off_k, self.tau_s))
        dew = tick.mean("dew_point_c")
        with np.errstate(invalid="ignore"):
            rise = mean - usual_c
            wanted = (wide <= usual_valve + self.opens) & (wide <= self.valve_most)
            wanted &= ~(supply - dew < self.dew_k) & (denied > -self.believed * rise)
            wanted &= travel >= self.travels
            score = np.where(wanted | (rise <= 0.0), rise, 0.0)
        return Scores(np.where(np.isfinite(rise + usual_valve), score, np.nan), supply, usual_c)
