"""Single readings far off: a jump that neither water nor pumps can make, and back.

A loop stores 170 kJ/K: without any cooling a full rack warms it by 0.4 K/s, and a flow has pumps with a second of their
own. A reading that jumps further, and is where it was at the next tick, is the instrument's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class UnitSpike:
    """How many readings of late were alone: each counts 1, and half of that after `half_s`.

    Parameters
    ----------
    metric
        Of a CDU.
    far
        How far from both its neighbours a reading must be, in the metric's unit.
    on
        One may be a collision on the bus; two within a minute are an instrument.

    Notes
    -----
    32 bytes a CDU.
    """

    metric: str = "supply_c"
    far: float = 1.5
    kind: Kind = Kind.CDU
    fault: str = "sensor-spike"
    severity: Severity = Severity.WARNING
    on: float = 1.5
    off: float = 0.5
    at_once: float = 1.5
    hold_s: float = 0.0
    clear_s: float = 10.0
    joined: bool = False
    every_s: ClassVar[int] = 1
    needs: tuple[str, ...] = ()
    half_s: float = 30.0
    remembers: Mapping[str, float] = field(
        default_factory=lambda: {
            "count": 0.0, "before": np.nan, "earlier": np.nan, "before_ms": 0.0, "earlier_ms": 0.0,
        }
    )  # fmt: skip

    @property
    def name(self) -> str:
        """One detector a metric."""
        return f"{self.metric.replace('_', '-')}-spike"

    def threshold(self, baseline: float) -> float:
        """Reading that counts."""
        return baseline + self.far

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """The count."""
        value, rows, now_ms = tick.value(self.metric), tick.rows, tick.t_ms.astype(np.float64)
        before, earlier = memory["before"][rows], memory["earlier"][rows]
        before_ms = memory["before_ms"][rows]
        told = np.isfinite(value)
        with np.errstate(invalid="ignore"):
            up, down = before - earlier, before - value
            alone = (np.minimum(np.abs(up), np.abs(down)) > self.far) & (up * down > 0.0)
            alone &= np.abs(value - earlier) < 0.5 * np.abs(up)
            alone &= now_ms - memory["earlier_ms"][rows] <= 5000.0
        passed_s = np.clip((now_ms - before_ms) / 1000.0, 0.0, 1e4)
        count = memory["count"][rows] * 0.5 ** (passed_s / self.half_s) + alone
        memory["count"][rows] = np.where(told, count, memory["count"][rows])
        for name, new in (("earlier", before), ("earlier_ms", before_ms)):
            memory[name][rows] = np.where(told, new, memory[name][rows])
        memory["before"][rows] = np.where(told, value, before)
        memory["before_ms"][rows] = np.where(told, now_ms, before_ms)
        return Scores(np.where(told, count, np.nan), np.where(alone, before, value), earlier)
