"""Which member of a plant this process is: the machine's name, and a mark of its state folder.

The folder is locked while the process lives. So a claim of the same member with another boot number comes from a process
that was started after the earlier one had ended, and need not wait for its lease to run out.
"""

import fcntl
import os
import secrets
import socket
from pathlib import Path

FILE = "plant-member"
MARK_BYTES = 4


class StateFolderError(RuntimeError):
    """The state folder cannot be used; the message says why."""


class MemberFile:
    """The locked file of a member; closing it lets go.

    Parameters
    ----------
    state_dir
        Of the agent; made when it is missing.
    name
        As configured; "" takes the machine's.

    Raises
    ------
    StateFolderError
        When another process uses the folder, or it cannot be written to.
    """

    def __init__(self, state_dir: Path, name: str = "") -> None:
        path = state_dir / FILE
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+", encoding="ascii")
        except OSError as error:
            raise StateFolderError(
                f"{path}: {error.strerror}; agent.state_dir names the folder"
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.name = f"{name or socket.gethostname()}/{self._mark()}"
        except OSError as error:
            self._file.close()
            why = "another agent uses it" if isinstance(error, BlockingIOError) else error.strerror
            raise StateFolderError(f"{path}: {why}") from None

    def close(self) -> None:
        """Unlock; may be called twice."""
        self._file.close()

    def _mark(self) -> str:
        self._file.seek(0)
        mark = self._file.read(2 * MARK_BYTES + 1).strip()
        if len(mark) != 2 * MARK_BYTES:
            mark = secrets.token_hex(MARK_BYTES)
            self._file.truncate(0)
            self._file.write(mark)
            self._file.flush()
            os.fsync(self._file.fileno())
        return mark
