"""An exclusive lock that dies with its holder.

flock(2) belongs to the open file: the kernel drops it when the holder ends, kill -9 included, so
there is never a stale lock to remove. The pid in the file only serves messages and `status`.
"""

import fcntl
import os
from pathlib import Path

from coldplate.console.stack.errors import LockHeld
from coldplate.console.stack.process import is_same, start_ticks


class FileLock:
    """A lock on the file `path`, held from `acquire` to `release` or to the end of the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self, *, wait: bool = False) -> None:
        """Take the lock; with `wait`, as soon as its holder lets go.

        Raises
        ------
        LockHeld
            Somebody else has it (only without `wait`).
        """
        if self.held:
            return
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            raise LockHeld(self.path, self.holder_pid()) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {start_ticks(os.getpid())}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go; does nothing when not held. The file stays: removing it would race."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def holder_pid(self) -> int | None:
        """Pid of the living holder, without touching the lock itself."""
        try:
            words = self.path.read_text().split()
        except FileNotFoundError:
            return None
        if len(words) == 2 and is_same(int(words[0]), int(words[1])):
            return int(words[0])
        return None
