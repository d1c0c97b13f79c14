"""What a procedure has done so far, in a file a rack that is either the old one or the new one: it goes on after any end.

Samples lie in the history, so what must be kept is when each phase was and what hands did; steps are judged anew from
that, and give the same.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.stack.atomic import write_atomically
from coldplate.console.stack.errors import LockHeld
from coldplate.console.stack.lock import FileLock


class Done(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A phase that is over: from when to when, Unix milliseconds, and when what was done, seconds from its begin."""

    begin_ms: int
    end_ms: int
    marks: dict[str, float] = {}


class Progress(msgspec.Struct, forbid_unknown_fields=True):
    """What was done with a rack.

    Parameters
    ----------
    rack, by
        Which, and who began.
    began_ms
        When.
    phases
        Those that are over.
    hands
        Who did what, when.
    ended
        Whether its certificate was written.
    """

    rack: str
    by: str
    began_ms: int
    phases: dict[str, Done] = {}
    hands: list[dict[str, str]] = []
    ended: bool = False


@dataclass
class Keeping:
    """The file of one rack, held by one procedure at a time.

    Parameters
    ----------
    folder
        Where all racks' files lie; made when it is not there.
    rack
        Which.

    Raises
    ------
    Failure
        Another procedure has the rack, or the file is none.
    """

    folder: Path
    rack: str
    _lock: FileLock = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.path.with_suffix(".lock"))
        try:
            self._lock.acquire()
        except LockHeld as held:
            raise Failure(f"{self.rack}: another procedure has this rack: {held}", BAD_INPUT) from None  # fmt: skip

    @property
    def path(self) -> Path:
        """Of the file; ids may hold slashes."""
        return self.folder / f"{self.rack.replace('/', '_')}.progress.json"

    def read(self) -> Progress | None:
        """What was kept; None when the rack is new.

        Raises
        ------
        Failure
            The file is none of ours.
        """
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Failure(f"{self.path}: {error.strerror or error}", BAD_INPUT) from None
        try:
            return msgspec.json.decode(raw, type=Progress)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Failure(f"{self.path}: {error}; move it away to begin anew", BAD_INPUT) from None

    def write(self, progress: Progress) -> None:
        """Keep it, whole or not at all.

        Raises
        ------
        Failure
            It cannot be written.
        """
        try:
            write_atomically(self.path, msgspec.json.encode(progress).decode() + "\n")
        except OSError as error:
            raise Failure(f"{self.path}: {error.strerror or error}") from None

    def close(self) -> None:
        """Let others have the rack."""
        self._lock.release()


def spans_of(path: Path, start_ms: int | None) -> dict[str, Done]:
    """When each phase was, of a file: `{"full": {"begin_s": 120, "end_s": 240, "marks": {}}}`, seconds from a start.

    Raises
    ------
    Failure
        Unreadable, no start, or a phase that is none.
    """
    from coldplate.console.commission.phases import BY_NAME

    if start_ms is None:
        raise Failure(f"--spans {path}: say with --start from when its seconds count", BAD_INPUT)
    try:
        told: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
        out = {
            name: Done(
                start_ms + round(1000 * float(p["begin_s"])),
                start_ms + round(1000 * float(p["end_s"])),
                {k: float(v) for k, v in p.get("marks", {}).items()},
            )
            for name, p in told.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(f"--spans {path}: {error!r}; expected phases with begin_s, end_s and marks", BAD_INPUT) from None  # fmt: skip
    if unknown := [n for n in out if n not in BY_NAME]:
        raise Failure(f"--spans {path}: no phase is called {unknown[0]!r}; there are {', '.join(BY_NAME)}", BAD_INPUT)  # fmt: skip
    if wrong := [n for n, d in out.items() if d.end_ms <= d.begin_ms]:
        raise Failure(f"--spans {path}: {wrong[0]} ends before it begins", BAD_INPUT)
    return out
