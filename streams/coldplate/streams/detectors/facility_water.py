"""Facility water that fails: less of it comes than the valve's position lets through.

A unit's own "primary low flow" is inferred from a supply that is too hot with the valve fully open (Vertiv CoolChip CDU
600 guide), a minute late: without facility water a full rack warms by 0.38 K/s and throttles after 84 s. Flow over position
shows it within a tick or two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.streams.detectors.baseline import follow, memory_of
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class FacilityWater:
    """Share of the facility's flow that is missing at this position of the valve.

    Parameters
    ----------
    on
        Meters are good for 2 %, a position for 1 %.
    at_once
        Above this one tick is enough.
    valve_min
        A valve that is nearly shut lets little through, and nobody knows how much.
    tau_s
        Memory of flow over position; short, for real valves are not linear.

    Notes
    -----
    24 bytes a CDU.
    """

    name: str = "facility-water"
    kind: Kind = Kind.CDU
    fault: str = "facility-water-loss"
    metric: str = "facility_flow_lpm"
    severity: Severity = Severity.CRITICAL
    on: float = 0.15
    off: float = 0.08
    at_once: float = 0.3
    hold_s: float = 1.0
    clear_s: float = 5.0
    joined: bool = False
    every_s: ClassVar[int] = 1
    needs: tuple[str, ...] = ()
    tau_s: float = 300.0
    warm_s: float = 10.0
    valve_min: float = 0.05
    remembers: Mapping[str, float] = field(default_factory=lambda: memory_of("through"))

    def threshold(self, baseline: float) -> float:
        """Flow below which it fires, l/min, at this position of the valve."""
        return baseline * (1.0 - self.on)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Missing share, 0 to 1."""
        flow, valve = tick.value("facility_flow_lpm"), tick.value("valve_ratio")
        with np.errstate(invalid="ignore", divide="ignore"):
            through = np.where(valve >= self.valve_min, flow / valve, np.nan)
            frozen = (through < memory["through"][tick.rows] * (1.0 - self.off)).astype(np.float64)
        usual = follow(
            memory, tick, "through", through, frozen=frozen, tau_s=self.tau_s, warm_s=self.warm_s
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            missing = np.where(usual > 0.0, 1.0 - through / usual, np.nan)
        return Scores(missing, flow, usual * valve)
