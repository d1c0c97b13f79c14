"""Files of /proc and /sys, held open: a `pread` at the beginning gives the value of now at a third of the cost."""

import os
from pathlib import Path

LONGEST = 512
"""Bytes that are read at most: what is wanted of /proc/stat and /proc/meminfo stands at their heads."""


class Kept:
    """One such file.

    Parameters
    ----------
    path
        Opened at once; when that fails, and when the device behind it goes, `read` says why.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None
        self.absent = ""
        """Why there is no value; "" when there is one."""
        self.open()

    def open(self) -> bool:
        """Try again to open it."""
        self.close()
        try:
            self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            self.absent = _reason(error)
            return False
        self.absent = ""
        return True

    def read(self) -> bytes | None:
        """Its first bytes, or None."""
        if self._fd is None:
            return None
        try:
            raw = os.pread(self._fd, LONGEST, 0)
        except OSError as error:
            # ENODATA, EAGAIN, EIO: a sensor that cannot tell now. ENODEV: its driver has gone.
            self.absent = _reason(error)
            return None
        self.absent = ""
        return raw

    def number(self) -> int | None:
        """The whole number that it holds, or None."""
        raw = self.read()
        if raw is None:
            return None
        try:
            return int(raw)
        except ValueError:
            self.absent = "error"
            return None

    def close(self) -> None:
        """Close it."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def text(path: Path) -> str:
    """What a small file holds; "" when it cannot be read."""
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _reason(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "no-permission"
    return "unsupported" if isinstance(error, FileNotFoundError) else "error"
