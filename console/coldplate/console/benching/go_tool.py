"""Programs to compare with that are written in Go: made once by `go install`, whole, under the cache folder."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from coldplate.console.failure import Failure
from coldplate.console.stack.cache import Cache

BUILD_S_MAX = 1800.0
"""The largest has clients of every cloud in it, and takes 4 minutes of two free cores."""


@dataclass(frozen=True, slots=True)
class GoTool:
    """A program at a version.

    Parameters
    ----------
    package
        Of its main package; its last part is the program's name.
    version
        As tagged.
    tags
        Of the build, with commas; what is left out by them is not in the program.
    """

    package: str
    version: str
    tags: str = ""

    @property
    def name(self) -> str:
        """The program's."""
        return self.package.rpartition("/")[2]

    def made(self, cache: Cache) -> Path | None:
        """The program, made when it was not yet; None when that takes a `go` that this machine lacks.

        Raises
        ------
        Failure
            It could not be made.
        """
        folder = cache.installed(self.entry)
        if folder is None and shutil.which("go") is None:
            return None
        return (folder or cache.install(self.entry, self._make)) / self.name

    @property
    def entry(self) -> str:
        """Its name in the cache; one of its own for each choice of tags."""
        of_tags = f"-{crc32(self.tags.encode()):08x}" if self.tags else ""
        return f"{self.name}-{self.version.removeprefix('v')}{of_tags}"

    def _make(self, folder: Path) -> None:
        tags = ("-tags", self.tags) if self.tags else ()
        argv = ("go", "install", *tags, f"{self.package}@{self.version}")
        env = os.environ | {"GOBIN": str(folder), "GOFLAGS": "-buildvcs=false"}
        try:
            ran = subprocess.run(
                argv, env=env, capture_output=True, timeout=BUILD_S_MAX, check=False
            )
        except subprocess.TimeoutExpired:
            raise Failure(f"{' '.join(argv)}: took more than {BUILD_S_MAX:g} s") from None
        if ran.returncode != 0 or not (folder / self.name).is_file():
            said = ran.stderr.decode(errors="replace").strip().splitlines()
            raise Failure(f"{' '.join(argv)}: {said[-1] if said else 'made nothing'}")
