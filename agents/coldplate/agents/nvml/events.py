"""What the driver says by itself: XIDs and memory errors, heard the moment they happen, in a thread of its own."""

import ctypes
import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence

from coldplate.agents.nvml.driver import TIMEOUT, Device, error, function, uuid_of
from coldplate.agents.nvml.errors import DriverGone, Lost, NvmlError

log = logging.getLogger(__name__)

XID = 0x8
KINDS: dict[int, tuple[str, str]] = {
    0x2: ("ecc", "double-bit ECC error"),
    XID: ("xid", ""),
    0x200: ("ecc", "storm of single-bit ECC errors"),
    0x400: ("ecc", "a row of the GPU memory is remapped"),
    0x800: ("ecc", "a row of the GPU memory could not be remapped"),
    0x1000: ("ecc", "contained poison error"),
    0x2000: ("ecc", "uncontained poison error"),
    0x4000: ("needs_reset", "the GPU is unavailable"),
    0x8000: ("needs_reset", "recovery action changed"),
}
"""By bit of NVML's event types: the kind of happening, and its text."""

WAIT_MS = 1000
"""Of one waiting; also how long a driver that goes is held up."""

LOST_WAITS = 30
"""Waitings after which GPUs that were lost are tried again."""


class _Data(ctypes.Structure):
    _fields_ = [
        ("device", ctypes.c_void_p),
        ("type", ctypes.c_ulonglong),
        ("data", ctypes.c_ulonglong),
        ("instance", ctypes.c_uint),
        ("compute", ctypes.c_uint),
    ]


class EventWatch:
    """Listens until closed, or until the driver is gone.

    Parameters
    ----------
    devices
        Whose events.
    on_event
        Called from the thread with the device, the bit of the type, and its number (the XID).
    counts
        Events by kind, and `events_refused`: GPUs that do not let us listen.
    """

    def __init__(
        self,
        devices: Sequence[Device],
        on_event: Callable[[Device, int, int], None],
        counts: Counter[str],
    ) -> None:
        self._devices = {d.key: d for d in devices}
        self._on_event, self._counts = on_event, counts
        self._refused: set[int] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nvml-events", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float = 2 * WAIT_MS / 1000) -> bool:
        """End the thread; False when it is still inside a call."""
        self._stop.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if not self._listen():
                    return
            except DriverGone:
                return  # the GPUs' lanes find out as well, and a new watch comes with the driver
            except NvmlError as why:
                # With a GPU off the bus every waiting fails at once: a set without it, and not in a hurry.
                log.info("events: %s; listening anew", why)
            self._stop.wait(WAIT_MS / 1000)

    def _listen(self) -> bool:
        """Until an error, or until lost GPUs may be back; False when there is nobody to listen to."""
        events = ctypes.c_void_p()
        _checked("nvmlEventSetCreate", ctypes.byref(events))
        try:
            told = [self._register(device, events) for device in self._devices.values()]
            if not any(told) and None not in told:
                return False
            wait, data = function("nvmlEventSetWait_v2"), _Data()
            given = (events, ctypes.byref(data), ctypes.c_uint(WAIT_MS))
            left = LOST_WAITS if None in told else -1
            while left != 0 and any(told) and not self._stop.is_set():
                code = wait(*given)
                if code == 0:
                    self._heard(data)
                elif code == TIMEOUT:
                    left -= 1
                else:
                    raise error(code, "nvmlEventSetWait")
            return not self._stop.is_set()
        finally:
            function("nvmlEventSetFree")(events)

    def _register(self, device: Device, events: ctypes.c_void_p) -> bool | None:
        """Whether this GPU's events are heard; None while it is lost."""
        supported = ctypes.c_ulonglong()
        try:
            _checked("nvmlDeviceGetSupportedEventTypes", device.handle, ctypes.byref(supported))
            wanted = supported.value & sum(KINDS)
            if wanted:
                bits = ctypes.c_ulonglong(wanted)
                _checked("nvmlDeviceRegisterEvents", device.handle, bits, events)
                return True
            why: object = "it has none"
        except Lost:
            return None
        except DriverGone:
            raise
        except NvmlError as refused:
            why = refused
        if device.key not in self._refused:
            self._refused.add(device.key)
            self._counts["events_refused"] += 1
            log.warning(
                "GPU %d: no events (%s); XIDs are heard from the kernel's log", device.index, why
            )
        return False

    def _heard(self, data: _Data) -> None:
        device = self._devices.get(data.device or 0) or self._by_uuid(data.device or 0)
        kind, _ = KINDS.get(data.type, ("other", ""))
        self._counts[f"events_{kind}"] += 1
        if device is not None and data.type in KINDS:
            self._on_event(device, data.type, data.data)

    def _by_uuid(self, where: int) -> Device | None:
        """Whose event it is when the driver gives another handle than the one that was registered."""
        try:
            uuid = uuid_of(where)
        except NvmlError as why:
            log.warning("an event of a GPU that nobody knows is dropped: %s", why)
            self._counts["events_of_nobody"] += 1
            return None
        return next((d for d in self._devices.values() if d.uuid == uuid), None)


def _checked(name: str, *args: object) -> None:
    if code := function(name)(*args):
        raise error(code, name)
