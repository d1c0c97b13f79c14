"""The load of a whole hall that swings, in step, at a frequency that is not its jobs' own.

Utilities and generators care about 0.1 to 20 Hz (arXiv 2508.14318): a swing of all GPUs at once is megawatts. Training
steps swing as well, and are no fault: known by their job, whose frequency is learnt. What is told here is that most racks
swing at one other frequency at the same time, or begin to without a new job. The driver's 20 ms buffer makes frequencies
above a tick's visible; a meter of the hall, behind its batteries, does not show them.

A swing of the whole load is on every GPU: one of each rack is looked at. A job that a straggler slows down swings at a
lower frequency too, and at a higher one when it is rid of it; its mean power goes with the pace, which that of a forced
swing does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import F64, Memory, Scores, Tick
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

NONE = float("nan")
SETTLE_S = 60.0
"""A job swings for so long before its frequency counts as known."""

SAME_RATIO, OTHER_RATIO = 0.03, 0.05
PACE_RATIO = 0.4
"""A job at a share of its pace draws less by at least this share of the loss (0.75 of the recorded steps)."""

PACE_UNSURE = 0.12
"""A lower frequency by less is not told from a slower pace."""


@dataclass(frozen=True)
class PowerOscillation:
    """Amplitude of a swing that most racks have in common and that is not their jobs', W a GPU.

    Parameters
    ----------
    on
        1.5 MW of 100,000 GPUs; seven sigma of a swing that is not there.
    racks_ratio
        Share of the racks judged together that must swing so.
    racks_min
        Fewer racks say nothing of a hall.
    power_s, hold_s
        Over how long mean power is smoothed, and until it tells a slower pace.

    Notes
    -----
    48 bytes a rack. Racks whose frames come at other moments are judged apart, by the same rule.
    """

    name: str = "power-oscillation"
    kind: Kind = Kind.RACK
    fault: str = "power-oscillation"
    metric: str = "rack_power_w"
    severity: Severity = Severity.WARNING
    on: float = 15.0
    off: float = 8.0
    at_once: float = 1e6
    hold_s: float = 20.0
    clear_s: float = 5.0
    joined: bool = True
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    racks_ratio: float = 0.8
    racks_min: int = 2
    power_s: float = 12.0
    remembers: Mapping[str, float] = field(
        default_factory=lambda: {
            "job": NONE, "since_ms": 0.0, "hz_usual": NONE, "w_usual": NONE, "w_now": NONE, "w_last_ms": 0.0,
        }
    )  # fmt: skip

    def threshold(self, baseline: float) -> float:  # noqa: ARG002  the amplitude is absolute
        """Amplitude a GPU above which it fires, W."""
        return self.on

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """The amplitude where the swing is common and new, else 0."""
        hz, swing_w, job, now = (
            tick.near(Kind.GPU, name) for name in ("swing_hz", "swing_w", "job", "power_w")
        )
        tells = np.isfinite(now)
        # One tick of a load in steps may be any of them.
        power = np.where(tells, tick.near_mean(Kind.GPU, "power_w"), np.nan)
        # Who tells nothing has not changed its job, and is not asked.
        job = np.where(tells, job, memory["job"][tick.rows])
        swings = np.isfinite(hz) & (swing_w >= self.off)
        usual, known = self._usual(memory, tick, job)
        now_w = self._smooth(memory, tick, power)
        with np.errstate(invalid="ignore"):
            other = np.abs(hz / usual - 1.0) > OTHER_RATIO
        new = known & swings & (other | np.isnan(usual))
        new &= ~self._paced(hz / usual - 1.0, now_w / memory["w_usual"][tick.rows] - 1.0)
        common = self._common(new, hz, tells & (swings | known))
        self._learn(memory, tick, hz, swings, new, now_w)
        score = np.where(tells & known, np.where(common, swing_w, 0.0), np.nan)
        return Scores(score, tick.value("rack_power_w"), np.full(len(hz), np.nan))

    def _usual(self, memory: Memory, tick: Tick, job: F64) -> tuple[F64, NDArray[np.bool_]]:
        """Each rack's own frequency, NaN for none, and whether its job is known for long enough."""
        rows, now_ms = tick.rows, tick.t_ms.astype(np.float64)
        before = memory["job"][rows]
        same = (before == job) | (np.isnan(before) & np.isnan(job))
        since = np.where(same & (memory["since_ms"][rows] > 0), memory["since_ms"][rows], now_ms)
        memory["job"][rows], memory["since_ms"][rows] = job, since
        for name in ("hz_usual", "w_usual"):
            memory[name][rows] = np.where(same, memory[name][rows], np.nan)
        return memory["hz_usual"][rows], now_ms - since >= 1000.0 * SETTLE_S

    def _smooth(self, memory: Memory, tick: Tick, power: F64) -> F64:
        rows, now_ms = tick.rows, tick.t_ms.astype(np.float64)
        before = memory["w_now"][rows]
        passed_s = np.clip((now_ms - memory["w_last_ms"][rows]) / 1000.0, 0.0, 60.0)
        moved = before + (power - before) * -np.expm1(-passed_s / self.power_s)
        out = np.where(np.isfinite(power), np.where(np.isnan(before), power, moved), before)
        memory["w_now"][rows], memory["w_last_ms"][rows] = out, now_ms
        return out

    @staticmethod
    def _paced(pace: F64, power: F64) -> NDArray[np.bool_]:
        """Whether another frequency may be that of the job at another pace."""
        with np.errstate(invalid="ignore"):
            unsure = (pace < 0.0) & (pace > -PACE_UNSURE)
            out: NDArray[np.bool_] = unsure | (power * np.sign(pace) > PACE_RATIO * np.abs(pace))
            return out

    def _common(
        self, new: NDArray[np.bool_], hz: F64, could: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Where the frequency is that of most racks."""
        if new.sum() < max(self.racks_min, self.racks_ratio * could.sum()):
            return np.zeros(len(new), np.bool_)
        middle = float(np.median(hz[new]))
        alike = new & (np.abs(hz / middle - 1.0) <= SAME_RATIO)
        enough = alike.sum() >= max(self.racks_min, self.racks_ratio * could.sum())
        return alike if enough else np.zeros(len(new), np.bool_)

    def _learn(
        self, memory: Memory, tick: Tick, hz: F64, swings: NDArray[np.bool_], new: NDArray[np.bool_], now_w: F64
    ) -> None:  # fmt: skip
        """The job's frequency and power, while nothing is new; what it does at another pace is not its usual."""
        rows = tick.rows
        hz_usual, w_usual = memory["hz_usual"][rows], memory["w_usual"][rows]
        fresh = tick.t_ms - memory["since_ms"][rows] < 1000.0 * SETTLE_S
        quick, slow = 0.2, 1.0 / 120.0
        share = np.where(fresh, quick, slow)
        with np.errstate(invalid="ignore"):
            other = swings & (np.abs(hz / hz_usual - 1.0) > OTHER_RATIO)
        for name, old, value, there in (
            ("hz_usual", hz_usual, hz, swings),
            ("w_usual", w_usual, now_w, np.isfinite(now_w)),
        ):
            moved = np.where(np.isnan(old), value, old + (value - old) * share)
            allowed = there & ~new & (fresh | ~other)
            if name == "hz_usual":
                # A frequency that turns up when the job is known is not its own.
                allowed &= fresh | np.isfinite(old)
            memory[name][rows] = np.where(allowed, moved, old)
