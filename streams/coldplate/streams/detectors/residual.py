"""A fault that nobody listed: a series that stands still in health, and now stands elsewhere.

The general method of methods/level.py, the same class that `coldplate evaluate skab` tries, on what a CDU's controller
holds constant whatever the load is. It names no cause and calls nobody; what a detector of its own sees is that one's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.streams.methods.level import Level
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

HELD = ("supply_c", "flow_lpm", "supply_kpa", "return_kpa", "filter_kpa_delta", "reservoir_ratio")
"""Metrics of a CDU that do not follow the load."""


def _level() -> Level:
    # Clipped below the limit, so that a step does not count as unrest on its way there.
    return Level(limit=4.0, clip=2.0, unrest_share=10.0, hold_s=0.0, warm_s=20.0, accept_s=3600.0)


@dataclass(frozen=True)
class Residual:
    """Departure of one metric's level from its own baseline, as a multiple of the limit.

    Parameters
    ----------
    metric
        One that healthy operation does not move.
    level
        The method; its own hold is 0, for the episode's `hold_s` holds.
    at_once
        Nothing is: a ticket has time.

    Notes
    -----
    104 bytes a device and metric. Scaling changes nothing. The threshold that is shown is the least departure that can
    count, by the sensor's accuracy; a restless series needs more.
    """

    metric: str
    kind: Kind = Kind.CDU
    fault: str = "unknown"
    severity: Severity = Severity.TICKET
    on: float = 1.0
    off: float = 1.0
    at_once: float = 1e6
    hold_s: float = 30.0
    clear_s: float = 3.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    level: Level = field(default_factory=_level)

    @property
    def name(self) -> str:
        """One detector a metric."""
        return f"residual-{self.metric.replace('_', '-')}"

    @property
    def remembers(self) -> Mapping[str, float]:
        """The method's memory of one series."""
        return self.level.fields

    def threshold(self, baseline: float) -> float:
        """The least level above the baseline that can fire, in the metric's unit."""
        return baseline * (1.0 + self.level.limit * self.level.accuracy)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Departure over limit; at least 1 while the method holds the level for displaced."""
        value = tick.mean(self.metric)
        mine = {name: memory[name][tick.rows][:, None] for name in self.level.fields}
        told = self.level.update(mine, tick.t_ms / 1000.0, value[:, None])
        for name, column in mine.items():
            memory[name][tick.rows] = column[:, 0]
        ratio = np.abs(told.level - told.baseline) / (self.level.limit * told.scale)
        score = np.where(told.score >= 1.0, np.maximum(ratio, 1.0), told.score)
        return Scores(score[:, 0], value, told.baseline[:, 0])


def residuals() -> list[Residual]:
    """One for each metric that a CDU holds constant."""
    return [Residual(metric) for metric in HELD]
