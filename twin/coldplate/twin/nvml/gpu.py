"""One GPU of the stand-in: its place in the recording, and what is wrong with it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from coldplate.twin.nvml.recording import Recording

LOST, NEEDS_RESET, UNSUPPORTED = 15, 16, 3

MOVING = {
    185: ("power_average", 1), 186: ("power_instant", 1), 82: ("memory_temp", 1),
    83: ("total_energy_consumption", 3), 191: ("total_energy_consumption", 3),
}  # fmt: skip
"""Fields that follow the trace: its column, and the type of the value."""

NOT_IN_MIG = frozenset({"nvmlDeviceGetUtilizationRates"})
"""What a GPU in MIG mode does not tell as a whole."""


@dataclass
class Faults:
    """What is wrong with a GPU.

    Parameters
    ----------
    lost, needs_reset, mig
        Fallen off the bus; refuses every call until a reset; in MIG mode.
    refused
        Functions (names) that need a reset, where not all do.
    unsupported
        Functions (names) and fields (numbers).
    blocked
        Calls wait until it is set, `block_s` at most.
    """

    lost: bool = False
    needs_reset: bool = False
    mig: bool = False
    refused: set[str] = field(default_factory=set)
    unsupported: set[str | int] = field(default_factory=set)
    blocked: threading.Event | None = None
    block_s: float = 0.0


class Gpu:
    """One GPU.

    Parameters
    ----------
    number
        Which, from 0; its UUID, serial and module come of it, whatever NVML's index is.
    recording
        What it replays.
    time_s
        Seconds since the stand-in was made.
    clock
        Unix time in seconds.
    shift_s
        So far into the recording it begins.
    """

    def __init__(
        self,
        number: int,
        recording: Recording,
        time_s: Callable[[], float],
        clock: Callable[[], float],
        shift_s: float,
    ) -> None:
        self.number, self.recording = number, recording
        self._time_s, self._clock, self._shift_s = time_s, clock, shift_s
        self.faults = Faults()
        self.fields = dict(recording.fields)
        """Values of fields that stand still, to be changed at will."""
        self.calls = dict(recording.calls)
        """Values of functions that stand still, by name and arguments, as text."""
        self.processes: list[tuple[int, int]] = []
        """Pid and bytes of who uses it."""

    @property
    def uuid(self) -> str:
        """As NVML writes them."""
        return f"GPU-{self.number:08x}-0000-4000-8000-{self.number:012x}"

    @property
    def t_s(self) -> float:
        """Where in the recording it is."""
        return self._time_s() + self._shift_s

    def wall_us(self) -> int:
        """Unix time in microseconds, to which the buffer's readings are dated."""
        return round(self._clock() * 1e6)

    def now(self, column: str) -> int:
        """A column of the trace."""
        return int(self.recording.at(column, self.t_s))

    def refuses(self, name: str) -> int:
        """NVML's code for a call of that name; 0 when it is answered."""
        faults = self.faults
        if faults.blocked is not None:
            faults.blocked.wait(faults.block_s)
        if faults.lost:
            return LOST
        if faults.needs_reset or name in faults.refused:
            return NEEDS_RESET
        if name in faults.unsupported or (faults.mig and name in NOT_IN_MIG):
            return UNSUPPORTED
        return 0

    def field(self, number: int) -> tuple[int, int, int]:
        """Code, type and value of a field."""
        if number in self.faults.unsupported:
            return UNSUPPORTED, 0, 0
        if number in MOVING:
            column, kind = MOVING[number]
            return 0, kind, self.now(column)
        if number not in self.fields:
            return UNSUPPORTED, 0, 0
        value = int(self.fields[number])
        return 0, (5 if value < 0 else 3), value
