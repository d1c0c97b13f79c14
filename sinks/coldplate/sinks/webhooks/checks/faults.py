"""Faults and warnings of a file, each with its line."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from coldplate.wire.toml_lines import TomlLines


@dataclass(slots=True)
class Faults:
    """Gathers what is found.

    Parameters
    ----------
    path
        The file.
    lines
        On which of its lines something stands.
    about
        What the words are about, where the line alone does not tell.
    """

    path: Path
    lines: TomlLines
    about: str = ""
    _faults: list[tuple[int, str]] = field(default_factory=list)
    _warnings: list[tuple[int, str]] = field(default_factory=list)

    def of(self, about: str) -> "Faults":
        """Gathers into the same, about something."""
        return replace(self, about=f"{about}: ")

    def fault(self, words: str, *at: str | int) -> None:
        """The file cannot be used: what is wrong, and what to do."""
        self._faults.append(self._told(words, at))

    def warn(self, words: str, *at: str | int) -> None:
        """The file can be used, and yet is probably not what was meant."""
        self._warnings.append(self._told(words, at))

    @property
    def faults(self) -> tuple[str, ...]:
        """In the file's order, each `FILE:LINE: words`."""
        return _in_order(self._faults)

    @property
    def warnings(self) -> tuple[str, ...]:
        """As `faults`."""
        return _in_order(self._warnings)

    def _told(self, words: str, at: tuple[str | int, ...]) -> tuple[int, str]:
        line = self.lines(*at)
        place = self.path if line is None else f"{self.path}:{line}"
        return line or 0, f"{place}: {self.about}{words}"


def _in_order(found: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    return tuple(words for _, words in sorted(found, key=lambda told: told[0]))


def meant(word: str, known: Iterable[str]) -> str:
    """What somebody may have meant who wrote `word`, and what there is."""
    known = list(known)
    near = get_close_matches(word, known, 1)
    return (f"did you mean {near[0]}? " if near else "") + f"there are {', '.join(known) or 'none'}"
