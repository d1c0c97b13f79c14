"""A node whose own kernel says that its clock is wrong.

adjtimex names what is still to be added to the wall clock. Ticks of all nodes are compared with each other, so that half
a tick is the most that a clock may be off. A clock that is wrong and does not know it is seen by the broker's times of
its frames (skew.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class ClockOff:
    """Seconds by which a clock is off, by its own account.

    Parameters
    ----------
    on
        Half of a tick of 1 s.
    wrong_s
        What a clock counts for that is not synchronised, or was stepped: nobody knows how wrong it is.
    hold_s
        A start and a step that set things right pass by.

    Notes
    -----
    No memory.
    """

    name: str = "clock-off"
    kind: Kind = Kind.NODE
    fault: str = "clock-skew"
    metric: str = "clock_offset_s"
    severity: Severity = Severity.WARNING
    on: float = 0.5
    off: float = 0.25
    at_once: float = 1e6
    hold_s: float = 120.0
    clear_s: float = 30.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    wrong_s: float = 0.5
    remembers: Mapping[str, float] = field(default_factory=dict)

    def threshold(self, baseline: float) -> float:  # noqa: ARG002  the limit is absolute
        """Offset above which it fires, s."""
        return self.on

    def score(self, memory: Memory, tick: Tick) -> Scores:  # noqa: ARG002  it remembers nothing
        """The size of the offset, at least `wrong_s` where the clock counts as wrong."""
        offset, wrong = tick.value("clock_offset_s"), tick.value("clock_wrong")
        with np.errstate(invalid="ignore"):
            counts = np.where(wrong > 0.0, self.wrong_s, 0.0 * wrong)
        score = np.fmax(np.abs(offset), counts)
        return Scores(score, offset, np.full(len(offset), np.nan))
