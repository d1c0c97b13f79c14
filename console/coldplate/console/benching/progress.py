"""How far a benchmark is: a bar on a terminal, otherwise a line on stderr every few seconds."""

import sys
import time
from types import TracebackType
from typing import Any, Self

LINE_S = 5.0


class Progress:
    """Shows words and a share of the whole."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._next_s = 0.0

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = (BarColumn(), TextColumn("{task.description}"))
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("", total=1.0)
            self._bar.start()
        return self

    def __exit__(
        self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, words: str, share: float) -> None:
        """Say where it stands; may be called often."""
        if self._bar is not None:
            self._bar.update(self._task, completed=share, description=words)
        elif time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + LINE_S
            sys.stderr.write(f"{words}\n")
            sys.stderr.flush()
