"""What worker and sink had done at which time, and how well they kept up with what was sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(slots=True)
class Looks:
    """One reader's counts.

    Parameters
    ----------
    frames_per_s, in_all
        What is sent, from `began_s` on.
    """

    frames_per_s: float
    in_all: int
    began_s: float = 0.0
    seen: list[tuple[float, int]] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Frames done at the last look."""
        return self.seen[-1][1] if self.seen else 0

    def take(self, stats: Mapping[str, Any]) -> None:
        """Note what the reader wrote about itself; what was seen before is left."""
        at = stats.get("at", 0.0)
        if at and (not self.seen or at > self.seen[-1][0]):
            self.seen.append((at, stats.get("frames", 0)))

    def lag_at_s(self, t_s: float) -> float:
        """Seconds of data that were sent and not done yet, at the last look before a time; NaN before the first."""
        before = [s for s in self.seen if s[0] <= t_s]
        return self._lag_s(*before[-1]) if before else float("nan")

    def lag_s(self, begin_s: float, end_s: float) -> list[float]:
        """The same at each look within a time."""
        return [self._lag_s(at, done) for at, done in self.seen if begin_s <= at <= end_s]

    def _lag_s(self, at: float, done: int) -> float:
        due = min(self.in_all, (at - self.began_s) * self.frames_per_s)
        return max(0.0, due - done) / self.frames_per_s

    def ratio(self, begin_s: float) -> float:
        """Seconds of data done per second, from a time on and as long as anything was left to do.

        The slope of a line through the looks: a reader works in batches, and two looks alone would measure where in
        a batch they fell. NaN with fewer than two looks.
        """
        busy = [(at, done) for at, done in self.seen if at >= begin_s and done < self.in_all]
        if len(busy) < 2:
            return float("nan")
        at, done = np.array(busy, np.float64).T
        return float(np.polyfit(at - begin_s, done, 1)[0]) / self.frames_per_s
