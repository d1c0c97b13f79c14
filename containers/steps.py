"""What a Containerfile says, instruction by instruction, and what of the tree its build would see."""

import json
import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction.

    Parameters
    ----------
    stage
        Which `FROM` it follows, 1 for the first; 0 before any.
    word
        `RUN`, `COPY`, ...
    rest
        What follows it, on one line.
    """

    stage: int
    word: str
    rest: str

    @property
    def words(self) -> list[str]:
        """Of an exec form, or as a shell splits them."""
        found = json.loads(self.rest) if self.rest.startswith("[") else shlex.split(self.rest)
        return [str(word) for word in found]


def instructions(text: str) -> Iterator[Instruction]:
    """Every instruction of a Containerfile, in order."""
    stage = 0
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for line in re.sub(r"\\\n", " ", lines).splitlines():
        word, _, rest = line.strip().partition(" ")
        if not word:
            continue
        stage += word == "FROM"
        yield Instruction(stage, word, rest.strip())


class Ignored:
    """What a file of ignored paths leaves: everything is ignored but what stands there with `!`.

    Parameters
    ----------
    text
        Of the file.
    """

    def __init__(self, text: str) -> None:
        lines = [x.strip() for x in text.splitlines() if x.strip() and not x.startswith("#")]
        self._there = [line[1:] for line in lines if line.startswith("!")]
        self._never = [line.removeprefix("**/") for line in lines if line.startswith("**/")]

    def sees(self, path: Path) -> bool:
        """Whether a build gets this file, named from the root of the tree."""
        inside = any(path == Path(x) or Path(x) in path.parents for x in self._there)
        return inside and not any(fnmatch(p, x) for p in path.parts for x in self._never)


def lay_out(root: Path, copies: Sequence[Instruction], ignored: Ignored, into: Path) -> None:
    """Copy what the `COPY` instructions of the first stage bring, into an empty folder.

    Raises
    ------
    FileNotFoundError
        When a build would see nothing under a source.
    """
    for copy in copies:
        *sources, _ = copy.words
        for source in sources:
            found = [root / source] if (root / source).is_file() else sorted((root / source).rglob("*"))  # fmt: skip
            seen = [p for p in found if p.is_file() and ignored.sees(p.relative_to(root))]
            if not seen:
                raise FileNotFoundError(f"COPY {source}: a build sees nothing of it; see .containerignore")  # fmt: skip
            for path in seen:
                target = into / path.relative_to(root)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
