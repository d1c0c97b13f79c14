"""Facility water that comes too warm, and faster than weather makes it.

Weather and seasons move water by tenths of a kelvin a minute at the very most; a cooler that trips, or a mixing valve
that opens, by one and more. Racks follow it as soon as their valves are fully open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.streams.detectors.baseline import follow, memory_of
from coldplate.streams.water import slope_per_s, slopes
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class FacilityWarm:
    """The faster of two: its rise in K/min once it is `rise_k` above the usual, or `on` a `far_k` of rise.

    Parameters
    ----------
    kind
        Of whom the reading is: a CDU's, or the hall's.
    on
        K/min; what needs this long is no weather.
    rise_k
        Less is no matter, however fast.
    far_k
        A rise that tells by itself: more than a unit's approach, so that no valve can make up for it.

    Notes
    -----
    80 bytes a row. Once told it stays until the rise is gone by half.
    """

    kind: Kind = Kind.CDU
    fault: str = "facility-water-warm"
    metric: str = "facility_supply_c"
    severity: Severity = Severity.WARNING
    on: float = 1.25
    off: float = 0.6
    at_once: float = np.inf
    hold_s: float = 10.0
    clear_s: float = 30.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    rise_k: float = 1.5
    far_k: float = 7.0
    fast_s: float = 5.0
    slow_s: float = 25.0
    tau_s: float = 7200.0
    warm_s: float = 20.0
    remembers: Mapping[str, float] = field(
        default_factory=lambda: {
            **memory_of("facility_supply_c"), **slopes("water"), "told": 0.0,
        }
    )  # fmt: skip

    @property
    def name(self) -> str:
        """One detector a kind of device."""
        return f"facility-warm-{self.kind.word}"

    def threshold(self, baseline: float) -> float:
        """Temperature at which it fires in any case, degC."""
        return baseline + self.far_k

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Rise, K/min."""
        water, rows = tick.mean(self.metric), tick.rows
        slope = 60.0 * slope_per_s(memory, tick, "water", water, self.fast_s, self.slow_s)
        was = memory["told"][rows]
        with np.errstate(invalid="ignore"):
            rising = np.maximum(was, slope > 0.5 * self.on)
        usual = follow(
            memory, tick, self.metric, water, frozen=rising, tau_s=self.tau_s, warm_s=self.warm_s
        )
        with np.errstate(invalid="ignore"):
            rise = memory["water_fast"][rows] - usual
            fast = np.where(rise >= self.rise_k, slope, 0.0)
            score = np.maximum(fast, self.on * rise / self.far_k)
            # A rise that has been told is not over when the water stays warm.
            told = (score >= self.on) | ((was != 0.0) & (rise >= 0.5 * self.rise_k))
        memory["told"][rows] = np.where(np.isfinite(score), told, was)
        score = np.where(told, np.maximum(score, self.on), score)
        return Scores(np.where(np.isfinite(water + usual), score, np.nan), water, usual)
