"""The driver's own power readings: 20 ms apart, the last 2.4 s of them (119 on an H200), in one call."""

import ctypes

import numpy as np
from numpy.typing import NDArray

from coldplate.agents.nvml.driver import NOT_FOUND, Device, error, function
from coldplate.agents.nvml.errors import Unsupported

Readings = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Times in Unix microseconds, and watts."""

NONE: Readings = (np.empty(0, np.int64), np.empty(0))

TOTAL_POWER = 0
_NAME = "nvmlDeviceGetSamples"
_ROOM = 64
"""Places beyond what the buffer says it holds."""

# nvmlSample_t: time and a union of 8 bytes, read by nvmlValueType_t.
_SAMPLE_BYTES = 16
_DTYPES = {0: "<f8", 1: "<u4", 2: "<u8", 3: "<u8", 4: "<i8", 5: "<i4", 6: "<u2"}


class PowerBuffer:
    """Reads what is new in it.

    Raises
    ------
    Unsupported
        When this GPU or driver has none.
    """

    def __init__(self, device: Device) -> None:
        self._call = function(_NAME)
        self._handle, self._which = device.handle, ctypes.c_uint(TOTAL_POWER)
        self._since_us = ctypes.c_ulonglong(0)
        self._type, self._count = ctypes.c_uint(), ctypes.c_uint(0)
        code = self._ask(None)
        if code not in (0, NOT_FOUND):
            raise error(code, _NAME)
        self._room = self._count.value + _ROOM
        self._buffer = ctypes.create_string_buffer(self._room * _SAMPLE_BYTES)
        self._views: dict[int, NDArray[np.void]] = {
            kind: np.frombuffer(memoryview(self._buffer).cast("B"), _record(value))
            for kind, value in _DTYPES.items()
        }

    def read(self) -> Readings:
        """What came since the last call; after an empty answer all there is, as the clock may have been set back."""
        self._count.value = self._room
        code = self._ask(self._buffer)
        if code not in (0, NOT_FOUND):
            raise error(code, _NAME)
        count = 0 if code else self._count.value
        if not count:
            self._since_us.value = 0
            return NONE
        if self._type.value not in self._views:
            raise Unsupported(f"{_NAME}: readings of type {self._type.value}")
        told = self._views[self._type.value][:count]
        t_us, power_w = told["t"].astype(np.int64), told["mw"] / 1000
        self._since_us.value = int(t_us[-1])
        return t_us, power_w

    def _ask(self, into: ctypes.Array[ctypes.c_char] | None) -> int:
        return self._call(
            self._handle, self._which, self._since_us, ctypes.byref(self._type),
            ctypes.byref(self._count), into,
        )  # fmt: skip


def _record(value: str) -> np.dtype[np.void]:
    return np.dtype({
        "names": ["t", "mw"], "formats": ["<u8", value], "offsets": [0, 8], "itemsize": _SAMPLE_BYTES,
    })  # fmt: skip
