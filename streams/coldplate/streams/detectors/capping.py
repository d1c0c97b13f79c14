"""A capping storm: the power limit of many GPUs of a rack is lowered at once.

Somebody, or a power manager that went wrong, tells whole racks to draw less; every job on them slows down and nothing
else is seen. The limit itself is looked at: the power cap's bit is set at 405 of 700 W too (recorded on an H200), and
the share of time under it follows the work. One GPU with a lower limit is an operator's doing and no storm.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick, coarsely
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

GPUS_MIN = 4
"""Fewer GPUs of a rack are no storm."""


@dataclass(frozen=True)
class CappingStorm:
    """Share by which a GPU's limit is below its usual one, where most of its rack's are.

    Parameters
    ----------
    on
        Fires above this share; a limit has no noise, and is told to 0.1 W.
    rack_ratio
        Share of the rack's GPUs that must have been lowered.
    accept_s
        A limit that has stood for so long is the usual one: somebody wanted it.

    Notes
    -----
    8 bytes a GPU; a look every 5 s.
    """

    name: str = "capping-storm"
    kind: Kind = Kind.GPU
    fault: str = "capping-storm"
    metric: str = "power_limit_w"
    severity: Severity = Severity.WARNING
    on: float = 0.02
    off: float = 0.01
    at_once: float = 1.0
    hold_s: float = 0.0
    clear_s: float = 10.0
    joined: bool = True
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ("power_limit_w",)
    rack_ratio: float = 0.5
    accept_s: float = 86_400.0
    remembers: Mapping[str, float] = field(
        default_factory=lambda: coarsely({"power_limit_w": 0.0, "lowered_s": 0.0})
    )

    def threshold(self, baseline: float) -> float:
        """Limit below which it fires, W."""
        return baseline * (1.0 - self.on)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """1 - limit / usual limit where the rack's share is reached, else 0."""
        limit, rows = tick.latest("power_limit_w"), tick.at
        usual = np.fmax(memory["power_limit_w"][rows], limit)
        memory["power_limit_w"][rows] = usual
        with np.errstate(invalid="ignore", divide="ignore"):
            lowered = np.where(usual > 0.0, 1.0 - limit / usual, np.nan)
            low = lowered >= self.on
        if not low.any():
            memory["lowered_s"][rows] = 0.0
            return Scores(lowered, limit, usual)
        since_s = np.where(low, memory["lowered_s"][rows] + self.every_s, 0.0)
        wanted = since_s > self.accept_s
        memory["power_limit_w"][rows] = np.where(wanted, limit, usual)
        memory["lowered_s"][rows] = np.where(wanted, 0.0, since_s)
        rack = tick.rack
        count = np.bincount(rack, low)
        storm = count >= np.maximum(
            self.rack_ratio * np.bincount(rack, np.isfinite(limit)), GPUS_MIN
        )
        return Scores(np.where(storm[rack] | ~low, lowered, 0.0), limit, usual)
