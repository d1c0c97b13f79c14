"""What a GPU says of itself: it must be reset, or a row of its memory could not be replaced.

NVML fields 226, 227 and 230 (nvml.h) name what has to be done; whatever the reason was, no job should be placed on it.
Field 145, a failed remap, is a reason to send the GPU back. A remap that waits for a reset (144) is no fault: the next
reset does it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class Flag:
    """1 while a flag is up.

    Parameters
    ----------
    name, fault, metric
        What which flag means.

    Notes
    -----
    No memory; a look every 5 s.
    """

    name: str
    fault: str
    metric: str
    kind: Kind = Kind.GPU
    severity: Severity = Severity.WARNING
    on: float = 1.0
    off: float = 0.5
    at_once: float = 1.0
    hold_s: float = 0.0
    clear_s: float = 10.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    remembers: Mapping[str, float] = field(default_factory=dict)

    @property
    def needs(self) -> tuple[str, ...]:
        """The flag."""
        return (self.metric,)

    def threshold(self, baseline: float) -> float:  # noqa: ARG002  a flag has no baseline
        """What it says when it is up."""
        return 1.0

    def score(self, memory: Memory, tick: Tick) -> Scores:  # noqa: ARG002  it remembers nothing
        """1 where it is up, else 0."""
        told = tick.latest(self.metric)
        up = np.where(np.isfinite(told), (told > 0.0).astype(np.float64), np.nan)
        return Scores(up, told, np.full(len(told), np.nan))


def flags() -> list[Flag]:
    """All that are watched."""
    return [
        Flag("remap-failed", "row-remap", "remap_failed"),
        Flag("recovery-action", "unknown", "recovery_action"),
        Flag("needs-reset", "unknown", "needs_reset"),
    ]
