"""A reading of a coolant unit that is absent while the unit's others come.

Nothing is nothing: a unit that says nothing at all is silent, and a site that never had the sensor has lost none. Only a
reading that came for a while, from a unit whose other readings still come, is a sensor that dropped out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

BESIDE = (
    "supply_c", "return_c", "flow_lpm", "supply_kpa", "return_kpa", "facility_supply_c",
)  # fmt: skip


@dataclass(frozen=True)
class UnitReadingLost:
    """1 where the reading is absent and some of `BESIDE` are there, else 0.

    Parameters
    ----------
    metric
        Of a CDU.
    known_s
        How long it must have come.
    beside_min
        Other readings that must be there.

    Notes
    -----
    24 bytes a CDU.
    """

    metric: str = "supply_c"
    kind: Kind = Kind.CDU
    fault: str = "sensor-dropout"
    severity: Severity = Severity.WARNING
    on: float = 0.5
    off: float = 0.25
    at_once: float = 2.0
    hold_s: float = 10.0
    clear_s: float = 5.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    known_s: float = 20.0
    beside_min: int = 2
    remembers: Mapping[str, float] = field(
        default_factory=lambda: {"known_s": 0.0, "before_ms": 0.0, "last": np.nan}
    )

    @property
    def name(self) -> str:
        """One detector a metric."""
        return f"{self.metric.replace('_', '-')}-lost"

    def threshold(self, baseline: float) -> float:
        """What it read last."""
        return baseline

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """1 or 0."""
        value, rows = tick.value(self.metric), tick.rows
        now_ms, before_ms = tick.t_ms.astype(np.float64), memory["before_ms"][rows]
        there = np.isfinite(value)
        passed_s = np.where(before_ms > 0.0, np.clip((now_ms - before_ms) / 1000.0, 0.0, 10.0), 0.0)
        known_s = memory["known_s"][rows] + np.where(there, passed_s, 0.0)
        last = np.where(there, value, memory["last"][rows])
        memory["known_s"][rows], memory["last"][rows] = known_s, last
        memory["before_ms"][rows] = now_ms
        beside = np.zeros(len(rows), np.intp)
        for name in BESIDE:
            if name != self.metric:
                beside += np.isfinite(tick.value(name))
        told = there | ((known_s >= self.known_s) & (beside >= self.beside_min))
        return Scores(np.where(told, (~there).astype(np.float64), np.nan), last, last)
