"""stack.json: what runs, for `status` and `down`, and for the supervisor that comes after a crash."""

import json
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from coldplate.console.stack.atomic import write_atomically
from coldplate.console.stack.part import PartState, Status
from coldplate.console.stack.process import is_same, signal_group, wait_gone


@dataclass(frozen=True, slots=True)
class StackRecord:
    """The last that a supervisor wrote about its stack."""

    supervisor_pid: int
    supervisor_ticks: int
    started_s: float
    parts: tuple[PartState, ...]

    @property
    def alive(self) -> bool:
        """Whether that supervisor still runs."""
        return is_same(self.supervisor_pid, self.supervisor_ticks)

    def write(self, path: Path) -> None:
        """Replace `path` by this record."""
        write_atomically(path, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> "StackRecord | None":
        """The record in `path`; None when nothing ever ran there."""
        try:
            fields = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        parts = (
            PartState(**{**part, "status": Status(part["status"])}) for part in fields["parts"]
        )
        return cls(**{**fields, "parts": tuple(parts)})

    def end_leftovers(self, limit_s: float = 5.0) -> list[str]:
        """Kill what a killed supervisor left running; the names of the parts that it was.

        Each part dies with its supervisor anyway (see `child`), but not in the same instant, and a
        server that still holds its port or its files would disturb the next one.
        """
        ended: list[str] = []
        for part in self.parts:
            if part.pid and part.ticks and is_same(part.pid, part.ticks):
                signal_group(part.pid, signal.SIGKILL)
                wait_gone(part.pid, limit_s)
                ended.append(part.name)
        return ended
