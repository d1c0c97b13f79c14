"""Hardware power brake and thermal slowdown: the reasons a GPU itself gives for a clock held down.

NVML's clock event reasons (nvml.h): 0x20 software thermal, 0x40 hardware thermal, 0x80 hardware power
brake. The power cap bit 0x4 is no fault (set at 405 W on the recorded H200), and 0x8 alone may flash when
the performance state changes, so neither is looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

THERMAL_BITS = 0x20 | 0x40
POWER_BRAKE_BIT = 0x80


def _bits(tick: Tick, mask: int) -> Scores:
    reasons = tick.value("clock_event_reasons")
    held = np.nan_to_num(reasons).astype(np.int64) & mask
    score = np.where(np.isfinite(reasons), (held != 0).astype(np.float64), np.nan)
    return Scores(score, reasons, np.full_like(reasons, np.nan))


@dataclass(frozen=True)
class ThermalSlowdown:
    """1 while the GPU says that temperature holds its clock down. No memory."""

    name: str = "thermal-slowdown"
    kind: Kind = Kind.GPU
    fault: str = "unknown"
    metric: str = "clock_event_reasons"
    severity: Severity = Severity.CRITICAL
    on: float = 1.0
    off: float = 1.0
    at_once: float = 1.0
    hold_s: float = 0.0
    clear_s: float = 5.0
    joined: bool = False
    every_s: ClassVar[int] = 1
    needs: tuple[str, ...] = ()
    remembers: Mapping[str, float] = field(default_factory=dict)

    def threshold(self, baseline: float) -> float:  # noqa: ARG002  a bit has no baseline
        """The bits looked at."""
        return float(THERMAL_BITS)

    def score(self, memory: Memory, tick: Tick) -> Scores:  # noqa: ARG002  it remembers nothing
        """1 where a thermal bit is set, else 0."""
        return _bits(tick, THERMAL_BITS)


@dataclass(frozen=True)
class PowerBrake:
    """1 while the board's power brake holds the clock down. No memory."""

    name: str = "power-brake"
    kind: Kind = Kind.GPU
    fault: str = "power-brake"
    metric: str = "clock_event_reasons"
    severity: Severity = Severity.CRITICAL
    on: float = 1.0
    off: float = 1.0
    at_once: float = 2.0
    hold_s: float = 1.0
    clear_s: float = 5.0
    joined: bool = False
    every_s: ClassVar[int] = 1
    needs: tuple[str, ...] = ()
    remembers: Mapping[str, float] = field(default_factory=dict)

    def threshold(self, baseline: float) -> float:  # noqa: ARG002  a bit has no baseline
        """The bit looked at."""
        return float(POWER_BRAKE_BIT)

    def score(self, memory: Memory, tick: Tick) -> Scores:  # noqa: ARG002  it remembers nothing
        """1 where the power brake bit is set, else 0."""
        return _bits(tick, POWER_BRAKE_BIT)
