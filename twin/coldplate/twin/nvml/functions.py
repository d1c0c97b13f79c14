"""NVML's functions of a device: what each writes into what its caller gave, and the code that it returns."""

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from coldplate.twin.nvml.gpu import UNSUPPORTED, Gpu
from coldplate.twin.nvml.recording import SAMPLE_US, SAMPLES
from coldplate.twin.nvml.structs import (
    FieldValue,
    Memory,
    Numbers,
    PciInfo,
    Process,
    Sample,
    given,
    whole,
)

Function = Callable[..., int]
"""Called with the GPU and the arguments behind its handle."""

NOT_FOUND, INSUFFICIENT_SIZE = 6, 7


def text(what: Callable[[Gpu], str]) -> Function:
    """Gives a text into a buffer."""

    def function(gpu: Gpu, buffer: Any, size: Any) -> int:  # noqa: ARG001  ours always fit
        buffer.value = what(gpu).encode()
        return 0

    return function


def moving(column: str) -> Function:
    """Gives a number that follows the trace; the arguments before it do not matter."""

    def function(gpu: Gpu, *args: Any) -> int:
        given(args[-1]).value = gpu.now(column)
        return 0

    return function


def recorded(name: str) -> Function:
    """Gives a number that stands still, or says that it is unsupported, as the facts have it."""

    def function(gpu: Gpu, *args: Any) -> int:
        numbers = tuple(whole(a) for a in args[:-1])
        told = gpu.calls.get((name, numbers), gpu.calls.get((name, (0,) * len(numbers)), ""))
        if not told.lstrip("-").isdecimal():
            return UNSUPPORTED
        given(args[-1]).value = int(told)
        return 0

    return function


def clock(gpu: Gpu, which: Any, out: Any) -> int:
    """0 graphics and 1 SM, 2 memory."""
    given(out).value = gpu.now("mem_clock_mhz" if whole(which) == 2 else "sm_clock_mhz")
    return 0


def margin(gpu: Gpu, out: Any) -> int:
    """To the limit at which the facts were taken, from the temperature of now."""
    facts = gpu.recording.calls
    limit_c = int(facts["nvmlDeviceGetMarginTemperature", ()]) + int(
        facts["nvmlDeviceGetTemperature", (0,)]
    )
    Numbers.from_buffer(given(out)).second = limit_c - gpu.now("gpu_temp_c")
    return 0


def temperature(gpu: Gpu, out: Any) -> int:
    """Into a struct with version and sensor before it."""
    (ctypes.c_int * 3).from_buffer(given(out))[2] = gpu.now("gpu_temp_c")
    return 0


def utilization(gpu: Gpu, out: Any) -> int:
    """Percent."""
    told = Numbers.from_buffer(given(out))
    told.first, told.second = gpu.now("gpu_util"), gpu.now("mem_util")
    return 0


def memory(gpu: Gpu, out: Any) -> int:
    """As the facts have it."""
    facts = gpu.calls["nvmlDeviceGetMemoryInfo", ()]
    words = facts.replace("'", " ").replace(",", " ").replace("}", " ").split()
    told = Memory.from_buffer(given(out))
    for name in ("total", "free", "used"):
        setattr(told, name, int(words[words.index(name) + 2]))
    return 0


def errors_by_place(gpu: Gpu, kind: Any, counter: Any, place: Any, out: Any) -> int:
    """Of HBM (2) and SRAM (7) alone; the recording has none, so they are those of its total."""
    if whole(place) not in (2, 7):
        return UNSUPPORTED
    return recorded("nvmlDeviceGetTotalEccErrors")(gpu, kind, counter, out)


def pair(name: str) -> Function:
    """Gives two numbers that stand still."""

    def function(gpu: Gpu, first: Any, second: Any) -> int:
        words = gpu.calls[name, ()].strip("[]").split(",")
        given(first).value, given(second).value = (int(w) for w in words)
        return 0

    return function


def mig(gpu: Gpu, now: Any, pending: Any) -> int:
    """Whether it is in MIG mode, and will be."""
    given(now).value = given(pending).value = int(gpu.faults.mig)
    return 0


def module(gpu: Gpu, out: Any) -> int:
    """One a GPU."""
    given(out).value = gpu.number + 1
    return 0


def pci(gpu: Gpu, out: Any) -> int:
    """One a GPU."""
    told = PciInfo.from_buffer(given(out))
    told.domain, told.bus, told.device = 0, 0x10 + gpu.number, 0
    told.bus_id = f"00000000:{told.bus:02X}:00.0".encode()
    return 0


def fields(gpu: Gpu, count: Any, values: Any) -> int:
    """Each with a code of its own."""
    for value in (FieldValue * whole(count)).from_buffer(given(values)):
        value.code, value.type, value.value = gpu.field(value.number)
    return 0


def samples(gpu: Gpu, which: Any, since_us: Any, kind: Any, count: Any, out: Any) -> int:
    """The last of the buffer that are newer; power (0) alone."""
    if whole(which) != 0:
        return UNSUPPORTED
    newest = int(gpu.wall_us() // SAMPLE_US)
    t_us = np.arange(newest - SAMPLES + 1, newest + 1) * SAMPLE_US
    t_us = t_us[t_us > whole(since_us)]
    given(kind).value = 1
    if out is None:
        given(count).value = SAMPLES
        return 0
    if not len(t_us):
        return NOT_FOUND
    if whole(given(count)) < len(t_us):
        return INSUFFICIENT_SIZE
    given(count).value = len(t_us)
    ago_s = (gpu.wall_us() - t_us) / 1e6
    view = memoryview((Sample * len(t_us)).from_buffer(given(out))).cast("B")
    told = np.frombuffer(view, np.uint64).reshape(-1, 2)
    # The upper half of the union is rubbish there, and a reader must not mind.
    told[:, 0], told[:, 1] = t_us, gpu.recording.power_mw(gpu.t_s - ago_s) | 0xABCD << 32
    return 0


def processes(gpu: Gpu, count: Any, out: Any) -> int:
    """Those that the GPU was given."""
    room = whole(given(count))
    given(count).value = len(gpu.processes)
    if room < len(gpu.processes):
        return INSUFFICIENT_SIZE
    if out is not None:
        told = (Process * room).from_buffer(given(out))
        for place, (pid, used) in zip(told, gpu.processes, strict=False):
            place.pid, place.memory_bytes = pid, used
    return 0


def nobody(gpu: Gpu, count: Any, out: Any) -> int:  # noqa: ARG001  a function's shape
    """No process draws."""
    given(count).value = 0
    return 0


DEVICE: dict[str, Function] = {
    "nvmlDeviceGetUUID": text(lambda g: g.uuid),
    "nvmlDeviceGetSerial": text(lambda g: f"{1_650_000_000_000 + g.number}"),
    "nvmlDeviceGetName": text(lambda g: g.calls["nvmlDeviceGetName", ()]),
    "nvmlDeviceGetVbiosVersion": text(lambda g: g.calls.get(("nvmlDeviceGetVbiosVersion", ()), "0")),
    "nvmlDeviceGetTemperature": moving("gpu_temp_c"),
    "nvmlDeviceGetTemperatureV": temperature,
    "nvmlDeviceGetPowerUsage": moving("power_usage_mw"),
    "nvmlDeviceGetTotalEnergyConsumption": moving("total_energy_consumption"),
    "nvmlDeviceGetCurrentClocksEventReasons": moving("clock_event_reasons"),
    "nvmlDeviceGetCurrentClocksThrottleReasons": moving("clock_event_reasons"),
    "nvmlDeviceGetPerformanceState": moving("pstate"),
    "nvmlDeviceGetClockInfo": clock,
    "nvmlDeviceGetMarginTemperature": margin,
    "nvmlDeviceGetUtilizationRates": utilization,
    "nvmlDeviceGetMemoryInfo": memory,
    "nvmlDeviceGetMemoryErrorCounter": errors_by_place,
    "nvmlDeviceGetPowerManagementLimitConstraints": pair(
        "nvmlDeviceGetPowerManagementLimitConstraints"
    ),
    "nvmlDeviceGetMigMode": mig,
    "nvmlDeviceGetModuleId": module,
    "nvmlDeviceGetPciInfo_v3": pci,
    "nvmlDeviceGetFieldValues": fields,
    "nvmlDeviceGetSamples": samples,
    "nvmlDeviceGetComputeRunningProcesses_v3": processes,
    "nvmlDeviceGetGraphicsRunningProcesses_v3": nobody,
    **{
        name: recorded(name)
        for name in (
            "nvmlDeviceGetPersistenceMode", "nvmlDeviceGetEnforcedPowerLimit",
            "nvmlDeviceGetPowerManagementDefaultLimit", "nvmlDeviceGetTemperatureThreshold",
            "nvmlDeviceGetTotalEccErrors", "nvmlDeviceGetPcieReplayCounter",
            "nvmlDeviceGetCurrPcieLinkGeneration", "nvmlDeviceGetCurrPcieLinkWidth",
            "nvmlDeviceGetMaxPcieLinkGeneration", "nvmlDeviceGetMaxPcieLinkWidth",
            "nvmlDeviceGetNvLinkState", "nvmlDeviceGetFanSpeed", "nvmlDeviceGetSupportedEventTypes",
        )
    },
}  # fmt: skip
"""By name; all others are not found."""
