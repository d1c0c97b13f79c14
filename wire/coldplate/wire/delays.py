"""Counts delays by how long they were, as Prometheus' histograms have it; streams and sinks count alike."""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
"""Upper ends of the bins: from an urgent record's way to that of a backlog."""


@dataclass(slots=True)
class Delays:
    """Delays since start.

    Parameters
    ----------
    counts
        By bin, the last of those beyond every bound.
    sum_s
        Of all.
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    sum_s: float = 0.0

    def add(self, delay_s: float, times: int = 1) -> None:
        """Count one, or several alike; a clock that is ahead makes no delay negative."""
        self.counts[bisect_left(BOUNDS_S, max(0.0, delay_s))] += times
        self.sum_s += max(0.0, delay_s) * times

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, for a file or a page.

        Examples
        --------
        >>> delays = Delays()
        >>> delays.add(0.3, 2)
        >>> delays.as_dict()["counts"], delays.as_dict()["sum_s"]
        ([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0.6)
        """
        return {
            "bounds_s": list(BOUNDS_S),
            "counts": list(self.counts),
            "sum_s": round(self.sum_s, 3),
        }
