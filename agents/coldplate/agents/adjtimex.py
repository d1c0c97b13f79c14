"""What the kernel thinks of its clock, by adjtimex(2); reading takes no privilege.

References
----------
https://man7.org/linux/man-pages/man2/adjtimex.2.html and linux/timex.h
"""

import ctypes
from dataclasses import dataclass

TIME_ERROR = 5
STA_UNSYNC = 0x0040
STA_NANO = 0x2000


class _Timeval(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_usec", ctypes.c_long))


class _Timex(ctypes.Structure):
    """`struct timex` as the C library has it."""

    _fields_ = (
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long), ("esterror", ctypes.c_long), ("status", ctypes.c_int),
        ("constant", ctypes.c_long), ("precision", ctypes.c_long), ("tolerance", ctypes.c_long),
        ("time", _Timeval), ("tick", ctypes.c_long), ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long), ("shift", ctypes.c_int), ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long), ("calcnt", ctypes.c_long), ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long), ("tai", ctypes.c_int), ("reserved", ctypes.c_int * 11),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class KernelClock:
    """The kernel's view of the wall clock.

    Parameters
    ----------
    offset_s
        What the kernel still has to add.
    error_s
        How wrong the clock may be at most; grows by 500 ppm while nobody corrects it, up to 16 s.
    estimate_s
        How wrong it probably is, where its daemon says so.
    synchronised
        Whether anybody keeps it right.
    """

    offset_s: float
    error_s: float
    estimate_s: float
    synchronised: bool


class Adjtimex:
    """Asks the kernel."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._timex = _Timex()

    def __call__(self) -> KernelClock | None:
        """Its view now; None where the call is not allowed, as in some sandboxes."""
        self._timex.modes = 0
        state = self._libc.adjtimex(ctypes.byref(self._timex))
        if state < 0:
            return None
        t = self._timex
        return KernelClock(
            t.offset * (1e-9 if t.status & STA_NANO else 1e-6), t.maxerror * 1e-6,
            t.esterror * 1e-6, state != TIME_ERROR and not t.status & STA_UNSYNC,
        )  # fmt: skip
