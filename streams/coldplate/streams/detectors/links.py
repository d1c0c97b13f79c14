"""Links that run narrower or slower than they can: PCIe lanes and generation, NVLinks that are up.

A link that lost its signal trains down and goes on, slower and with a job that waits for it. What it can do is what
the device says it can, or the most that was seen of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick, coarsely
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

BUSY_RATIO = 0.5


@dataclass(frozen=True)
class Link:
    """Share of a link that is missing.

    Parameters
    ----------
    name, fault, metric
        What less of which reading means.
    most
        The metric that says what it can; empty: the most seen counts.
    busy
        Judged at work only: an idle link may slow down to save power.

    Notes
    -----
    4 bytes a GPU; a look every 5 s. NVML's generation and width: nvml.h.
    """

    name: str
    fault: str
    metric: str
    most: str = ""
    busy: bool = False
    kind: Kind = Kind.GPU
    severity: Severity = Severity.WARNING
    on: float = 0.05
    off: float = 0.04
    at_once: float = 1.0
    hold_s: float = 0.0
    clear_s: float = 10.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    remembers: Mapping[str, float] = field(default_factory=lambda: coarsely({"most": 0.0}))

    @property
    def needs(self) -> tuple[str, ...]:
        """The reading, and what it can be."""
        return (self.metric, self.most) if self.most else (self.metric,)

    def threshold(self, baseline: float) -> float:
        """Lanes, generation or links below which it fires."""
        return baseline * (1.0 - self.on)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """1 - now / most."""
        now, rows = tick.latest(self.metric), tick.at
        most = np.fmax(memory["most"][rows], now)
        if self.most:
            most = np.fmax(most, tick.latest(self.most))
        memory["most"][rows] = most
        with np.errstate(invalid="ignore", divide="ignore"):
            lost = np.where(most > 0.0, 1.0 - now / most, np.nan)
            if self.busy:
                # Idle says nothing, also not that it is over.
                lost = np.where(tick.value("gpu_util_ratio") >= BUSY_RATIO, lost, np.nan)
        return Scores(lost, now, most)


def links() -> list[Link]:
    """All that are watched."""
    return [
        Link("pcie-width", "pcie-degraded", "pcie_width", "pcie_width_max"),
        Link("pcie-generation", "pcie-degraded", "pcie_gen", "pcie_gen_max", busy=True),
        Link("nvlinks-up", "nvlink-errors", "nvlink_active_links"),
    ]
