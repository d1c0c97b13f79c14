"""Power between ticks for a GPU whose driver has no buffer: field 186, read in a thread of its own, within a budget."""

import threading
import time
from collections import deque

import numpy as np

from coldplate.agents.nvml.buffer import NONE, Readings
from coldplate.agents.nvml.driver import Device
from coldplate.agents.nvml.errors import DriverGone, NvmlError
from coldplate.agents.nvml.fields import FieldCall

KEPT_S = 12.0
"""A little more than the window in which swings are sought."""

REST_S = 1.0
"""After a call that failed."""

INSTANT_POWER = 186


class PowerPoll:
    """Polls until closed, or until the driver is gone; a call that hangs holds up this GPU's thread alone.

    Parameters
    ----------
    device
        Which GPU.
    poll_hz
        How often.
    budget_ratio
        Share of time that calls may take; when they take more, they come less often.
    name
        Of the thread.
    """

    def __init__(self, device: Device, poll_hz: float, budget_ratio: float, name: str) -> None:
        self._call = FieldCall(device, ((INSTANT_POWER, 0),))
        self._every_s, self._budget_ratio = 1 / poll_hz, budget_ratio
        # A deque takes and gives from two threads without a lock.
        self._told: deque[tuple[int, float]] = deque(maxlen=int(KEPT_S * poll_hz))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def read(self) -> Readings:
        """What was read since the last call."""
        told = [self._told.popleft() for _ in range(len(self._told))]
        if not told:
            return NONE
        t_us, power_w = zip(*told, strict=True)
        return np.array(t_us, np.int64), np.array(power_w)

    def close(self) -> None:
        """Ask the thread to end; it does after the call that it is in."""
        self._stop.set()

    def _run(self) -> None:
        wait_s = 0.0
        while not self._stop.wait(wait_s):
            began_s = time.perf_counter()
            try:
                (code,), (milliwatts,) = self._call.read()
            except DriverGone:
                return
            except NvmlError:  # the lane, which asks the same GPU, tells of it
                wait_s = REST_S
                continue
            took_s = time.perf_counter() - began_s
            if code == 0:
                self._told.append((time.time_ns() // 1000, milliwatts / 1000))
            wait_s = max(self._every_s - took_s, took_s / self._budget_ratio - took_s)
