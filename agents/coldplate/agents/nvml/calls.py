"""Calls that come every few ticks, made once and repeated: the ctypes arguments and results live as long as the call."""

import ctypes
from collections.abc import Callable
from typing import ClassVar

from coldplate.agents.nvml.driver import Device, error, function
from coldplate.agents.nvml.errors import Unsupported

Numbers = tuple[float, ...]
Read = Callable[[], Numbers]
"""Asks once; raises what NVML answers instead."""

LINKS_MAX = 36
"""NVLinks of a GPU at most (NVML_NVLINK_MAX_LINKS)."""


def number(name: str, *args: int, wide: bool = False) -> Callable[[Device], Read]:
    """A function that gives one unsigned number of 32 bits, or of 64 when `wide`.

    Parameters
    ----------
    name
        Of the C function.
    args
        Enums and numbers between the handle and the result.
    """

    def make(device: Device) -> Read:
        out = ctypes.c_ulonglong() if wide else ctypes.c_uint()
        given = (device.handle, *(ctypes.c_uint(a) for a in args), ctypes.byref(out))
        return _reading(name, given, lambda: (out.value,))

    return make


class _Margin(ctypes.Structure):
    _fields_: ClassVar = [("version", ctypes.c_uint), ("k", ctypes.c_int)]


class _Temperature(ctypes.Structure):
    _fields_: ClassVar = [
        ("version", ctypes.c_uint),
        ("sensor", ctypes.c_int),
        ("c", ctypes.c_int),
    ]


class _Utilization(ctypes.Structure):
    _fields_: ClassVar = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


class _Memory(ctypes.Structure):
    _fields_: ClassVar = [
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    ]


def margin(device: Device) -> Read:
    """Kelvin to the GPU's own limit; signed."""
    out = _Margin(_version(_Margin, 1))
    given = (device.handle, ctypes.byref(out))
    return _reading("nvmlDeviceGetMarginTemperature", given, lambda: (out.k,))


def temperature(device: Device) -> Read:
    """The die's, by the newer call; signed."""
    out = _Temperature(_version(_Temperature, 1), 0)
    given = (device.handle, ctypes.byref(out))
    return _reading("nvmlDeviceGetTemperatureV", given, lambda: (out.c,))


def utilization(device: Device) -> Read:
    """Percent of time: kernels, memory."""
    out = _Utilization()
    given = (device.handle, ctypes.byref(out))
    return _reading("nvmlDeviceGetUtilizationRates", given, lambda: (out.gpu, out.memory))


def memory_used(device: Device) -> Read:
    """Bytes."""
    out = _Memory()
    given = (device.handle, ctypes.byref(out))
    return _reading("nvmlDeviceGetMemoryInfo", given, lambda: (out.used,))


def active_links(device: Device) -> Read:
    """How many NVLinks are up, of those that the GPU has; which these are is found out at the first asking."""
    links: list[Read] = []

    def first() -> Numbers:
        told = []
        for link in range(LINKS_MAX):
            read = number("nvmlDeviceGetNvLinkState", link)(device)
            try:
                told.append(read()[0])
            except Unsupported:
                continue
            links.append(read)
        if not links:
            raise Unsupported("nvmlDeviceGetNvLinkState: no link")
        return (sum(told),)

    return lambda: (sum(read()[0] for read in links),) if links else first()


def _reading(name: str, given: tuple[object, ...], out: Callable[[], Numbers]) -> Read:
    call = function(name)

    def read() -> Numbers:
        if code := call(*given):
            raise error(code, name)
        return out()

    return read


def _version(struct: type[ctypes.Structure], number: int) -> int:
    """NVML's stamp of a struct: its size and its version in one number."""
    return ctypes.sizeof(struct) | number << 24
