"""A leak rope that reports contact: a leak, unless the loop misses nothing.

A rope tells once some 0.2 l lie on the floor, which is 12 kPa of pressure (leak.py) and cannot be missed. So a rope
that is wet while nothing is gone has a false contact, or somebody else's water on it: still worth a walk, and nothing to
stop a rack for. Where pressure is not told, a wet rope is a leak.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import F64, Memory, Scores, Tick
from coldplate.streams.detectors.leak import SlowLeak
from coldplate.streams.detectors.litres import going, gone
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

GONE_L = 0.05
"""A quarter of what wets a rope; forty sigma of what pressure tells."""


@dataclass(frozen=True)
class WetRope:
    """1 where the rope is wet and coolant is gone, or nobody knows; else 0.

    Parameters
    ----------
    gone_l
        Litres that are enough for it.
    gas_l, loop_l
        As of `SlowLeak`.

    Notes
    -----
    136 bytes a CDU.
    """

    name: str = "wet-rope"
    kind: Kind = Kind.CDU
    fault: str = "slow-leak"
    metric: str = "leak"
    severity: Severity = Severity.CRITICAL
    on: float = 1.0
    off: float = 0.5
    at_once: float = 1.0
    hold_s: float = 0.0
    clear_s: float = 5.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    gone_l: float = GONE_L
    gas_l: float = 4.0
    loop_l: float = 35.0
    remembers: Mapping[str, float] = field(default_factory=going)

    def threshold(self, baseline: float) -> float:  # noqa: ARG002  a contact has no baseline
        """A contact."""
        return 1.0

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """1 or 0."""
        rope, lost = _rope(memory, tick, self.gas_l, self.loop_l)
        with np.errstate(invalid="ignore"):
            leaks = (rope > 0.0) & ~(lost < self.gone_l)
        score = np.where(np.isfinite(rope), leaks.astype(np.float64), np.nan)
        return Scores(score, rope, np.full_like(rope, np.nan))


@dataclass(frozen=True)
class FalseRope:
    """1 where the rope is wet and nothing is gone from the loop; else 0.

    Parameters
    ----------
    gone_l, gas_l, loop_l
        As of `WetRope`.
    hold_s
        Two frames: pressure has told by then.

    Notes
    -----
    136 bytes a CDU.
    """

    name: str = "false-rope"
    kind: Kind = Kind.CDU
    fault: str = "leak-sensor-false"
    metric: str = "leak"
    severity: Severity = Severity.WARNING
    on: float = 1.0
    off: float = 0.5
    at_once: float = np.inf
    hold_s: float = 5.0
    clear_s: float = 5.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    gone_l: float = GONE_L
    gas_l: float = 4.0
    loop_l: float = 35.0
    remembers: Mapping[str, float] = field(default_factory=going)

    def threshold(self, baseline: float) -> float:  # noqa: ARG002  a contact has no baseline
        """A contact."""
        return 1.0

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """1 or 0."""
        rope, lost = _rope(memory, tick, self.gas_l, self.loop_l)
        with np.errstate(invalid="ignore"):
            false = (rope > 0.0) & (lost < self.gone_l)
        score = np.where(np.isfinite(rope), false.astype(np.float64), np.nan)
        return Scores(score, rope, np.full_like(rope, np.nan))


def _rope(memory: Memory, tick: Tick, gas_l: float, loop_l: float) -> tuple[F64, F64]:
    """The contact, and litres that are gone; NaN where that is not known."""
    lost = gone(memory, tick, gas_l, loop_l, smooth_s=3.0, doubt=0.5 * SlowLeak().on)
    return tick.mean("leak"), lost
