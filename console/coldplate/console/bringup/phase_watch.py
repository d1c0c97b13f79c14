"""Judges the first minutes of a training phase: power ramp, oscillation, heat, failures against the rate to expect.

Failures: 47 a day at 100,000 GPUs (Llama 3, 419 in 54 days of 16,384 GPUs) to 107 (Crusoe, GTC25), scaled by GPUs and
time. They come one by one, so their number in a time is Poisson's: more than the higher rate gives in 39 of 40 such
times is told as too many, however early that is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from coldplate.console.bringup.phase_asked import NAMED_MAX, Broken, Seen, Warm
from coldplate.console.output import rfc3339

FAILURES_A_DAY = (47.0, 107.0)
"""Of 100,000 GPUs."""

SURE = 0.975
NEAR_RATIO = 0.7
"""From this share of a limit on it is said that it is near."""

STEP_S_MAX = 5.0
"""A gap that is longer says nothing of a ramp."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a phase must keep to.

    Parameters
    ----------
    ramp_mw_s
        The utility's.
    swing_mw
        From peak to peak.
    margin_k
        Of the hottest GPU to its limit.
    """

    ramp_mw_s: float
    swing_mw: float
    margin_k: float


@dataclass(frozen=True, slots=True)
class Ramp:
    """The steepest change of power: MW/s with its sign, and when; None where nothing tells."""

    mw_s: float | None = None
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Failures:
    """How many there were, and how many to expect.

    Parameters
    ----------
    found
        Devices.
    low, high
        That the two rates expect in this time.
    most
        More than this in so short a time is too many.
    """

    found: int
    low: float
    high: float
    most: int


@dataclass(frozen=True)
class Watched:
    """A phase at a moment.

    Parameters
    ----------
    seen
        As the history tells it.
    limits
        It is held to.
    ramp
        The steepest since it began (of the last hour).
    failures
        So far.
    wrongs, nears
        What goes wrong, and what may soon, in words; the gravest first.
    """

    seen: Seen
    limits: Limits
    ramp: Ramp
    failures: Failures
    wrongs: Sequence[str]
    nears: Sequence[str]

    @property
    def swing_mw(self) -> float | None:
        """From peak to peak."""
        return None if self.seen.swing_w is None else 2 * self.seen.swing_w / 1e6

    def told(self) -> dict[str, Any]:
        """For a program."""
        s, job = self.seen, self.seen.job
        return {
            "job": job.name, "at": rfc3339(s.now_ms), "since": rfc3339(job.begin_ms), "running": job.running,
            "gpus": len(job.gpus), "racks": len(job.racks), "well": not self.wrongs, "wrong": list(self.wrongs), "near": list(self.nears),
            "power_mw": round(s.power_w[-1][1] / 1e6, 4) if s.power_w else None, "power_from": s.source or None,
            "ramp_mw_per_s": self.ramp.mw_s, "ramp_at": rfc3339(self.ramp.at_ms), "ramp_limit_mw_per_s": self.limits.ramp_mw_s,
            "swing_mw": self.swing_mw, "swing_hz": s.swing_hz, "swing_limit_mw": self.limits.swing_mw,
            "warmest": [_warm(r) for r in s.racks[:5]], "throttled": sum(r.throttled for r in s.racks),
            "failures": self.failures.found, "failures_expected": [round(self.failures.low, 2), round(self.failures.high, 2)],
            "failures_most": self.failures.most, "broken": [_broken(b) for b in s.broken[:NAMED_MAX]],
        }  # fmt: skip


def watched(seen: Seen, limits: Limits) -> Watched:
    """Judged."""
    ramp = steepest(seen.power_w)
    hours = max(0.0, seen.now_ms - seen.job.begin_ms) / 3_600_000
    low, high = (r * len(seen.job.gpus) / 100_000 * hours / 24 for r in FAILURES_A_DAY)
    failures = Failures(len(seen.broken), low, high, poisson_most(high, SURE))
    swing_mw = None if seen.swing_w is None else 2 * seen.swing_w / 1e6
    wrongs: list[str] = []
    nears: list[str] = []
    for name, value, most, unit in (
        ("the ramp is", None if ramp.mw_s is None else abs(ramp.mw_s), limits.ramp_mw_s, "MW/s"),
        ("the load swings by", swing_mw, limits.swing_mw, "MW"),
    ):
        if value is not None and value > NEAR_RATIO * most:
            words = f"{name} {value:.2f} {unit} of {most:.2f} allowed"
            (wrongs if value > most else nears).append(words)
    if failures.found > failures.most:
        wrongs.append(f"{failures.found} devices failed in {hours:.1f} h; {low:.1f} to {high:.1f} are usual, and more than {failures.most} are too many")  # fmt: skip
    elif failures.found > max(1.0, high):
        nears.append(f"{failures.found} devices failed; {low:.1f} to {high:.1f} are usual")
    hot = [r for r in seen.racks if r.margin_c is not None and r.margin_c < limits.margin_k]
    if hot:
        worst = hot[0]
        wrongs.append(f"{len(hot)} racks are within {limits.margin_k:g} K of a GPU's limit, {worst.rack} the nearest ({worst.margin_c:.0f} K)")  # fmt: skip
    if throttled := sum(r.throttled for r in seen.racks):
        wrongs.append(f"{throttled} GPUs are held down by heat or power brake")
    return Watched(seen, limits, ramp, failures, wrongs, nears)


def steepest(power_w: Sequence[tuple[int, float]]) -> Ramp:
    """The greatest change from second to second.

    Examples
    --------
    >>> steepest([(0, 1e6), (1000, 3e6), (2000, 2.5e6)])
    Ramp(mw_s=2.0, at_ms=1000)
    """
    best = Ramp()
    for (a_ms, a_w), (b_ms, b_w) in pairwise(power_w):
        over_s = (b_ms - a_ms) / 1000
        if 0 < over_s <= STEP_S_MAX:
            mw_s = round((b_w - a_w) / 1e6 / over_s, 4)
            if best.mw_s is None or abs(mw_s) > abs(best.mw_s):
                best = Ramp(mw_s, b_ms)
    return best


def poisson_most(mean: float, sure: float) -> int:
    """The least number that a Poisson count of this mean exceeds with a probability below 1 - `sure`.

    Examples
    --------
    >>> poisson_most(0.0, 0.975), poisson_most(1.0, 0.975), poisson_most(107.0, 0.975)
    (0, 3, 128)
    """
    if mean > 500:
        return math.ceil(mean + 1.96 * math.sqrt(mean))
    count, term = 0, math.exp(-mean)
    total = term
    while total < sure:
        count += 1
        term *= mean / count
        total += term
    return count


def _warm(rack: Warm) -> dict[str, Any]:
    return {
        "rack": rack.rack, "gpus": rack.gpus, "gpu_c": rack.gpu_c, "margin_c": rack.margin_c, "throttled": rack.throttled,
    }  # fmt: skip


def _broken(b: Broken) -> dict[str, Any]:
    return {
        "kind": b.kind, "subject": b.subject, "severity": b.severity, "opened": rfc3339(b.opened_ms), "cause": b.cause,
    }  # fmt: skip
