"""Coolant that is lost, by the pressure of the gas cushion.

With 4 l of gas at 250 kPa absolute 0.1 l lost is -6 kPa, and 35 l that warm by 10 K are +11 kPa: pressure at the
suction is turned into litres, corrected for temperature, and what the unit made up is added. Both the corrected and
the uncorrected figure must show a loss, so that a thermometer that wanders off, or a loop that cools, is no leak. The rope
(leak_rope.py) needs some 0.2 l on the floor; a mass balance of two flow meters sees 1 l/min.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.streams.detectors.baseline import memory_of
from coldplate.streams.detectors.litres import going, gone
from coldplate.streams.water import missing_l, smooth
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class SlowLeak:
    """Litres that are missing to the usual, mean of `smooth_s`.

    Parameters
    ----------
    on
        20 ml: 1.2 kPa, twelve sigma of the mean with 0.3 kPa, and what 1 K of error in the loop's temperature hides.
    gas_l, loop_l
        Of the unit: gas in its vessel at 250 kPa, coolant in its loop. For twice the size all litres are twice.

    Notes
    -----
    136 bytes a CDU. A ticket; a loss of more than 0.1 l/min pages as `BurstLeak`, a wet rope as `WetRope`.
    """

    name: str = "slow-leak"
    kind: Kind = Kind.CDU
    fault: str = "slow-leak"
    metric: str = "return_kpa"
    severity: Severity = Severity.TICKET
    on: float = 0.02
    off: float = 0.01
    at_once: float = np.inf
    hold_s: float = 30.0
    clear_s: float = 60.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    smooth_s: float = 20.0
    gas_l: float = 4.0
    loop_l: float = 35.0
    remembers: Mapping[str, float] = field(default_factory=going)

    def threshold(self, baseline: float) -> float:
        """Pressure at which it fires, kPa, at the usual temperature."""
        return baseline / (1.0 + self.on / self.gas_l)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Missing litres."""
        lost = gone(memory, tick, self.gas_l, self.loop_l, self.smooth_s, 0.5 * self.on)
        kpa = tick.mean("return_kpa")
        return Scores(lost, kpa, kpa * (1.0 + lost / self.gas_l))


@dataclass(frozen=True)
class BurstLeak:
    """Litres that were lost within the last half minute or so.

    Parameters
    ----------
    on
        40 ml: eight sigma of one reading; 1 l/min loses it in 2.4 s, and less than 0.1 l/min never.
    recent_s
        Memory of the running mean that readings are held against.

    Notes
    -----
    48 bytes a CDU.
    """

    name: str = "burst-leak"
    kind: Kind = Kind.CDU
    fault: str = "burst-leak"
    metric: str = "return_kpa"
    severity: Severity = Severity.CRITICAL
    on: float = 0.04
    off: float = 0.02
    at_once: float = np.inf
    hold_s: float = 1.0
    clear_s: float = 10.0
    joined: bool = False
    every_s: ClassVar[int] = 1
    needs: tuple[str, ...] = ()
    recent_s: float = 20.0
    warm_s: float = 10.0
    gas_l: float = 4.0
    loop_l: float = 35.0
    remembers: Mapping[str, float] = field(default_factory=lambda: memory_of("warm", "cold"))

    def threshold(self, baseline: float) -> float:
        """Pressure at which it fires, kPa."""
        return baseline / (1.0 + self.on / self.gas_l)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Litres lost of late."""
        warm, cold = missing_l(tick, self.gas_l, self.loop_l)
        lost = np.minimum(
            warm - smooth(memory, tick, "warm", warm, self.recent_s),
            cold - smooth(memory, tick, "cold", cold, self.recent_s),
        )
        known = memory["warm_age_s"][tick.rows] >= self.warm_s
        kpa = tick.mean("return_kpa")
        return Scores(np.where(known, lost, np.nan), kpa, kpa * (1.0 + lost / self.gas_l))
