"""Departure of a series' level from its own slow average, against the unrest that it has shown while healthy.

Each series of each device is judged alone: a short average (Roberts, 1959) against a slow one, in units of the root
mean square of that difference. What is special is when it says so, and when it stops:

- a series that wanders slowly has given few independent samples of its unrest: its unrest counts for more the longer
  its swings are against its age;
- no change below the accuracy of a sensor, a share of its reading, is a change;
- evidence gathers: seconds above the limit, times how far above, until `hold_s`; twice as far fires in half the time;
- baseline and unrest stand still while it fires. It is over when the level is on its way back: within `recovered` of the
  greatest departure, for a time that grows with how long the episode was;
- a new level that lasts longer than `accept_s` is the new normal.

References
----------
Roberts: Control chart tests based on geometric moving averages (1959). Huber: Robust estimation (1964), for the clipping.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from coldplate.streams.methods.memory import F64, Bits, Memory, fresh, share

FIELDS: Mapping[str, float] = {
    "last_s": np.nan, "age_s": 0.0, "fast": 0.0, "slow": 0.0, "spread": 0.0, "slope": 0.0, "record": 0.0,
    "evidence_s": 0.0, "on_s": 0.0, "back_s": 0.0, "peak": 0.0, "side": 0.0, "settling_s": 0.0,
}  # fmt: skip
"""Memory of one series of one device, and what it is before the first value."""


@dataclass(frozen=True, slots=True)
class Departure:
    """What a level's update tells; each of shape (rows, series).

    Parameters
    ----------
    score
        1 where it fires, else the departure as a share of the limit, below 1; NaN while warming up or absent.
    level, baseline, scale
        Short average, slow average, and one unit of unrest, in the series' own unit.
    """

    score: F64
    level: F64
    baseline: F64
    scale: F64


@dataclass(frozen=True)
class Level:
    """Short against slow average, in units of the series' own unrest.

    Parameters
    ----------
    fast_s, slow_s, spread_s
        Memory of the short average, of the baseline, and of the unrest.
    limit
        Fires above so many units of unrest; larger is quieter.
    hold_s
        Evidence needed: seconds at the limit. Larger is later and quieter.
    recovered
        Share of the greatest departure below which the level is on its way back.
    off
        Share of the limit below which it is back in any case.
    clear_s, clear_share
        How long it must be on its way back: seconds, or this share of the episode, whichever is longer.
    accept_s
        A level that has lasted so long is normal.
    settle_s
        After an episode the baseline follows the level for so long, and nothing fires.
    unrest_share
        How much slow wandering counts: unrest grows by sqrt(1 + unrest_share * length of a swing / age).
    accuracy
        Share of the reading that a sensor may be wrong by.
    clip
        A difference counts for at most so many units in the unrest, so that one spike does not deafen.
    record_share
        Share of the greatest departure of the last `record_s` that a new one must exceed as well.
    warm_s
        Seconds of values before it judges.
    gap_s
        A longer gap counts as this much: nothing is known of the values in it.

    Notes
    -----
    104 bytes a series. About 70 array operations an update. Scaling all values changes nothing; shifting them does
    by way of `accuracy` only. An absent value changes nothing.
    """

    fast_s: float = 18.0
    slow_s: float = 1000.0
    spread_s: float = 800.0
    limit: float = 2.4
    hold_s: float = 50.0
    recovered: float = 0.65
    off: float = 0.4
    clear_s: float = 10.0
    clear_share: float = 0.1
    accept_s: float = 600.0
    settle_s: float = 90.0
    unrest_share: float = 22.0
    accuracy: float = 0.0042
    clip: float = 6.0
    record_share: float = 0.8
    record_s: float = 2000.0
    warm_s: float = 60.0
    gap_s: float = 10.0
    fields: Mapping[str, float] = field(default_factory=lambda: FIELDS, repr=False)

    def memory(self, rows: int, series: int) -> dict[str, F64]:
        """A memory that has seen nothing."""
        return fresh(self.fields, rows, series)

    def score(self, memory: Memory, t_s: F64, values: F64) -> F64:
        """The departure's score alone."""
        return self.update(memory, t_s, values).score

    def update(self, memory: Memory, t_s: F64, values: F64) -> Departure:
        """Judge values of shape (rows, series) at their times, shape (rows,), and remember them."""
        told, first = np.isfinite(values), np.isnan(memory["last_s"])
        now = np.broadcast_to(t_s[:, None], values.shape)
        with np.errstate(invalid="ignore"):
            passed = np.where(told & ~first, np.clip(now - memory["last_s"], 0.0, self.gap_s), 0.0)
        for name in ("fast", "slow"):
            np.copyto(memory[name], values, where=told & first)
        np.copyto(memory["last_s"], now, where=told)
        memory["age_s"] += passed
        moved = self._follow(memory, passed, np.where(told, values, memory["fast"]))
        away = memory["fast"] - memory["slow"]
        scale = self._scale(memory)
        judged = told & (memory["age_s"] > self.warm_s)
        on = self._decide(memory, passed, away, scale, judged)
        self._learn(memory, passed, np.where(told, values, np.nan), away, moved, scale, on)
        score = np.where(on, 1.0, np.minimum(np.abs(away) / (self.limit * scale), 0.999))
        return Departure(
            np.where(judged, score, np.nan), memory["fast"].copy(), memory["slow"].copy(), scale
        )

    def _follow(self, memory: Memory, passed: F64, values: F64) -> F64:
        """Move the short average; by how much a second it moved."""
        step = share(passed, self.fast_s, memory["age_s"]) * (values - memory["fast"])
        memory["fast"] += step
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(passed > 0, step / passed, 0.0)

    def _scale(self, memory: Memory) -> F64:
        """One unit of unrest."""
        with np.errstate(divide="ignore", invalid="ignore"):
            swing_s = np.sqrt(memory["spread"] / (memory["slope"] + 1e-30))
            few = np.where(memory["age_s"] > 0, self.unrest_share * swing_s / memory["age_s"], 0.0)
        # A share of the reading: a level of 0 has none, and then only its unrest counts.
        error = self.accuracy * memory["slow"]
        out: F64 = np.sqrt(memory["spread"] * (1.0 + few) + error * error) + 1e-12
        return out

    def _decide(self, memory: Memory, passed: F64, away: F64, scale: F64, judged: Bits) -> Bits:
        """Which series fire after this update."""
        was = memory["on_s"] > 0
        ratio = np.abs(away) / scale
        bar = np.maximum(self.limit, self.record_share * memory["record"])
        high = judged & ~was & (ratio >= bar) & (memory["settling_s"] <= 0)
        gathered = np.where(high, memory["evidence_s"] + passed * ratio / self.limit, 0.0)
        np.copyto(memory["evidence_s"], gathered, where=judged)
        fires = high & (memory["evidence_s"] > self.hold_s)
        side = np.where(fires, np.sign(away), memory["side"])
        out = away * side
        memory["on_s"] += np.where(was & judged, passed, 0.0)
        memory["peak"][:] = np.where(fires, np.abs(away), np.where(was, np.maximum(memory["peak"], out), 0.0))  # fmt: skip
        memory["side"][:] = side
        near = np.maximum(self.off * self.limit * scale, self.recovered * memory["peak"])
        back = was & judged & (out < near)
        memory["back_s"][:] = np.where(
            back, memory["back_s"] + passed, np.where(judged, 0.0, memory["back_s"])
        )
        wait = np.maximum(self.clear_s, self.clear_share * memory["on_s"])
        ends = (
            was & judged & ((back & (memory["back_s"] > wait)) | (memory["on_s"] > self.accept_s))
        )
        on: Bits = (was | fires) & ~ends
        memory["on_s"][:] = np.where(on, np.maximum(memory["on_s"], 1e-9), 0.0)
        memory["settling_s"][:] = np.where(ends, self.settle_s, memory["settling_s"])
        memory["evidence_s"][on | ends] = 0.0
        return on

    def _learn(
        self, memory: Memory, passed: F64, values: F64, away: F64, moved: F64, scale: F64, on: Bits
    ) -> None:
        """Move baseline and unrest of the series that do not fire."""
        free, settling = ~on & np.isfinite(values), memory["settling_s"] > 0
        memory["settling_s"][:] = np.where(
            free & settling, memory["settling_s"] - passed, memory["settling_s"]
        )
        settled = free & settling & (memory["settling_s"] <= 0)
        calm, warm = free & ~settling, memory["age_s"] > self.warm_s
        age = memory["age_s"]
        weight = share(passed, self.spread_s, age)
        with np.errstate(invalid="ignore"):
            off = np.where(warm, np.minimum(np.abs(away), self.clip * scale), np.abs(away))
            steep = np.where(warm, np.minimum(np.abs(moved), self.clip * np.sqrt(memory["slope"])), np.abs(moved))  # fmt: skip
            for name, seen in (("spread", off * off), ("slope", steep * steep)):
                memory[name] += np.where(calm, weight * (seen - memory[name]), 0.0)
            slow = share(passed, self.slow_s, age) * (values - memory["slow"])
            # The first seconds after an episode are still part of its end.
            follow = np.minimum(2.0 * passed / self.settle_s, 1.0) * -(
                memory["slow"] - memory["fast"]
            )
            memory["slow"] += np.where(calm, slow, np.where(free & ~settled, follow, 0.0))
        np.copyto(memory["slow"], memory["fast"], where=settled)
        kept = memory["record"] * np.maximum(1.0 - passed / self.record_s, 0.0)
        np.copyto(memory["record"], np.maximum(np.abs(away) / scale, kept), where=calm & warm)
