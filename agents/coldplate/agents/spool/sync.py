"""Makes the disk keep what was written, at intervals, in a thread of its own: a flush of a disk takes long."""

import logging
import os
import threading
from collections.abc import Hashable
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)


class Syncer:
    """Flushes the files that it is told of, `every_s` seconds after it was told.

    Parameters
    ----------
    every_s
        What a power cut loses at most, besides the time that the flush takes.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._lock = threading.Lock()
        self._dirty: dict[Hashable, int] = {}
        self._wake, self._stop = threading.Event(), threading.Event()
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="spool-sync", daemon=True)
        self._thread.start()

    def touch(self, name: Hashable, descriptor: int) -> None:
        """A file was written to; its descriptor may be closed after this."""
        with self._lock:
            if name in self._dirty:
                return
            self._dirty[name] = os.dup(descriptor)
        self._wake.set()

    def touch_folder(self, path: Path) -> None:
        """A file was made in a folder."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            self.touch(path, descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Flush once more, and end."""
        self._stop.set()
        self._wake.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait()
            self._stop.wait(self._every_s)
            self._wake.clear()
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            dirty, self._dirty = self._dirty, {}
        for descriptor in dirty.values():
            try:
                os.fsync(descriptor)
                self._failed = False
            except OSError as error:
                if not self._failed:
                    log.warning("the spool's disk does not keep what is written: %s", error)
                self._failed = True
            with suppress(OSError):
                os.close(descriptor)
