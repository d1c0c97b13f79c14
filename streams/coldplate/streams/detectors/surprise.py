"""A fault of a GPU that nobody listed: several readings at once, against its peers and against how it used to differ from them.

What moves all GPUs of a job moves the median of its rack's, and is taken off: load, coolant, weather. What is left is a
GPU's own way of differing, which stands still while the GPU, its place in the job and its cooling are what they were. Its
departure, over what readings differ by anyway and over its own unrest, is summed in squares over the readings (Hotelling,
1931, with the covariance of health taken as diagonal). It names no cause and calls nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import F64, Memory, Scores, Tick, coarsely
from coldplate.streams.detectors.blocks import BLOCK_S, or_zero
from coldplate.streams.fleet import Rows
from coldplate.streams.regression import medians
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

READINGS = {"power_w": 20.0, "gpu_c": 1.0, "hbm_c": 1.0, "sm_clock_mhz": 30.0}
"""Unit of each: what healthy peers differ by from one minute to the next (3 % of 700 W; whole degrees; two clock steps)."""

NONE = float("nan")
OWN = {"age_s": 0.0, "unrest": 0.0, "score": NONE}


@dataclass(frozen=True)
class UnlikePeers:
    """Size of a GPU's departure from its usual place among its peers, in multiples of what counts.

    Parameters
    ----------
    limit
        Units of unrest: what is meant is what stands out to a person who looks at the rack, 5 K or 100 W, for a
        minute. Healthy GPUs of the twin come to 0.7, whatever jobs do (tests/streams/detectors/test_unknown.py).
    short_s, slow_s
        Memory of the departure that is judged, and of what is usual.
    settle_s
        After a job began its GPUs' places are learnt for so long, and nothing is said.
    accept_s
        What has lasted so long is usual.
    peers_min
        So many others of its job must be in the rack.

    Notes
    -----
    52 bytes a GPU. A look every 6 s.
    """

    name: str = "unlike-peers"
    kind: Kind = Kind.GPU
    fault: str = "unknown"
    metric: str = "power_w"
    severity: Severity = Severity.TICKET
    on: float = 1.0
    off: float = 0.6
    at_once: float = 1e6
    hold_s: float = 60.0
    clear_s: float = 30.0
    joined: bool = True
    every_s: ClassVar[int] = 6
    needs: tuple[str, ...] = ()
    limit: float = 5.0
    short_s: float = 60.0
    slow_s: float = 7200.0
    settle_s: float = 300.0
    accept_s: float = 3600.0
    peers_min: int = 8
    remembers: Mapping[str, float] = field(
        default_factory=lambda: {
            "job": NONE,
            **coarsely(OWN | {f"{n}_{m}": NONE for m in READINGS for n in ("short", "usual")}),
        }
    )  # fmt: skip

    def threshold(self, baseline: float) -> float:
        """Power at which it fires by its power alone, W, a restful GPU."""
        return baseline + self.limit * READINGS[self.metric]

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Departure over limit; evidence is the GPU's power, and what it would be if it differed as it used to."""
        self._look(memory, tick)
        power, rows = tick.mean(self.metric), tick.at
        away = memory[f"short_{self.metric}"][rows] - memory[f"usual_{self.metric}"][rows]
        score = np.where(np.isfinite(power), memory["score"][rows], np.nan)
        return Scores(score, power, power - away)

    def _look(self, memory: Memory, tick: Tick) -> None:
        rows, job = tick.at, tick.value("job")
        key = (tick.rack.astype(np.int64) << 33) + or_zero(job + 1.0).astype(np.int64)
        # Who says nothing at all has not changed its job.
        before, heard = memory["job"][rows].copy(), np.isfinite(tick.value(self.metric))
        same = (before == job) | (np.isnan(before) & np.isnan(job)) | ~heard
        memory["job"][rows] = np.where(heard, job, before)
        age = np.where(same, memory["age_s"][rows] + BLOCK_S * heard, 0.0)
        memory["age_s"][rows] = age
        # While it is away its place is not learnt; after `accept_s` it is.
        free = ~(memory["score"][rows] >= self.off) | (age < self.settle_s)
        pace = np.where(free, self._share(age), -np.expm1(-BLOCK_S / self.accept_s))
        squares, told = np.zeros(len(job)), np.ones(len(job), np.bool_)
        for name, unit in READINGS.items():
            value = tick.mean(name)
            common, count = medians(value, key)
            apart = np.where(count > self.peers_min, value - common, np.nan)
            squares += self._away(memory, rows, name, apart, pace, same) / unit**2
            told &= np.isfinite(apart)
        unrest = memory["unrest"][rows].copy()
        calm = told & free & (age >= self.short_s)
        memory["unrest"][rows] = np.where(
            calm, unrest + self._share(age) * (np.minimum(squares, 4.0 * (unrest + 1.0)) - unrest), unrest
        )  # fmt: skip
        away = np.sqrt(squares / (1.0 + unrest)) / self.limit
        memory["score"][rows] = np.where(told & (age >= self.settle_s), away, np.nan)

    def _share(self, age: F64) -> F64:
        """Weight of a new value: the plain mean's until the memory is full."""
        out: F64 = np.maximum(-np.expm1(-BLOCK_S / self.slow_s), BLOCK_S / np.maximum(age, BLOCK_S))
        return out

    def _away(
        self, memory: Memory, rows: Rows, name: str, now: F64, pace: F64,
        same: NDArray[np.bool_],
    ) -> F64:  # fmt: skip
        """Square of one reading's departure; 0 where it is absent."""
        short, usual = memory[f"short_{name}"], memory[f"usual_{name}"]
        told = np.isfinite(now)
        begins = told & (~same | np.isnan(short[rows]))
        new = np.where(
            begins, now, short[rows] + (now - short[rows]) * -np.expm1(-BLOCK_S / self.short_s)
        )
        short[rows] = np.where(told, new, short[rows])
        learnt = np.where(
            begins | np.isnan(usual[rows]), now, usual[rows] + pace * (short[rows] - usual[rows])
        )
        usual[rows] = np.where(told, learnt, usual[rows])
        return or_zero(short[rows] - usual[rows]) ** 2
