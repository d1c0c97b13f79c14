"""Jobs: what they ask of their GPUs at an instant, the same on all of them, as synchronous training does.

A job is a wave in time. `steps` is the recorded pattern of a training loop: 1.0 s compute and 0.5 s pause (0.67 Hz)
which draws a third more than the limit in its first 0.2 s (recorded: 948 W of 700) and swings with 304 W in its
fundamental. `steady` is matrix products without pause, `zeros` the same on data that costs less (405 W recorded),
`memory` copies (472 W). Checkpoints stop the computing for a while; jobs ramp up and down.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from coldplate.wire.metric import Kind

F32 = NDArray[np.float32]
Rows = Callable[[Kind, str], NDArray[np.intp]]

OVERSHOOT_S, OVERSHOOT_RATIO, PAUSE_RATIO = 0.2, 1.33, 0.07
CHECKPOINT_RATIO, CHECKPOINT_MEMORY = 0.12, 0.3
NONE = -1

LOADS = {"steady": (1.0, 0.42), "zeros": (0.52, 0.40), "memory": (0.63, 0.95), "steps": (1.0, 0.42)}
"""By pattern: share of the power between idle and full, and share of the memory's bandwidth (recorded)."""


class Job(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One job.

    Parameters
    ----------
    number
        Its id, as GPUs report it.
    on
        Ids of what it runs on: hall, rows, racks, nodes or GPUs.
    start_s, end_s
        Seconds from the start of the run; without an end it stays.
    pattern
        What it does, see `LOADS`.
    period_s, compute_s
        Of a training step, and of the computing in it.
    ramp_s
        From nothing to full load, and back at its end.
    checkpoint_every_s, checkpoint_s
        How often it writes a checkpoint (0: never), and for how long.
    """

    number: int
    on: tuple[str, ...] = ("hall",)
    start_s: float = 0.0
    end_s: float | None = None
    pattern: Literal["steady", "steps", "zeros", "memory"] = "steps"
    period_s: float = 1.5
    compute_s: float = 1.0
    ramp_s: float = 1.0
    checkpoint_every_s: float = 0.0
    checkpoint_s: float = 30.0

    def runs(self, t_s: float) -> bool:
        """Whether it has its GPUs, ramps included."""
        return self.start_s <= t_s and (self.end_s is None or t_s < self.end_s + self.ramp_s)

    def load(self, t_s: float, ramp_scale: float = 1.0) -> tuple[float, float]:
        """Load and memory load at a time at which it runs; load is above 1 in an overshoot."""
        full, memory = LOADS[self.pattern]
        since_s = t_s - self.start_s
        if self.checkpoint_every_s and since_s % self.checkpoint_every_s > (
            self.checkpoint_every_s - self.checkpoint_s
        ):
            return CHECKPOINT_RATIO, CHECKPOINT_MEMORY
        up = min(1.0, since_s * ramp_scale / self.ramp_s) if self.ramp_s > 0 else 1.0
        if self.end_s is not None and t_s > self.end_s:
            up = max(0.0, 1.0 - (t_s - self.end_s) * ramp_scale / self.ramp_s)
        return up * full * self._wave(since_s), up * memory

    def _wave(self, since_s: float) -> float:
        if self.pattern != "steps":
            return 1.0
        phase_s = since_s % self.period_s
        if phase_s >= self.compute_s:
            return PAUSE_RATIO
        return OVERSHOOT_RATIO if phase_s < OVERSHOOT_S else 1.0

    def swing(self) -> tuple[float, float]:
        """Frequency in Hz and amplitude of the fundamental as a share of full load; (NaN, 0) without steps."""
        if self.pattern != "steps":
            return float("nan"), 0.0
        at = (np.arange(1500) + 0.5) / 1500
        wave = np.array([self._wave(float(x) * self.period_s) for x in at])
        return 1.0 / self.period_s, float(2.0 * np.abs((wave * np.exp(-2j * np.pi * at)).mean()))


@dataclass(slots=True)
class Asked:
    """What is asked of each GPU at an instant: load (above 1 in an overshoot) and memory load, 0 to 1."""

    load: F32
    memory: F32


class Work:
    """All jobs of a hall.

    Parameters
    ----------
    jobs
        In any order; no GPU has two at a time (`clash`).
    rows
        Positions of the GPUs under a subject.
    gpus
        How many there are.
    """

    def __init__(self, jobs: Sequence[Job], rows: Rows, gpus: int) -> None:
        self.jobs = tuple(jobs)
        self._rows = [np.concatenate([rows(Kind.GPU, s) for s in j.on]) for j in self.jobs]
        swings = [j.swing() for j in self.jobs]
        self._swing_hz = np.array([hz for hz, _ in swings] + [np.nan])
        self._swing = np.array([a for _, a in swings] + [0.0])
        self._numbers = np.array([j.number for j in self.jobs] + [np.nan])
        self.job_of_gpu = np.full(gpus, NONE, np.intp)
        self._running: tuple[bool, ...] = ()
        self.asked = Asked(np.zeros(gpus, np.float32), np.zeros(gpus, np.float32))

    def step(self, t_s: float, ramp_scale: float = 1.0) -> Asked:
        """What is asked at a time; the arrays are used again by the next call."""
        running = tuple(j.runs(t_s) for j in self.jobs)
        if running != self._running:
            self._running = running
            self.job_of_gpu[:] = NONE
            for i in np.flatnonzero(running):
                self.job_of_gpu[self._rows[i]] = i
        loads = [
            j.load(t_s, ramp_scale) if on else (0.0, 0.0)
            for j, on in zip(self.jobs, running, strict=True)
        ]
        table = np.array([*loads, (0.0, 0.0)], np.float32)
        # NONE is the last line.
        np.take(table[:, 0], self.job_of_gpu, out=self.asked.load, mode="wrap")
        np.take(table[:, 1], self.job_of_gpu, out=self.asked.memory, mode="wrap")
        return self.asked

    @property
    def numbers(self) -> NDArray[np.float64]:
        """Each GPU's job, NaN without one."""
        return self._numbers[self.job_of_gpu]

    @property
    def swing_hz(self) -> NDArray[np.float64]:
        """Frequency of each GPU's steps, NaN without."""
        return self._swing_hz[self.job_of_gpu]

    @property
    def swing_ratio(self) -> NDArray[np.float64]:
        """Amplitude of each GPU's steps as a share of full load."""
        return self._swing[self.job_of_gpu]


def clash(jobs: Sequence[Job], rows: Rows) -> tuple[Job, Job] | None:
    """Two jobs that have a GPU at the same time; None when there are none."""
    spans = [
        (j, j.start_s, np.inf if j.end_s is None else j.end_s + j.ramp_s,
         frozenset(int(r) for s in j.on for r in rows(Kind.GPU, s)))
        for j in jobs
    ]  # fmt: skip
    for i, (a, a_from, a_to, a_rows) in enumerate(spans):
        for b, b_from, b_to, b_rows in spans[i + 1 :]:
            if a_from < b_to and b_from < a_to and a_rows & b_rows:
                return a, b
    return None
