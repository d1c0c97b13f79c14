"""What parts that run for long share: stop signals, counts once a second into a file, the ledger of what was sent."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from coldplate.console.stack.atomic import write_atomically

if TYPE_CHECKING:
    from coldplate.agents.framer import Framed
    from coldplate.wire.event import Event


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set; handlers are put back at the end."""
    stop = threading.Event()

    def ask(_signum: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


class StatsFile:
    """Writes counts as one JSON object into a file, about once a second and at the end.

    Parameters
    ----------
    path
        None writes nothing.
    collect
        Gives the counts; called from a thread of this object's own.
    """

    def __init__(self, path: str | None, collect: Callable[[], dict[str, Any]]) -> None:
        self._path = Path(path) if path else None
        self._collect = collect
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stats", daemon=True)

    def __enter__(self) -> Self:
        if self._path is not None:
            self._thread.start()
        return self

    def __exit__(
        self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None
    ) -> None:
        if self._path is not None:
            self._stop.set()
            self._thread.join()

    def _run(self) -> None:
        while True:
            ended = self._stop.wait(1.0)
            self.write(self._collect())
            if ended:
                return

    def write(self, values: dict[str, Any]) -> None:
        """Replace the file's content."""
        if self._path is not None:
            write_stats(self._path, values)


def write_stats(path: Path, values: dict[str, Any]) -> None:
    """Counts with the time they were taken at."""
    write_atomically(path, json.dumps({"at": time.time(), **values}))


def read_stats(path: Path) -> dict[str, Any]:
    """The counts last written; empty when there are none."""
    try:
        values: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return values


class Ledger:
    """A file with the identity of every frame and event handed to the publisher.

    One line each, tab-separated: `frame SOURCE BOOT SEQ TICKS` or `event ID`. Whoever wants to know whether
    anything was lost or doubled compares it with what the history has.
    """

    def __init__(self, path: str | None) -> None:
        self._file = Path(path).open("a", encoding="utf-8", buffering=1 << 16) if path else None  # noqa: SIM115

    def frame(self, framed: "Framed") -> None:
        """Note a frame."""
        if self._file is not None:
            source, boot, seq = framed.identity
            self._file.write(f"frame\t{source}\t{boot}\t{seq}\t{framed.ticks}\n")

    def event(self, event: "Event") -> None:
        """Note an event."""
        if self._file is not None:
            self._file.write(f"event\t{event.id}\n")

    def close(self) -> None:
        """Write what is left."""
        if self._file is not None:
            self._file.close()
