"""Jobs: what they ask of their GPUs at an instant, the same on all of them, as synchronous training does.

A job is a wave in time, of the loads that were recorded (power.py): `steady` is matrix products without pause, `zeros`
the same on data that costs less (405 W), `memory` copies (472 W), `steps` a training loop of 1.0 s matrix products and
0.5 s pause (0.67 Hz): the power cap makes an overshoot of a third at the start of each. Checkpoints stop the computing
for a while; jobs ramp up and down. A step takes as long as on the slowest GPU, and a GPU that hangs holds its job up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from coldplate.twin import power
from coldplate.twin.effects import Effects
from coldplate.twin.power import AWAKE, COPY, MATMUL, ZEROS
from coldplate.wire.metric import Kind

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Rows = Callable[[Kind, str], NDArray[np.intp]]

WAITING = AWAKE
CHECKPOINT = power.Work(0.12, 0.3)
NONE = -1

LOADS = {"steady": MATMUL, "zeros": ZEROS, "memory": COPY, "steps": MATMUL}


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

    def load(self, t_s: float, phase_s: float, ramp_scale: float = 1.0) -> tuple[float, float]:
        """Load and memory load at a time at which it runs.

        Parameters
        ----------
        phase_s
            Seconds since its step began.
        ramp_scale
            How much steeper than told it ramps.
        """
        since_s = t_s - self.start_s
        what = LOADS[self.pattern]
        if self.checkpoint_every_s and since_s % self.checkpoint_every_s > (
            self.checkpoint_every_s - self.checkpoint_s
        ):
            what = CHECKPOINT
        elif self.pattern == "steps" and phase_s >= self.compute_s:
            what = WAITING
        up = min(1.0, since_s * ramp_scale / self.ramp_s) if self.ramp_s > 0 else 1.0
        if self.end_s is not None and t_s > self.end_s:
            up = max(0.0, 1.0 - (t_s - self.end_s) * ramp_scale / self.ramp_s)
        return up * what.load_ratio, up * what.mem_ratio


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
        self._numbers = np.array([j.number for j in self.jobs] + [np.nan])
        self._phase_s = np.zeros(len(self.jobs))
        self._period_s = np.array([j.period_s for j in self.jobs])
        self._waits = np.zeros(len(self.jobs), np.bool_)
        self._heard: Effects | None = None
        self._running: tuple[bool, ...] = ()
        self.job_of_gpu = np.full(gpus, NONE, np.intp)
        """Position of each GPU's job; NONE without one."""
        self.asked = Asked(np.zeros(gpus, np.float32), np.zeros(gpus, np.float32))
        self.step(0.0, 0.0, None)

    def step(self, t_s: float, dt_s: float, effects: Effects | None) -> Asked:
        """What is asked at a time, `dt_s` after the last; the arrays are used again by the next call."""
        if effects is not self._heard and effects is not None:
            self._heard = effects
            self._look_who_is_slow(effects)
        self._assign(t_s)
        ramp_scale = 1.0 if effects is None else effects.ramp_scale
        self._phase_s = (self._phase_s + dt_s) % self._period_s if self.jobs else self._phase_s
        waiting = (WAITING.load_ratio, WAITING.mem_ratio)
        table = np.zeros((len(self.jobs) + 1, 2), np.float32)
        for i in np.flatnonzero(self._running):
            load = self.jobs[i].load(t_s, self._phase_s[i], ramp_scale)
            table[i] = waiting if self._waits[i] else load
        # NONE is the last line.
        np.take(table[:, 0], self.job_of_gpu, out=self.asked.load, mode="wrap")
        np.take(table[:, 1], self.job_of_gpu, out=self.asked.memory, mode="wrap")
        return self.asked

    @property
    def numbers(self) -> F64:
        """Each GPU's job, NaN without one."""
        return self._numbers[self.job_of_gpu]

    @property
    def swing_hz(self) -> F64:
        """Of each job's steps, NaN where it has none or does not run; a last line for GPUs without."""
        stepping = [
            j.pattern == "steps" and on for j, on in zip(self.jobs, self._running, strict=True)
        ]
        hz = np.where(stepping, 1.0 / self._period_s, np.nan) if self.jobs else np.zeros(0)
        return np.append(hz, np.nan)

    def _assign(self, t_s: float) -> None:
        running = tuple(j.runs(t_s) for j in self.jobs)
        if running == self._running:
            return
        for i, (was, now) in enumerate(
            zip(self._running or (False,) * len(running), running, strict=True)
        ):
            if now and not was:
                self._phase_s[i] = 0.0
        self._running = running
        self.job_of_gpu[:] = NONE
        for i in np.flatnonzero(running).tolist():
            self.job_of_gpu[self._rows[i]] = i

    def _look_who_is_slow(self, effects: Effects) -> None:
        if not (effects.slow_ratio.any() or effects.hung.any() or self._waits.any()):
            self._period_s = np.array([j.period_s for j in self.jobs])
            return
        for i, (job, rows) in enumerate(zip(self.jobs, self._rows, strict=True)):
            slowest = float(effects.slow_ratio[rows].max(initial=0.0))
            self._period_s[i] = job.period_s + slowest * job.compute_s
            self._waits[i] = bool(effects.hung[rows].any())


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
