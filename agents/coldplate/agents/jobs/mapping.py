"""A folder in which a scheduler's prolog writes who has which GPU: one file a GPU, a job id a line.

The form is that of dcgm-exporter's `--hpc-job-mapping-dir`: a file is named by the GPU's index (`0`) and holds one job
id a line; other files and folders are passed over. A file named by a UUID (`GPU-...`, `MIG-...`) is taken too. The
files are looked at by size and time of change, and read again only when these are others.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from coldplate.agents.jobs.owner import JobsUnavailableError, Owner

log = logging.getLogger(__name__)

FILE_BYTES_MAX = 64 * 1024
"""Of a file that is read; a job id has some ten characters."""

FILES_MAX = 1024


class MappingFolder:
    """Reads a mapping folder.

    Parameters
    ----------
    folder
        Where the files are.
    every_s
        How often it is looked at.
    """

    name = "mapping"

    def __init__(self, folder: Path, *, every_s: float = 2.0) -> None:
        self._folder, self.every_s = folder, every_s
        self._read: dict[str, tuple[tuple[int, int, int], tuple[Owner, ...]]] = {}
        self._unreadable: set[str] = set()

    def owners(self) -> Mapping[str, Sequence[Owner]]:
        """The jobs by index or UUID.

        Raises
        ------
        JobsUnavailableError
            When the folder is not there or cannot be listed.
        """
        try:
            with os.scandir(self._folder) as entries:
                names = [e for _, e in zip(range(FILES_MAX), entries, strict=False)]
        except OSError as error:
            reason = "no-permission" if isinstance(error, PermissionError) else "missing"
            raise JobsUnavailableError(f"{self._folder}: {error.strerror}", reason) from None
        found = {e.name: self._owners(e) for e in names if _names_a_gpu(e.name)}
        self._read = {name: read for name, read in self._read.items() if name in found}
        self._unreadable &= found.keys()
        return {name: owners for name, owners in found.items() if owners}

    def _owners(self, entry: os.DirEntry[str]) -> tuple[Owner, ...]:
        """Of one file; one that cannot be read is said once and has no jobs."""
        try:
            if not entry.is_file():
                return ()
            stat = entry.stat()
            mark = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if self._read.get(entry.name, (None,))[0] != mark:
                jobs = _jobs(Path(entry.path))
                since_ms = stat.st_mtime_ns // 1_000_000
                self._read[entry.name] = mark, tuple(Owner(j, since_ms=since_ms) for j in jobs)
        except FileNotFoundError:
            return ()  # the epilog was faster
        except OSError as error:
            self._read.pop(entry.name, None)
            if entry.name not in self._unreadable:
                self._unreadable.add(entry.name)
                log.warning("job mapping %s: %s", entry.path, error.strerror)
            return ()
        self._unreadable.discard(entry.name)
        return self._read[entry.name][1]


def _names_a_gpu(name: str) -> bool:
    return (name.isascii() and name.isdecimal()) or name.startswith(("GPU-", "MIG-"))


def _jobs(path: Path) -> list[str]:
    with path.open("rb") as file:
        text = file.read(FILE_BYTES_MAX).decode("utf-8", "replace")
    return [line.strip() for line in text.splitlines() if line.strip()]
