"""What power does between two ticks: least, greatest, spread, and the swing that goes through the last ten seconds.

A training step swings a GPU between 118 W and 948 W within its 1.5 s; read once a second that is a false 0.34 Hz. The
readings come from the driver's buffer (20 ms apart, 2.4 s of history in one call), or from a recording ten times a
second. All GPUs are worked on at once: a spectrum costs about as much for eight as for one.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

GRID_US = 20_000
"""The driver's own pace; a reading stands at most 10 ms away from its time, which costs 2 % of amplitude at 5 Hz."""

BINS = 500
WINDOW_S = BINS * GRID_US / 1e6
"""10 s are two periods of the slowest swing told, as few as a Hann window needs to keep it apart from the mean.

In 4 s, 0.66 Hz lies between 0.5 and 0.75 Hz; in 10 s a parabola through the three highest lines of a spectrum of twice
the density finds a frequency to a hundredth of its distance to the next. A longer window would tell a swing later.
"""

HZ_MIN, HZ_MAX = 0.2, 5.0

SWING_MIN_W = 20.0
"""Below this an amplitude is the noise of an idle GPU, and no frequency is told."""

PROMINENCE_MIN = 20.0
"""Of the strongest line's power over the median of all: white noise comes there once in 20,000 windows."""

STEADY_MIN, IN_STEP_MIN = 0.4, 0.6
"""Share of the swing's amplitude that parts of the window must have, and cosine between the phases of its halves.

A load that begins, or a single pulse, is no swing.
"""

QUARTERS_FROM_HZ = 0.4
"""A quarter of the window is a period from here on; below, the halves are."""

CELLS, CELLS_MIN = 100, 80
"""The window in tenths of a second, and how many must have a reading: with fewer, frequencies fold."""

_LINES = 2 * BINS
_LINE_HZ = 1e6 / GRID_US / _LINES
_FIRST, _LAST = round(HZ_MIN / _LINE_HZ), round(HZ_MAX / _LINE_HZ)
_IN_ORDER = np.arange(1 - BINS, 1)
_NEVER = -(1 << 40)


class BurstWindow:
    """The last ten seconds of some GPUs' power.

    Parameters
    ----------
    gpus
        How many.
    tick_ms
        Length of a tick: what least, greatest and standard deviation are taken of.

    Notes
    -----
    0.2 ms a tick for 8 idle GPUs and 0.35 ms for 8 in training steps, their buffers taken in included; 8 kB a GPU, and
    0.4 MB for all together. A swing that begins is told after some 7 s. Power that wanders without a period may have
    one told now and then, mostly below 0.5 Hz; short pulses less often than every 4 s are not told, as two of them are
    no period yet.

    Each GPU may be added to from a thread of its own. What is added while `features` runs may be lost to that tick.
    """

    def __init__(self, gpus: int, *, tick_ms: int = 1000) -> None:
        self._tick_us = 1000 * tick_ms
        self._power_w = np.zeros((gpus, BINS), np.float32)
        # Number of the grid's bin that stands at each place; `bin % BINS` is its place.
        self._bin = np.full((gpus, BINS), _NEVER, np.int64)
        self._newest_us = np.full(gpus, _NEVER, np.int64)
        # Readings since the last `features`: a tick's, from the left.
        self._fresh = np.zeros((gpus, max(128, self._tick_us // 5_000)))
        self._count = np.zeros(gpus, np.int64)
        self._hann = np.hanning(BINS + 1)[:BINS].astype(np.float32)

    def add(self, gpu: int, t_us: NDArray[np.int64], power_w: NDArray[np.float64]) -> None:
        """Take readings of one GPU.

        Parameters
        ----------
        t_us
            Rising times of any clock that all readings of this GPU share, in microseconds. Those that were taken
            before are passed over; when all are older than the newest taken, the clock was set back and the window
            begins anew.
        power_w
            One a time; NaN is passed over.
        """
        if not len(t_us):
            return
        if t_us[-1] < self._newest_us[gpu]:
            self._bin[gpu] = self._newest_us[gpu] = _NEVER
            self._count[gpu] = 0
        new = int(t_us.searchsorted(self._newest_us[gpu], "right"))
        t_us, power_w = t_us[new:], power_w[new:]
        if np.isnan(power_w).any():
            there = ~np.isnan(power_w)
            t_us, power_w = t_us[there], power_w[there]
        if not len(t_us):
            return
        self._newest_us[gpu] = t_us[-1]
        bins = t_us // GRID_US
        places = bins % BINS
        self._bin[gpu, places] = bins
        self._power_w[gpu, places] = power_w
        # What a longer pause left behind belongs to no tick.
        of_tick = power_w[int(t_us.searchsorted(t_us[-1] - self._tick_us, "right")) :]
        self._keep(gpu, of_tick[-self._fresh.shape[1] :])

    def features(self, tick_ms: int) -> NDArray[np.float64]:  # noqa: ARG002  the readings say which tick is theirs
        """What was read since the last call, at most a tick's length, and the swing of the whole window.

        Returns
        -------
        values
            Shape (5, gpus): `power_min_w`, `power_max_w`, `power_std_w`, `swing_hz`, `swing_w` (amplitude of the
            sinusoid). NaN where nothing was read. The frequency is NaN where no swing stands out; the amplitude is
            then that of the noise where it is below `SWING_MIN_W`, and NaN where the power moves without a period,
            or where the window has gaps or is not full yet.
        """
        out = np.full((5, len(self._count)), np.nan)
        read = np.flatnonzero(self._count)
        if len(read):
            out[:3, read] = _spread(self._fresh[read], self._count[read])
            out[3:, read] = self._swing(read)
            self._count[read] = 0
        return out

    def _keep(self, gpu: int, power_w: NDArray[np.float64]) -> None:
        room = self._fresh.shape[1]
        begin = int(self._count[gpu])
        if begin + len(power_w) > room:
            kept = room - len(power_w)
            self._fresh[gpu, :kept] = self._fresh[gpu, begin - kept : begin].copy()
            begin = kept
        self._fresh[gpu, begin : begin + len(power_w)] = power_w
        self._count[gpu] = begin + len(power_w)

    def _swing(self, read: NDArray[np.intp]) -> NDArray[np.float64]:
        """Frequency and amplitude, shape (2, read)."""
        out = np.full((2, len(read)), np.nan)
        newest, row = self._newest_us[read, None] // GRID_US, read[:, None]
        # Negative places count from the end, as a ring should.
        places = newest % BINS + _IN_ORDER
        there = self._bin[row, places] == newest + _IN_ORDER
        full = there.reshape(len(read), CELLS, -1).any(axis=2).sum(axis=1) >= CELLS_MIN
        if not full.any():
            return out
        power_w = self._power_w[row, places]
        weight = there * self._hann
        whole = np.maximum(weight.sum(axis=1, keepdims=True), 1)
        power_w -= (weight * power_w).sum(axis=1, keepdims=True) / whole
        power_w *= there
        lines = np.abs(np.fft.rfft(self._hann * power_w, _LINES)[:, : _LAST + 2]) * (2 / whole)
        loudest_w = lines[:, _FIRST : _LAST + 1].max(axis=1)
        quiet = full & (loudest_w < SWING_MIN_W)
        out[1, quiet] = loudest_w[quiet]
        loud = np.flatnonzero(full & ~quiet)
        if len(loud):
            found, line, swing = _prominent(lines[loud])
            loud = loud[found]
            steady = _steady(power_w[loud], there[loud], line, STEADY_MIN * swing[1])
            out[:, loud[steady]] = swing[:, steady]
        return out


def _spread(power_w: NDArray[np.float64], count: NDArray[np.int64]) -> NDArray[np.float64]:
    """Least, greatest and standard deviation of the first `count` of each row."""
    width = int(count.max())
    power_w = power_w[:, :width]
    if (count == width).all():
        return np.stack([power_w.min(axis=1), power_w.max(axis=1), power_w.std(axis=1)])
    there = np.arange(width) < count[:, None]
    mean = np.where(there, power_w, 0.0).sum(axis=1) / count
    apart = np.where(there, power_w - mean[:, None], 0.0)
    return np.stack([
        np.where(there, power_w, np.inf).min(axis=1),
        np.where(there, power_w, -np.inf).max(axis=1),
        np.sqrt((apart * apart).sum(axis=1) / count),
    ])  # fmt: skip


def _prominent(lines: F32) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Which spectra have a peak that stands out: their rows, its line, and its frequency and amplitude."""
    inner = lines[:, _FIRST : _LAST + 1]
    before, after = lines[:, _FIRST - 1 : _LAST], lines[:, _FIRST + 1 : _LAST + 2]
    # A load that begins falls from the lowest line on and has no peak.
    peaks = np.where((inner > before) & (inner >= after), inner, np.float32(0))
    line = peaks.argmax(axis=1)
    height = peaks[np.arange(len(line)), line]
    out = height >= SWING_MIN_W
    median = np.partition(inner, inner.shape[1] // 2, axis=1)[:, inner.shape[1] // 2]
    out &= height**2 >= PROMINENCE_MIN * median**2
    rows = np.flatnonzero(out)
    line = line[rows] + _FIRST
    # A Hann window's main lobe is a parabola in decibels, to a hundredth of a line.
    left, peak, right = (np.log(lines[rows, line + i], dtype=np.float64) for i in (-1, 0, 1))
    aside = 0.5 * (left - right) / (left - 2 * peak + right)
    swing = np.stack([(line + aside) * _LINE_HZ, np.exp(peak - 0.25 * (left - right) * aside)])
    return rows, line, swing


def _steady(
    power_w: F32, there: NDArray[np.bool_], line: NDArray[np.intp], least_w: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether a swing goes through the window, with at least so much amplitude, or something happened in it once."""
    quarters = (len(line), 4, BINS // 4)
    is_there, power_w = there.reshape(quarters), power_w.reshape(quarters)
    count = np.maximum(is_there.sum(axis=2), 1)
    mean = power_w.sum(axis=2) / count
    quick = line * _LINE_HZ >= QUARTERS_FROM_HZ
    of_half = np.repeat(_halves(mean * count) / _halves(count), 2, axis=1)
    level = np.where(quick[:, None], mean, of_half).astype(np.float32)
    apart = (power_w - level[:, :, None]) * is_there
    parts = np.einsum("rqn,rqn->rq", apart, _waves()[line].reshape(quarters))
    halves, least_w = _halves(parts), least_w[:, None]
    first, second = halves.T
    out = (first * second.conj()).real >= IN_STEP_MIN * np.abs(first * second)
    out &= (2 * np.abs(halves) >= least_w * _halves(count)).all(axis=1)
    moves = 2 * np.abs(parts) >= least_w * count
    if not quick.all():
        # Of half a period the phase says nothing; that it moves at all does.
        moved_w = np.sqrt(np.maximum((power_w**2).sum(axis=2) / count - mean**2, 0))
        moves = np.where(quick[:, None], moves, moved_w >= 0.6 * least_w)
    steady: NDArray[np.bool_] = out & (moves.sum(axis=1) >= 3)
    return steady


def _halves(quarters: NDArray[Any]) -> NDArray[Any]:
    out: NDArray[Any] = quarters[:, ::2] + quarters[:, 1::2]
    return out


@cache
def _waves() -> NDArray[np.complex64]:
    """Every line's wave over the window; 0.4 MB, made when the first swing is looked at."""
    turns = np.arange(_LAST + 1)[:, None] * np.arange(BINS) / _LINES
    out: NDArray[np.complex64] = np.exp(-2j * np.pi * turns).astype(np.complex64)
    return out
