"""NVML itself: loading, initialising, its errors and its GPUs. The one file that imports pynvml.

Calls that come every tick go around pynvml's wrappers, which make new ctypes objects each time, straight to the C
functions that it has looked up (`function`). What is asked seldom goes through the wrappers.
"""

import _ctypes
import ctypes
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pynvml

from coldplate.agents.nvml.errors import (
    DriverGone,
    Lost,
    NeedsReset,
    NoDriver,
    NoPermission,
    NvmlError,
    Unsupported,
)

log = logging.getLogger(__name__)

Fact = str | int | float | bool | None
Handle = Any
"""ctypes' pointer to what NVML knows a GPU by."""

NOT_FOUND = 6
"""Of `nvmlDeviceGetSamples`: nothing new."""
TIMEOUT = 10
"""Of `nvmlEventSetWait`: nothing happened."""
MISMATCH = 18
"""The library in memory is of another version than the driver."""

_ERRORS: Mapping[int, type[NvmlError]] = {
    1: DriverGone,  # uninitialised
    2: Unsupported,  # invalid argument: a field or an enum that this driver does not know
    3: Unsupported,
    4: NoPermission,
    9: DriverGone,  # not loaded
    12: DriverGone,  # no library
    13: Unsupported,  # no such function in this library
    15: Lost,
    16: NeedsReset,
    MISMATCH: DriverGone,
    25: Unsupported,  # version of a struct
    26: Unsupported,  # deprecated
    28: Lost,  # GPU not found
}

_WHY_NOT = {
    9: "NVML: the NVIDIA driver is not loaded; load it (`modprobe nvidia`) or take the node out of service",
    12: "NVML: libnvidia-ml.so.1 is not to be found; install the NVIDIA driver, or give its library to the container",
    4: "NVML: not permitted; the agent's user must be able to read and write /dev/nvidiactl and /dev/nvidia0 and on",
    MISMATCH: "NVML: the driver was exchanged and the library in memory is of the old one; restart the agent",
}


def error(code: int, what: str) -> NvmlError:
    """Ours for a code of NVML's; `what` was asked."""
    return _ERRORS.get(code, NvmlError)(f"{what}: {pynvml.NVMLError(code)}")


@contextmanager
def ours(what: str) -> Iterator[None]:
    """Turns pynvml's exceptions into ours."""
    try:
        yield
    except pynvml.NVMLError as caught:
        raise error(caught.value, what) from None


def function(name: str) -> Callable[..., int]:
    """A C function of NVML, for ctypes arguments; it returns NVML's code.

    Raises
    ------
    Unsupported
        When the library of this driver has none of that name.
    DriverGone
        When no library is loaded.
    """
    with ours(name):
        found: Callable[..., int] = pynvml._nvmlGetFunctionPointer(name)  # noqa: SLF001  its one way to them
        return found


@dataclass(frozen=True, slots=True)
class Process:
    """Somebody who uses a GPU; None where the driver does not tell."""

    pid: int
    name: str | None
    memory_bytes: int | None


class Device:
    """One GPU.

    Parameters
    ----------
    handle
        NVML's.
    index
        NVML's number of it, from 0; another one after a loss.
    """

    def __init__(self, handle: Handle, index: int) -> None:
        self.handle, self.index = handle, index
        with ours("nvmlDeviceGetUUID"):
            self.uuid: str = pynvml.nvmlDeviceGetUUID(handle)
        self.serial = str(self._ask("nvmlDeviceGetSerial") or "")
        self.bus = ""
        with suppress(NvmlError), ours("nvmlDeviceGetPciInfo"):
            pci = pynvml.nvmlDeviceGetPciInfo(handle)
            # As the kernel's log writes it: the function, always 0, is left out.
            self.bus = f"{pci.domain:04x}:{pci.bus:02x}:{pci.device:02x}"

    @property
    def key(self) -> int:
        """What tells the handle apart from others of the same initialisation."""
        return address(self.handle)

    def facts(self) -> dict[str, Fact]:
        """What hardly changes; None where it is not told. About 1 ms."""
        limits_mw = self._ask("nvmlDeviceGetPowerManagementLimitConstraints") or (None, None)
        mig = self._ask("nvmlDeviceGetMigMode")
        persistence = self._ask("nvmlDeviceGetPersistenceMode")
        return {
            "name": self._ask("nvmlDeviceGetName"),
            "uuid": self.uuid,
            "serial": self.serial or None,
            "vbios": self._ask("nvmlDeviceGetVbiosVersion"),
            "module_id": self._module(),
            "pci_bus": self.bus or None,
            "nvml_index": self.index,
            "persistence": None if persistence is None else bool(persistence),
            "mig": None if mig is None else bool(mig[0]),
            "power_limit_default_w": _watts(self._ask("nvmlDeviceGetPowerManagementDefaultLimit")),
            "power_limit_min_w": _watts(limits_mw[0]),
            "power_limit_max_w": _watts(limits_mw[1]),
        }

    def processes(self) -> list[Process]:
        """Who computes or draws on it."""
        with ours("nvmlDeviceGetComputeRunningProcesses"):
            found = {p.pid: p for p in pynvml.nvmlDeviceGetComputeRunningProcesses(self.handle)}
        for p in self._ask("nvmlDeviceGetGraphicsRunningProcesses") or ():
            found.setdefault(p.pid, p)
        return [Process(pid, _process_name(pid), p.usedGpuMemory) for pid, p in found.items()]

    def _module(self) -> int | None:
        number = ctypes.c_uint()
        with suppress(NvmlError):
            if function("nvmlDeviceGetModuleId")(self.handle, ctypes.byref(number)) == 0:
                return number.value
        return None

    def _ask(self, wrapper: str) -> Any:
        """What pynvml's wrapper returns; None when this GPU does not tell it.

        Raises
        ------
        Lost, DriverGone
            Which say more than that one fact is missing.
        """
        try:
            with ours(wrapper):
                return getattr(pynvml, wrapper)(self.handle)
        except (Lost, DriverGone):
            raise
        except NvmlError:
            return None


class Driver:
    """NVML, initialised; made while nobody is inside a call, because a library that is older than the driver is let go of.

    Raises
    ------
    NoDriver
        With what to do.
    """

    def __init__(self) -> None:
        try:
            try:
                pynvml.nvmlInit()
            except pynvml.NVMLError as caught:
                if caught.value != MISMATCH:
                    raise
                _unload()
                pynvml.nvmlInit()
        except pynvml.NVMLError as caught:
            raise NoDriver(_WHY_NOT.get(caught.value, f"NVML: {caught}")) from None
        try:
            with ours("versions"):
                cuda = pynvml.nvmlSystemGetCudaDriverVersion()
                self.versions: Mapping[str, Fact] = {
                    "driver": pynvml.nvmlSystemGetDriverVersion(),
                    "nvml": pynvml.nvmlSystemGetNVMLVersion(),
                    "cuda": f"{cuda // 1000}.{cuda % 1000 // 10}",
                }
            found = list(_devices())
            self.devices = [device for device in found if device is not None]
            self.left_out = len(found) - len(self.devices)
            """GPUs that the driver counts and that cannot be reached."""
        except NvmlError as caught:
            self.close()
            raise NoDriver(f"NVML: {caught}") from None
        if not self.devices:
            self.close()
            raise NoDriver("NVML: the driver sees no GPU; look at `dmesg | grep -i nvrm`")

    def close(self) -> None:
        """Let go of it; nobody may be inside a call."""
        # A driver that is gone has nothing to shut down.
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def uuid_of(where: int) -> str:
    """The UUID of the GPU that a handle pointing there belongs to.

    Raises
    ------
    NvmlError
        When it belongs to none.
    """
    with ours("nvmlDeviceGetUUID"):
        uuid: str = pynvml.nvmlDeviceGetUUID(ctypes.cast(where, pynvml.c_nvmlDevice_t))
        return uuid


def address(handle: Handle) -> int:
    """Where a handle points to."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


def _devices() -> Iterator[Device | None]:
    with ours("nvmlDeviceGetCount"):
        count = pynvml.nvmlDeviceGetCount()
    for index in range(count):
        try:
            with ours("nvmlDeviceGetHandleByIndex"):
                handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            yield Device(handle, index)
        except DriverGone:
            raise
        except NvmlError as caught:
            log.warning("GPU %d cannot be reached and is left out: %s", index, caught)
            yield None


def _unload() -> None:
    """Let go of the library, so that the next call loads the one that belongs to the driver."""
    handle = getattr(pynvml.nvmlLib, "_handle", None)
    with pynvml.libLoadLock:
        pynvml.nvmlLib = None
        pynvml._nvmlGetFunctionPointer_cache.clear()  # noqa: SLF001  it points into the old library
    if isinstance(handle, int):
        _ctypes.dlclose(handle)


def _process_name(pid: int) -> str | None:
    try:
        name: str = pynvml.nvmlSystemGetProcessName(pid)
    except (pynvml.NVMLError, UnicodeDecodeError):
        return None
    return name


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1000
