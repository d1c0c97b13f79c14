"""Margin to the limit that the GPU itself reports; no degree of ours.

NVML gives the signed margin in kelvin to the device's own T.limit; 0 is where it may start to hold the
clock down, -2 hardware slowdown and -8 shutdown on an H200 (recorded). A GPU that reports no margin is not
judged, and never cleared by being silent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class Margin:
    """Kelvin by which the margin is too small: `wanted_c - margin_c`.

    Parameters
    ----------
    wanted_c
        Margin that a healthy GPU keeps; an H200 at 700 W and 40 degC supply has 22 K.
    off
        Hysteresis: silent again at `wanted_c - off` kelvin of margin.
    at_once
        Reached when there is no margin left.

    Notes
    -----
    No memory.
    """

    name: str = "margin"
    kind: Kind = Kind.GPU
    fault: str = "unknown"
    metric: str = "margin_c"
    severity: Severity = Severity.WARNING
    wanted_c: float = 8.0
    on: float = 0.0
    off: float = -3.0
    at_once: float = 8.0
    hold_s: float = 2.0
    clear_s: float = 3.0
    joined: bool = False
    every_s: ClassVar[int] = 1
    needs: tuple[str, ...] = ()
    remembers: Mapping[str, float] = field(default_factory=dict)

    def threshold(self, baseline: float) -> float:  # noqa: ARG002  the limit is absolute
        """Margin below which it fires, K."""
        return self.wanted_c

    def score(self, memory: Memory, tick: Tick) -> Scores:  # noqa: ARG002  it remembers nothing
        """Missing margin, K."""
        margin = tick.value("margin_c")
        return Scores(self.wanted_c - margin, margin, np.full_like(margin, np.nan))
