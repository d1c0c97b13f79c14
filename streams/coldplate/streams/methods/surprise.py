"""What a series has hardly ever done: four views of it, each with the tail of its own past.

The views are a value against its level, a short average against a long one, a change of the change, and the departure
from the usual at this time of day. Their surprises (tail.py) are summed at a power, so that the greatest counts most.

Two rules keep it from repeating itself: within `quiet_s` of a peak only a clearly greater one is told, and a series that
has surprised much is believed less.

References
----------
Lavin, Ahmad: Evaluating real-time anomaly detection algorithms (2015), for what is asked of such a method.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from coldplate.streams.methods.memory import F64, Bits, Memory, fresh
from coldplate.streams.methods.tail import Tail

DAY_S = 86_400.0
VIEWS = ("point", "level", "jerk", "day")


@dataclass(frozen=True)
class Surprise:
    """Peaks of surprise, one number a series.

    Parameters
    ----------
    short, middle, long
        Memories of the averages, in updates: a value is held against `middle`, `short` against `long`. Updates, not
        seconds, for it sees series of any step; a detector gives it evenly spaced means.
    bins
        Parts of the day whose usual value is kept.
    day_share, day_smooth
        Weight of a new value in its bin; of the newest departure in the smoothed one.
    power
        Of each view's surprise in the sum.
    quiet_s, greater
        Within so many seconds after a peak only one greater by this share is told.
    habit_s, habit, believed
        A peak is divided by (believed + peaks of the last `habit_s`) to the power `habit`.
    limit
        A score of 1.

    Notes
    -----
    `bins` + 27 numbers a series. Scaling and shifting all values changes nothing but rounding. An absent value changes nothing.
    """

    short: float = 12.0
    middle: float = 75.0
    long: float = 150.0
    bins: int = 96
    day_share: float = 0.1
    day_smooth: float = 0.1
    power: float = 2.5
    quiet_s: float = 172_800.0
    greater: float = 0.9
    habit_s: float = 100 * DAY_S
    habit: float = 0.55
    believed: float = 1000.0
    limit: float = 1.96
    tail: Tail = field(default_factory=Tail)

    @property
    def fields(self) -> Mapping[str, float]:
        """Memory of one series, and what it is before the first value."""
        out = {"updates": -1.0, "last": 0.0, "change": 0.0, "short": 0.0, "middle": 0.0, "long": 0.0, "away": 0.0}  # fmt: skip
        for view in VIEWS:
            out |= self.tail.fields(view)
        out |= {"held": 0.0, "held_s": -np.inf, "habit": 0.0, "habit_s": 0.0}
        return out | {f"day_{i}": np.nan for i in range(self.bins)}

    def memory(self, rows: int, series: int) -> dict[str, F64]:
        """A memory that has seen nothing."""
        return fresh(self.fields, rows, series)

    def score(self, memory: Memory, t_s: F64, values: F64) -> F64:
        """Score of values of shape (rows, series) at their times, shape (rows,); 0 where there is no peak."""
        told = np.isfinite(values)
        memory["updates"] += told
        first = told & (memory["updates"] == 0)
        for name in ("last", "short", "middle", "long"):
            np.copyto(memory[name], values, where=first)
        now_s = np.broadcast_to(t_s[:, None], values.shape)
        total = np.zeros(values.shape)
        for name, value in self._views(memory, now_s, values, told):
            # Of the first value nothing can be held against anything.
            away = np.where(first, np.nan, np.abs(value))
            surprise = self.tail.surprise(memory, name, away)
            total += np.nan_to_num(surprise) ** self.power
        peak = self._peak(memory, now_s, total)
        return np.where(told, peak / self.limit, np.nan)

    def _views(
        self, memory: Memory, now_s: F64, values: F64, told: Bits
    ) -> list[tuple[str, F64]]:  # fmt: skip
        """Each view's departure; then averages, change and usual day are brought up to the value."""
        change = values - memory["last"]
        point, jerk = values - memory["middle"], change - memory["change"]
        np.copyto(memory["last"], values, where=told)
        np.copyto(memory["change"], change, where=told)
        plain = 1.0 / (memory["updates"] + 1.0)
        for name, updates in (("short", self.short), ("middle", self.middle), ("long", self.long)):
            weight = np.maximum(1.0 / updates, np.where(told, plain, 0.0))
            memory[name] += np.where(told, weight * (values - memory[name]), 0.0)
        level = np.where(told, memory["short"] - memory["long"], np.nan)
        return [("point", point), ("level", level), ("jerk", jerk), ("day", self._day(memory, now_s, values, told))]  # fmt: skip

    def _day(self, memory: Memory, now_s: F64, values: F64, told: Bits) -> F64:
        """Smoothed departure from what is usual at this time of day."""
        bins = (now_s % DAY_S * self.bins // DAY_S).astype(np.intp)
        out = np.full(values.shape, np.nan)
        for number in np.unique(bins[told]):
            usual, here = memory[f"day_{number}"], told & (bins == number)
            known = here & np.isfinite(usual)
            away = np.where(known, values - usual, 0.0)
            memory["away"] += np.where(known, self.day_smooth * (away - memory["away"]), 0.0)
            out[known] = memory["away"][known]
            learnt = np.where(known, usual + self.day_share * away, values)
            np.copyto(usual, learnt, where=here)
        return out

    def _peak(self, memory: Memory, now_s: F64, total: F64) -> F64:
        """What is left of the sum after the two rules."""
        quiet = now_s - memory["held_s"] < self.quiet_s
        bar = np.where(quiet, memory["held"] * (1.0 + self.greater), 0.0)
        told = total > bar
        faded = memory["habit"] * np.exp(-(now_s - memory["habit_s"]) / self.habit_s)
        out = np.where(told, total / (self.believed + faded) ** self.habit, 0.0)
        # A greater peak of the same episode adds only what it is greater by.
        more = faded + total - np.where(quiet, memory["held"], 0.0)
        for name, value in (("habit", more), ("habit_s", now_s), ("held", total), ("held_s", now_s)):  # fmt: skip
            np.copyto(memory[name], value, where=told)
        return out
