"""What worker and sink had done at which time, and how well they kept up with what was sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

SLICE_S = 0.05
"""What is due at a tick leaves within so long."""


@dataclass(frozen=True, slots=True)
class Due:
    """How many frames were to be sent by a time.

    Parameters
    ----------
    at_s
        Times, ascending; straight lines between them.
    count
        Frames by then.
    """

    at_s: NDArray[np.float64]
    count: NDArray[np.float64]

    @classmethod
    def steady(cls, frames_per_s: float, in_all: int, began_s: float) -> Self:
        """At one rate from a time on."""
        return cls(np.array([began_s, began_s + in_all / frames_per_s]), np.array([0.0, in_all]))

    @classmethod
    def told(cls, sent: Mapping[str, Any]) -> Self:
        """What production tells of its plan: how many leave at each tick, of the cycle and of what is played."""
        first_s = float(sent["first_tick"])
        plans = [
            _steps(first_s, sent["cycled"], 1.0),
            _steps(first_s, sent["played"], max(sent["spread_s"], SLICE_S)),
        ]
        at_s = np.unique(np.concatenate([times for times, _ in plans]))
        return cls(at_s, np.sum([np.interp(at_s, *plan) for plan in plans], axis=0))

    @property
    def in_all(self) -> int:
        """When all is sent."""
        return round(float(self.count[-1]))

    def by(self, t_s: float) -> float:
        """Frames that were due by a time."""
        return float(np.interp(t_s, self.at_s, self.count))

    def when(self, done: float | Sequence[float]) -> NDArray[np.float64]:
        """The time up to which so many frames reach: while nothing more is due, that goes on."""
        wanted = np.asarray(done, np.float64)
        after = np.clip(np.searchsorted(self.count, wanted, "right"), 1, len(self.count) - 1)
        low, high = self.count[after - 1], self.count[after]
        part = np.clip((wanted - low) / np.maximum(high - low, 1e-9), 0.0, 1.0)
        at_s: NDArray[np.float64] = self.at_s[after - 1] + part * (
            self.at_s[after] - self.at_s[after - 1]
        )
        return at_s


def _steps(
    first_s: float, counts: Sequence[int], spread_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times, and what is due by them, when what is due at a tick leaves within so long after it."""
    ticks, done = first_s + np.arange(len(counts)), np.concatenate([[0.0], np.cumsum(counts)])
    at_s = np.column_stack([ticks, ticks + spread_s]).ravel()
    return np.append(first_s - 1.0, at_s), np.append(0.0, np.column_stack([done[:-1], done[1:]]))


@dataclass(slots=True)
class Looks:
    """One reader's counts.

    Parameters
    ----------
    due
        What is sent; None before that is known.
    """

    due: Due | None = None
    seen: list[tuple[float, int]] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Frames done at the last look."""
        return self.seen[-1][1] if self.seen else 0

    def take(self, at_s: float, done: int) -> None:
        """Note how many were done at a time; what was seen before is left."""
        if at_s and (not self.seen or at_s > self.seen[-1][0]):
            self.seen.append((at_s, done))

    def lag_at_s(self, t_s: float) -> float:
        """Seconds of data that were sent and not done yet, at the last look before a time; NaN before the first."""
        before = [s for s in self.seen if s[0] <= t_s]
        return self._lag_s(*before[-1]) if before else float("nan")

    def lag_s(self, begin_s: float, end_s: float) -> list[float]:
        """The same at each look within a time."""
        return [lag_s for _, lag_s in self.lags(begin_s, end_s)]

    def lags(self, begin_s: float, end_s: float) -> list[tuple[float, float]]:
        """Each look within a time, and the lag at it."""
        return [(at, self._lag_s(at, done)) for at, done in self.seen if begin_s <= at <= end_s]

    def _lag_s(self, at: float, done: int) -> float:
        if self.due is None or done >= self.due.in_all:
            return 0.0
        reached_s = max(float(self.due.when(done)), float(self.due.at_s[0]))
        return max(0.0, min(at, float(self.due.at_s[-1])) - reached_s)

    def ratio(self, begin_s: float) -> float:
        """Seconds of data done per second, from a time on and as long as anything was left to do.

        The slope of a line through the looks: a reader works in batches, and two looks alone would measure where in
        a batch they fell. NaN with fewer than two looks.
        """
        due = self.due
        if due is None:
            return float("nan")
        busy = [(at, done) for at, done in self.seen if at >= begin_s and done < due.in_all]
        if len(busy) < 2:
            return float("nan")
        at = np.array([at for at, _ in busy], np.float64)
        return float(np.polyfit(at - begin_s, due.when([d for _, d in busy]) - begin_s, 1)[0])

    def gone_s(self, begin_s: float, end_s: float, lag_max_s: float) -> float | None:
        """Seconds from a time until the lag is at most so much, and stays so; None when it never is."""
        over = [at for at, lag_s in self.lags(begin_s, end_s) if lag_s > lag_max_s]
        if not over:
            return 0.0
        later = [at for at, _ in self.seen if over[-1] < at <= end_s]
        return later[0] - begin_s if later else None

    def caught_up(
        self, since_s: float, end_s: float, lag_max_s: float
    ) -> tuple[float | None, float]:
        """After a time away: seconds until the lag is at most so much (None: never), and data per second until then.

        The start of the process is in both.
        """
        lags = self.lags(since_s, end_s)
        at = next((at for at, lag_s in lags if lag_s <= lag_max_s), None)
        if self.due is None or not lags:
            return None, float("nan")
        until_s = lags[-1][0] if at is None else at
        done = [d for t, d in self.seen if t <= until_s][-1]
        before = next((d for t, d in reversed(self.seen) if t <= since_s), 0)
        reached_s = float(self.due.when(done)) - float(self.due.when(before))
        return None if at is None else at - since_s, reached_s / max(until_s - since_s, 1e-9)
