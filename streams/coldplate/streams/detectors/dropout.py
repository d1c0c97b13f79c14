"""One reading of a GPU that is absent, while its others are there.

A driver call that fails for this GPU alone, or a sensor that the board no longer reaches: whoever judges by it is blind
there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick, coarsely
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

READINGS = ("gpu_c", "hbm_c", "margin_c", "power_w")
"""What detection and throttling forecasts rest on."""


@dataclass(frozen=True)
class ReadingLost:
    """How many of the GPU's readings that were told are absent.

    Parameters
    ----------
    hold_s
        A call that hangs for a while is no dropout (estimate).

    Notes
    -----
    4 bytes a GPU. A reading that a GPU never had is not missed (`READINGS`); where all are absent it is silent, and
    this says nothing.
    """

    name: str = "gpu-reading-lost"
    kind: Kind = Kind.GPU
    fault: str = "sensor-dropout"
    metric: str = "gpu_c"
    severity: Severity = Severity.WARNING
    on: float = 1.0
    off: float = 0.5
    at_once: float = 9.0
    hold_s: float = 10.0
    clear_s: float = 5.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    remembers: Mapping[str, float] = field(default_factory=lambda: coarsely({"told": 0.0}))

    def threshold(self, baseline: float) -> float:  # noqa: ARG002  a count has no baseline
        """Readings absent."""
        return self.on

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Readings absent that were told before."""
        rows, readings = tick.at, [tick.value(name) for name in READINGS]
        none = np.full(len(tick.rows), np.nan)
        there = np.zeros(len(tick.rows))
        for k, reading in enumerate(readings):
            there += np.where(np.isfinite(reading), float(1 << k), 0.0)
        told = memory["told"][rows]
        if np.array_equal(told, there):
            return Scores(np.where(there > 0.0, 0.0, np.nan), readings[0], none)
        before, now = told.astype(np.int64), there.astype(np.int64)
        memory["told"][rows] = before | now
        missing = before & ~now
        count = sum((missing >> k) & 1 for k in range(len(READINGS)))
        return Scores(np.where(now > 0, np.asarray(count, np.float64), np.nan), readings[0], none)
