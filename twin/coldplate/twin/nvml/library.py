"""The library as pynvml sees it: functions by their C names, over GPUs that replay a recording.

pynvml's own code runs on top of it, with its structs and its error codes; what is fake is what stands behind the C
interface. Each call can be charged what it cost on the recorded machine, and everything is summed, so that a benchmark
knows NVML's time and the stand-in's own from those of whom it measures.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from coldplate.twin.nvml.events import Events
from coldplate.twin.nvml.functions import DEVICE
from coldplate.twin.nvml.gpu import Gpu
from coldplate.twin.nvml.recording import Recording
from coldplate.twin.nvml.structs import FieldValue, given, point, pointed, whole

UNINITIALIZED, INVALID, NOT_FOUND, NO_DRIVER, NO_LIBRARY_FUNCTION = 1, 2, 6, 9, 13
ALIAS = 0x8000
"""Bit of a handle's address that makes another handle of the same GPU."""
CODES = {
    1: "Uninitialized", 2: "Invalid Argument", 3: "Not Supported", 6: "Not Found",
    9: "Driver Not Loaded", 15: "GPU is lost", 16: "GPU requires reset",
}  # fmt: skip


class Library:
    """Stands in for libnvidia-ml.

    Parameters
    ----------
    folder
        Of the recording.
    gpus
        How many.
    shift_s
        Each GPU is so far further in the recording than the one before it.
    begin_s
        Where in the recording the first one begins.
    charge
        How a call takes its time: `none`, `sleep`, or `spin`, which uses the processor as some of the driver's calls do.
    clock
        Unix time in seconds; the recording moves with it.
    """

    def __init__(
        self,
        folder: Path,
        gpus: int = 8,
        *,
        shift_s: float = 0.0,
        begin_s: float = 0.0,
        charge: Literal["none", "sleep", "spin"] = "none",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.recording = Recording(folder)
        self._clock, self._start_s, self._charge = clock, clock(), charge
        self.gpus = [
            Gpu(n, self.recording, self._passed_s, clock, begin_s + n * shift_s)
            for n in range(gpus)
        ]
        self.order: Sequence[int] = range(gpus)
        """GPUs by NVML index, from the next initialisation on."""
        self.missing: set[str] = set()
        """Functions that this library does not have."""
        self.refused_events = 0
        """Code with which listening to events is refused; 0 when it is not."""
        self.loaded = True
        self.init_s = 0.0
        """How long an initialisation takes."""
        self.version = self.recording.driver
        self.events = Events()
        self.calls: Counter[str] = Counter()
        self.nvml_s = self.cpu_s = 0.0
        """What calls were charged, and what the stand-in used of the processor beside that."""
        self._sums = threading.Lock()
        self._initialised, self._generation, self._alive = 0, 0, False
        self._index: tuple[int, ...] = ()
        self._functions: dict[str, Callable[..., int]] = {}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """A function by its C name; pynvml asks for each once."""
        if name.startswith("_") or name in self.missing:
            raise AttributeError(name)
        if name not in self._functions:
            self._functions[name] = self._function(name)
        return self._functions[name]

    @property
    def initialised(self) -> int:
        """How many initialisations nobody has shut down."""
        return self._initialised

    def lose(self, *numbers: int) -> None:
        """These GPUs, and no others, are off the bus."""
        for gpu in self.gpus:
            gpu.faults.lost = gpu.number in numbers
        self.events.lose(frozenset(self._handle(n) for n in numbers))

    def block(self, number: int, seconds: float) -> threading.Event:
        """Calls of a GPU hang for so long, or until what comes back is set; `unblock` ends it."""
        free = threading.Event()
        self.gpus[number].faults.block_s = seconds
        self.gpus[number].faults.blocked = free
        return free

    def unblock(self, number: int) -> None:
        """Calls of a GPU go through again, those that hang too."""
        faults = self.gpus[number].faults
        if faults.blocked is not None:
            faults.blocked.set()
        faults.blocked = None

    def unload(self) -> None:
        """The driver goes: every call says that nothing is initialised, and initialising that there is no driver."""
        self.loaded = self._alive = False
        self.events.driver(alive=False)

    def load(self, order: Iterable[int] | None = None) -> None:
        """The driver comes, with the same GPUs or others, by NVML index."""
        self.order = self.order if order is None else tuple(order)
        self.loaded = True

    def happen(self, number: int, bit: int, data: int, *, alias: bool = False) -> None:
        """An event of a GPU; bit 0x8 and the code is an XID. As an alias it has another handle of the same GPU."""
        handle = self._handle(number)
        self.events.happen(handle, bit, data, shown=handle + ALIAS if alias else handle)

    def listening(self, number: int, bit: int = 0x8) -> bool:
        """Whether somebody listens to such events."""
        return self.events.listening(self._handle(number), bit)

    def _passed_s(self) -> float:
        return self._clock() - self._start_s

    def _handle(self, number: int) -> int:
        return (self._generation << 16) + 0x100 + number

    def _function(self, name: str) -> Callable[..., int]:
        if name in DEVICE:
            return lambda handle, *args: self._asked(name, pointed(handle), args)
        functions: dict[str, Callable[..., Any]] = {
            "nvmlInitWithFlags": self._init,
            "nvmlShutdown": self._shutdown,
            "nvmlErrorString": lambda code: CODES.get(code, "Unknown Error").encode(),
            "nvmlSystemGetDriverVersion": lambda out, _: self._text(out, self.version),
            "nvmlSystemGetNVMLVersion": lambda out, _: self._text(out, self.recording.nvml),
            "nvmlSystemGetCudaDriverVersion": lambda out: self._number(out, 13000),
            "nvmlSystemGetProcessName": lambda pid, out, _: self._text(out, f"p{whole(pid)}"),
            "nvmlDeviceGetCount_v2": lambda out: self._number(out, len(self._index)),
            "nvmlDeviceGetHandleByIndex_v2": self._by_index,
            "nvmlEventSetCreate": self.events.create,
            "nvmlEventSetFree": self.events.free,
            "nvmlEventSetWait_v2": self.events.wait,
            "nvmlDeviceRegisterEvents": self._register,
        }
        if name not in functions:
            raise AttributeError(name)
        system = functions[name]

        def function(*args: Any) -> Any:
            self.calls[name] += 1
            ready = self._alive or name in ("nvmlInitWithFlags", "nvmlShutdown", "nvmlErrorString")
            return system(*args) if ready else UNINITIALIZED

        return function

    def _asked(self, name: str, handle: int, args: tuple[Any, ...]) -> int:
        """A function of a device, charged and summed."""
        began_s = time.thread_time()
        self.calls[name] += 1
        gpu = self._gpu(handle)
        if isinstance(gpu, int):
            return gpu
        code = gpu.refuses(name) or DEVICE[name](gpu, *args)
        cost_s = 0.0 if self._charge == "none" else self._cost_s(name, args)
        if self._charge == "sleep":
            time.sleep(cost_s)
        elif self._charge == "spin":
            until_s = time.thread_time() + cost_s
            while time.thread_time() < until_s:
                pass
        cpu_s = time.thread_time() - began_s - (cost_s if self._charge == "spin" else 0.0)
        with self._sums:
            self.nvml_s, self.cpu_s = self.nvml_s + cost_s, self.cpu_s + cpu_s
        return code

    def _cost_s(self, name: str, args: tuple[Any, ...]) -> float:
        if name == "nvmlDeviceGetFieldValues":
            asked = (FieldValue * whole(args[0])).from_buffer(given(args[1]))
            return self.recording.fields_s([f.number for f in asked])
        # What reading the buffer costs was not recorded; taken as that of a call for fields.
        if name == "nvmlDeviceGetSamples":
            return self.recording.fields_s([])
        numbers = tuple(whole(a) for a in args[:-1] if isinstance(getattr(a, "value", a), int))
        return self.recording.call_s(name, numbers)

    def _gpu(self, handle: int) -> Gpu | int:
        if not self._alive:
            return UNINITIALIZED
        number = (handle & ~ALIAS) - self._handle(0)
        return self.gpus[number] if number in self._index else INVALID

    def _init(self, flags: int) -> int:  # noqa: ARG002  its C name has them
        if not self._initialised:
            time.sleep(self.init_s)
            if not self.loaded:
                return NO_DRIVER
            self._generation += 1
            self._index, self._alive = tuple(self.order), True
            self.events.driver(alive=True)
        # As the real one, which counts: who did not shut down does not begin anew.
        self._initialised += 1
        return 0

    def _shutdown(self) -> int:
        if not self._initialised:
            return UNINITIALIZED
        self._initialised -= 1
        if not self._initialised:
            self._alive = False
        return 0

    def _by_index(self, index: Any, out: Any) -> int:
        if whole(index) >= len(self._index):
            return INVALID
        number = self._index[whole(index)]
        if self.gpus[number].faults.lost:
            return 15
        point(out, self._handle(number))
        return 0

    def _register(self, handle: Any, mask: Any, events: Any) -> int:
        gpu = self._gpu(pointed(handle))
        if isinstance(gpu, int):
            return gpu
        if gpu.faults.lost:
            return 15
        return self.refused_events or self.events.register(pointed(handle), mask, events)

    @staticmethod
    def _text(out: Any, told: str) -> int:
        out.value = told.encode()
        return 0

    @staticmethod
    def _number(out: Any, told: int) -> int:
        given(out).value = told
        return 0
