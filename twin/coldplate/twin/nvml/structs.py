"""The structs that go through NVML's functions, as nvml.h has them; what a caller gave is filled through them."""

import ctypes
from typing import Any, ClassVar


class FieldValue(ctypes.Structure):
    """`nvmlFieldValue_t`; `value` stands for its union."""

    _fields_: ClassVar = [
        ("number", ctypes.c_uint),
        ("scope", ctypes.c_uint),
        ("timestamp", ctypes.c_longlong),
        ("latency_us", ctypes.c_longlong),
        ("type", ctypes.c_uint),
        ("code", ctypes.c_uint),
        ("value", ctypes.c_longlong),
    ]


class Sample(ctypes.Structure):
    """`nvmlSample_t`."""

    _fields_: ClassVar = [("t_us", ctypes.c_ulonglong), ("value", ctypes.c_ulonglong)]


class EventData(ctypes.Structure):
    """`nvmlEventData_t`."""

    _fields_: ClassVar = [
        ("device", ctypes.c_void_p),
        ("type", ctypes.c_ulonglong),
        ("data", ctypes.c_ulonglong),
        ("instance", ctypes.c_uint),
        ("compute", ctypes.c_uint),
    ]


class Process(ctypes.Structure):
    """`nvmlProcessInfo_t`."""

    _fields_: ClassVar = [
        ("pid", ctypes.c_uint),
        ("memory_bytes", ctypes.c_ulonglong),
        ("instance", ctypes.c_uint),
        ("compute", ctypes.c_uint),
    ]


class Numbers(ctypes.Structure):
    """Two numbers of 32 bits: `nvmlUtilization_t`, or a version and a margin."""

    _fields_: ClassVar = [("first", ctypes.c_uint), ("second", ctypes.c_int)]


class Memory(ctypes.Structure):
    """`nvmlMemory_t`."""

    _fields_: ClassVar = [
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    ]


class PciInfo(ctypes.Structure):
    """`nvmlPciInfo_t`."""

    _fields_: ClassVar = [
        ("bus_legacy", ctypes.c_char * 16),
        ("domain", ctypes.c_uint),
        ("bus", ctypes.c_uint),
        ("device", ctypes.c_uint),
        ("device_id", ctypes.c_uint),
        ("subsystem", ctypes.c_uint),
        ("bus_id", ctypes.c_char * 32),
    ]


def given(argument: Any) -> Any:
    """What a reference refers to, or the thing itself."""
    return getattr(argument, "_obj", argument)


def whole(argument: Any) -> int:
    """A number, whether ctypes' or Python's."""
    return int(getattr(argument, "value", argument))


def point(argument: Any, where: int) -> None:
    """Let the pointer that a reference refers to point there."""
    ctypes.c_void_p.from_buffer(given(argument)).value = where


def pointed(handle: Any) -> int:
    """Where a pointer points."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0
