"""On which line of a TOML file something stands: the parser gives values, and a person wants the place.

Read from headers and keys as people write them. What a value holds on further lines of its own is not looked into: its
place is its key's, or its table's.
"""

import re
from collections import Counter

Path = tuple[str | int, ...]
"""From the top: names of tables and keys; after the name of an array of tables, the number within it from 0."""

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_NAME = rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*"
_HEADER = re.compile(rf"\s*(\[\[?){_NAME}\]\]?\s*(?:#.*)?$")
_KEY = re.compile(rf"{_NAME}=")


class TomlLines:
    """Tells lines.

    Parameters
    ----------
    text
        Of the file, which the parser has taken.
    """

    def __init__(self, text: str) -> None:
        self._at: dict[Path, int] = {}
        self._count: Counter[Path] = Counter()
        table: Path = ()
        for number, line in enumerate(text.split("\n"), 1):
            if (header := _HEADER.match(line)) is not None:
                table = self._table(_names(header[2]), many=header[1] == "[[")
                self._at.setdefault(table, number)
            elif (key := _KEY.match(line)) is not None:
                self._at.setdefault((*table, *_names(key[1])), number)

    def __call__(self, *path: str | int) -> int | None:
        """The line of what stands there, or else of the nearest that holds it; None when that is the whole file."""
        for length in range(len(path), 0, -1):
            if (number := self._at.get(path[:length])) is not None:
                return number
        return None

    def _table(self, names: tuple[str, ...], *, many: bool) -> Path:
        """A header's path: of an array of tables it means the last one so far."""
        out: Path = ()
        for depth, name in enumerate(names, 1):
            out = (*out, name)
            if many and depth == len(names):
                self._count[out] += 1
            if out in self._count:
                out = (*out, self._count[out] - 1)
        return out


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, text))
