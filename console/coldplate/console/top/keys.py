"""Keys that are pressed while something is drawn."""

import os
import select
import sys
import termios
import tty
from types import TracebackType
from typing import Self


class Keys:
    """Reads keys one by one while it is entered; where stdin is no terminal there are none."""

    def __init__(self) -> None:
        self._before: list[int | list[bytes | int]] | None = None

    def __enter__(self) -> Self:
        if sys.stdin is not None and sys.stdin.isatty():
            self._before = termios.tcgetattr(sys.stdin)
            # Not raw: Ctrl-C stays a signal.
            tty.setcbreak(sys.stdin)
        return self

    def __exit__(
        self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None
    ) -> None:
        if self._before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)
            self._before = None

    def pressed(self) -> str:
        """What was pressed since the last call; "" when nothing was."""
        if self._before is None or not select.select([sys.stdin], [], [], 0)[0]:
            return ""
        # Past Python's buffer, which select cannot see.
        return os.read(sys.stdin.fileno(), 64).decode("utf-8", "replace")
