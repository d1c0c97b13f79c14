"""The last tick's values, for whoever asks between two ticks; what is not fresh is absent.

A fast metric of a GPU is fresh at its own tick only. What is read every n ticks is fresh for as long as the reading
before it was old when it came: its own pace, learnt from itself, and never more than 60 ticks. A GPU whose driver
does not answer at a tick shows nothing, however young its slow values are.
"""

import threading
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from coldplate.agents.collector import Samples
from coldplate.wire.metric import CATALOGUE, Kind, metric

GAP_TICKS_MAX = 60
"""No metric comes less often."""

OF_THE_DRIVER = (
    "sm_clock_mhz", "clock_event_reasons", "gpu_util_ratio", "mem_used_bytes", "pstate",
)  # fmt: skip
"""What the GPU's driver alone can tell: a baseboard's controller, or a job's file, may know others of a GPU that is gone."""

_NEVER = -(2**62)
"""A time before every tick."""

_SLOWLY_READ = {"energy_j"}
"""Fast by the catalogue, but a call of milliseconds: collectors read it with the slow ones."""


class Latest:
    """The values of one collector's devices.

    Parameters
    ----------
    devices
        The collector's.
    tick_ms
        Length of a tick.

    Notes
    -----
    About 30 us a tick for a node of 8 GPUs. `take` from one thread, everything else from any.
    """

    def __init__(self, devices: Mapping[Kind, tuple[str, ...]], tick_ms: int) -> None:
        self.devices = dict(devices)
        self._tick_ms = tick_ms
        self._lock = threading.Lock()
        self.t_ms: int | None = None
        shape = {kind: (len(CATALOGUE[kind]), len(ids)) for kind, ids in self.devices.items()}
        self._values = {kind: np.full(s, np.nan) for kind, s in shape.items()}
        self._at_ms = {kind: np.full(s, _NEVER, np.int64) for kind, s in shape.items()}
        most_ms = GAP_TICKS_MAX * tick_ms
        self._gap_ms = {kind: np.full(s, most_ms, np.int64) for kind, s in shape.items()}
        self._at_once = np.array(
            [m.rate == "fast" and m.name not in _SLOWLY_READ for m in CATALOGUE[Kind.GPU]]
        )
        self._driver = [metric(Kind.GPU, name).number for name in OF_THE_DRIVER]
        self._seen_ms = np.zeros(len(self.devices.get(Kind.GPU, ())), np.int64)

    def take(self, tick_ms: int, samples: Samples) -> None:
        """Take a tick's samples."""
        with self._lock:
            if self.t_ms is None:
                self._seen_ms[:] = tick_ms  # nobody is missed before the first look
            self.t_ms = tick_ms
            for kind, values in samples.items():
                there = ~np.isnan(values)
                at_ms = self._at_ms[kind]
                gap_ms = np.clip(tick_ms - at_ms, self._tick_ms, GAP_TICKS_MAX * self._tick_ms)
                np.copyto(self._gap_ms[kind], gap_ms, where=there)
                np.copyto(self._values[kind], values, where=there)
                np.copyto(at_ms, tick_ms, where=there)
                if kind is Kind.GPU:
                    self._seen_ms[there[self._driver].any(axis=0)] = tick_ms

    def fresh(self) -> dict[Kind, NDArray[np.float64]]:
        """By kind, shape (metrics, devices): the values that are fresh, NaN elsewhere."""
        with self._lock:
            return {kind: self._fresh(kind) for kind in self.devices}

    def _fresh(self, kind: Kind) -> NDArray[np.float64]:
        if self.t_ms is None:
            return np.full_like(self._values[kind], np.nan)
        age_ms = self.t_ms - self._at_ms[kind]
        stale = (age_ms < 0) | (age_ms >= self._gap_ms[kind])
        if kind is Kind.GPU:
            stale |= self._at_once[:, None] & (age_ms > 0)
            stale |= self._seen_ms != self.t_ms
        return np.where(stale, np.nan, self._values[kind])

    def unseen_ticks(self) -> dict[str, int]:
        """By GPU: for how many ticks its driver has not answered."""
        with self._lock:
            now_ms = self.t_ms or 0
            ticks = (now_ms - self._seen_ms) // self._tick_ms
            return dict(zip(self.devices.get(Kind.GPU, ()), ticks.tolist(), strict=True))
