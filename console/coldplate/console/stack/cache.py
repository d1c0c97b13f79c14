"""The cache of downloads: filled once, whole or not at all, and usable without a network after.

An entry is a folder. It is filled in a temporary sibling, checked by whoever fills it, and renamed
into place, so that a folder with its final name is complete. Its manifest keeps names and sizes;
comparing those costs well under a millisecond a file, which is what a start of the stack pays.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coldplate.console.stack.lock import FileLock

MANIFEST = "manifest.json"


def cache_root() -> Path:
    """`COLDPLATE_CACHE`, otherwise `coldplate` in the user's cache folder (XDG base directories)."""
    if given := os.environ.get("COLDPLATE_CACHE"):
        return Path(given).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "coldplate"


@dataclass(frozen=True, slots=True)
class Cache:
    """Named folders under `root`."""

    root: Path

    @classmethod
    def default(cls) -> "Cache":
        """The cache that the environment names."""
        return cls(cache_root())

    def installed(self, name: str) -> Path | None:
        """The folder of `name` when it is there with every file at its full size."""
        folder = self.root / name
        try:
            sizes_bytes: dict[str, int] = json.loads((folder / MANIFEST).read_text())
            if all((folder / file).stat().st_size == n for file, n in sizes_bytes.items()):
                return folder
        except (FileNotFoundError, ValueError):
            return None
        return None

    def install(self, name: str, fill: Callable[[Path], None]) -> Path:
        """The folder of `name`, filled by `fill(temporary_folder)` unless it is there already.

        Two processes that want the same name: the second waits and finds the first one's work.
        `fill` raises when what it got is not what it wanted; nothing is kept then.
        """
        if folder := self.installed(name):
            return folder
        self.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / f".{name}.lock")
        lock.acquire(wait=True)
        try:
            return self.installed(name) or self._fill(name, fill)
        finally:
            lock.release()

    def _fill(self, name: str, fill: Callable[[Path], None]) -> Path:
        folder = self.root / name
        temporary = self.root / f".{name}.tmp"
        # What a killed fetch left; we hold the lock, so nobody is using it.
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            fill(temporary)
            files = sorted(path for path in temporary.rglob("*") if path.is_file())
            sizes = {str(path.relative_to(temporary)): path.stat().st_size for path in files}
            (temporary / MANIFEST).write_text(json.dumps(sizes, indent=1))
            shutil.rmtree(folder, ignore_errors=True)
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return folder
