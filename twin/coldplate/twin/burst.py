"""What an agent makes of the power between two ticks: least, greatest, standard deviation, and the strongest swing.

A real agent reads the driver's 20 ms buffer; here every 50 ms of the physics counts. The swing is the fundamental of
the job's steps, found by correlation over the last three seconds (two periods of 1.5 s):

    A = 2/N |sum (P - mean P) e^(-i w t)|
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
C64 = NDArray[np.complex64]

SECONDS = 3


class Burst:
    """Running sums of all GPUs' power, a second at a time.

    Parameters
    ----------
    gpus
        How many.
    power_w
        Before the start.
    """

    def __init__(self, gpus: int, power_w: F32) -> None:
        self.min_w, self.max_w, self.std_w = (
            power_w.copy(),
            power_w.copy(),
            np.zeros(gpus, np.float32),
        )
        self.swing_w = np.zeros(gpus, np.float32)
        self._low, self._high = power_w.copy(), power_w.copy()
        self._sums = np.zeros((4, gpus), np.float32)
        """Of P - first P, its square, and both parts of its correlation."""
        self._first = power_w.copy()
        self._waves = np.zeros((2, 1), np.complex64)
        self._count = 0
        self._kept: deque[tuple[F32, C64, C64, int]] = deque(maxlen=SECONDS)
        self._buffer = np.empty(gpus, np.float32)

    def add(self, power_w: F32, wave: C64, of_gpu: NDArray[np.intp]) -> None:
        """One step.

        Parameters
        ----------
        power_w
            Of each GPU.
        wave
            e^(-i w t) of each job's steps, the last line for GPUs without.
        of_gpu
            Each GPU's line.
        """
        if self._count == 0:
            self._low[:] = self._high[:] = power_w
            self._first[:] = power_w
            self._sums[:] = 0.0
            self._waves = np.zeros((1, len(wave)), np.complex64)
        self._count += 1
        np.minimum(self._low, power_w, out=self._low)
        np.maximum(self._high, power_w, out=self._high)
        rise = np.subtract(power_w, self._first, out=self._buffer)
        self._sums[0] += rise
        if not wave.any():
            self._sums[1] += rise * rise
            return
        self._waves[0] += wave
        self._sums[2] += rise * wave.real[of_gpu]
        self._sums[3] += rise * wave.imag[of_gpu]
        rise *= rise
        self._sums[1] += rise

    def close_second(self, of_gpu: NDArray[np.intp]) -> None:
        """End a second: its figures are told until the next is over."""
        if not self._count:
            return
        total, squares, real, imaginary = self._sums
        mean = total / self._count
        self.min_w[:], self.max_w[:] = self._low, self._high
        self.std_w = np.sqrt(np.maximum(squares / self._count - mean * mean, 0.0))
        wave = self._waves[0]
        if wave.any():
            part = (real + 1j * imaginary) + self._first * wave[of_gpu]
            mean_w = np.asarray(mean + self._first, np.float32)
            self._kept.append((mean_w, part.astype(np.complex64), wave.copy(), self._count))
            self.swing_w = self._swing(of_gpu)
        elif self._kept:
            self._kept.clear()
            self.swing_w = np.zeros_like(self.std_w)
        self._count = 0

    def _swing(self, of_gpu: NDArray[np.intp]) -> F32:
        count = sum(n for *_, n in self._kept)
        mean = np.sum([m * n for m, _, _, n in self._kept], axis=0) / count
        whole = np.sum([p for _, p, _, _ in self._kept], axis=0)
        wave = np.sum([w for _, _, w, _ in self._kept], axis=0)
        out: F32 = np.abs(whole - mean * wave[of_gpu]) * np.float32(2.0 / count)
        return out
