"""What loads draw, the driver's power cap, and NVML's average: as recorded on an H200 (tests/recordings/h200).

A load is two ratios: power that it would draw at full clock, from idle (0) to full power (1), and the share of time
in which the memory moves data. Matrix products would draw 950 W; on zeros they draw 405 W, copies 472 W, and a process
that has nothing to do but holds the GPU awake 129 W. The cap works through the clock on two time scales:

    fast:  within 0.05 s no more than 1.05 of the limit (recorded: 950, then 735 W); free again in a pause
    slow:  P <= limit + g (limit - ahead),  g = 3,  ahead: where the mean of the last second will be in 0.1 s

so that a step after a pause overshoots the limit by 35 %, falls when its mean reaches the limit, and settles on it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

IDLE_W, FULL_W, LIMIT_W = 79.0, 700.0, 700.0
PEAK_RATIO, FAST_RATIO, FAST_S, MEAN_GAIN, AHEAD_S = 1.36, 1.05, 0.05, 3.0, 0.1
FLOOR_RATIO = 0.65
"""Of the limit, to which the slow cap goes down at most: recorded dips end at 490 of 700 W."""

MEAN_S = 1.0


@dataclass(frozen=True, slots=True)
class Work:
    """What runs on a GPU.

    Parameters
    ----------
    load_ratio
        Power at full clock between idle (0) and full (1); above 1 the cap holds it.
    mem_ratio
        Share of time in which the memory moves data.
    """

    load_ratio: float
    mem_ratio: float


ASLEEP, AWAKE = Work(0.0, 0.0), Work(0.08, 0.0)
MATMUL, ZEROS, COPY = Work(1.40, 0.25), Work(0.518, 0.29), Work(0.626, 1.0)


@dataclass(frozen=True, slots=True)
class Steps:
    """A training loop: compute, then a pause for the others.

    Parameters
    ----------
    period_s, compute_s
        From one start to the next, and how long each computes.
    compute, pause
        What runs in either.
    """

    period_s: float = 1.5
    compute_s: float = 1.0
    compute: Work = MATMUL
    pause: Work = AWAKE

    def at(self, t_s: F64) -> NDArray[np.bool_]:
        """Whether it computes at times since its start."""
        return np.asarray(t_s % self.period_s < self.compute_s)


class MovingMean:
    """NVML's `power_average`: the mean over the last second, of all GPUs.

    Parameters
    ----------
    power_w
        Of the second before the start.
    dt_s
        Step.

    Notes
    -----
    The sum is taken anew once a window, so that rounding does not grow. 4 * window / dt_s bytes a GPU.
    """

    def __init__(self, power_w: F32, dt_s: float) -> None:
        steps = round(MEAN_S / dt_s)
        self.recent_w = np.tile(power_w, (steps, 1))
        """Readings of the last second, shape (steps, GPUs), in no order of time."""
        self.mean_w = power_w.copy()
        self._share = 1.0 / steps
        self._next = 0

    def add(self, power_w: F32) -> None:
        """One reading more, the oldest out."""
        oldest = self.recent_w[self._next]
        if self._next == 0:
            oldest[:] = power_w
            np.sum(self.recent_w, axis=0, out=self.mean_w)
            self.mean_w *= self._share
        else:
            np.subtract(power_w, oldest, out=oldest)
            oldest *= self._share
            self.mean_w += oldest
            oldest[:] = power_w
        self._next = (self._next + 1) % len(self.recent_w)


class PowerCap:
    """How much the clock lets each GPU draw under its power limit.

    Parameters
    ----------
    mean_w
        1 s average at the start.
    """

    def __init__(self, mean_w: F32) -> None:
        count = len(mean_w)
        self.peak_ratio: F32 | float = PEAK_RATIO
        self.regulated_ratio: F32 | float = 1.0
        """What the mean settles on, a share of the limit (0.987 on the recorded device)."""
        self.ceiling_w: F32 = np.zeros(count, np.float32)
        self._fast_ratio: F32 = np.full(count, PEAK_RATIO, np.float32)
        self._last_mean_w: F32 = mean_w.copy()
        self._buffer: F32 = np.zeros(count, np.float32)

    def step(self, dt_s: float, wanted_w: F32, mean_w: F32, limit_w: F32) -> None:
        """Set `ceiling_w` for a step from the wish, the mean of the second before, and the limit."""
        fast, buffer, ceiling = self._fast_ratio, self._buffer, self.ceiling_w
        np.multiply(limit_w, self.regulated_ratio, out=ceiling)
        np.subtract(self._last_mean_w, mean_w, out=buffer)
        self._last_mean_w[:] = mean_w
        buffer *= AHEAD_S / dt_s
        buffer += ceiling
        buffer -= mean_w
        buffer *= MEAN_GAIN
        ceiling += buffer
        np.multiply(limit_w, FLOOR_RATIO, out=buffer)
        np.maximum(ceiling, buffer, out=ceiling)
        np.multiply(limit_w, fast, out=buffer)
        np.minimum(ceiling, buffer, out=ceiling)
        # What is asked now decides how far the clock is up in the next step.
        np.greater(wanted_w, limit_w, out=buffer)
        buffer *= FAST_RATIO - self.peak_ratio
        buffer += self.peak_ratio
        buffer -= fast
        buffer *= -np.expm1(-dt_s / FAST_S)
        fast += buffer
