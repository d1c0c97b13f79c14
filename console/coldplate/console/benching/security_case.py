"""One case of `coldplate bench security`: what is tried, what must come of it, and what was said."""

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

ACCEPTED = "accepted"
SAID_MAX = 400


class Refused(Exception):  # noqa: N818  what most cases are to end with
    """What was tried came to nothing; the words are those that a person reads."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Something to try.

    Parameters
    ----------
    name
        For the report.
    act
        Does it and returns what came of it, or raises `Refused`.
    expected
        `ACCEPTED`, or words that the refusal must hold.
    """

    name: str
    act: Callable[[], str]
    expected: str = ACCEPTED


@dataclass(frozen=True, slots=True)
class Case:
    """A trial that was made.

    Parameters
    ----------
    said
        One line; what was read by a person.
    ok
        It ended as it had to, in a line.
    """

    name: str
    expected: str
    said: str
    ok: bool

    @property
    def refused(self) -> bool:
        """Whether it was to be refused."""
        return self.expected != ACCEPTED

    def as_json(self) -> dict[str, Any]:
        """As the report has it."""
        return {
            "name": self.name, "expected": self.expected, "said": self.said, "ok": self.ok,
        }  # fmt: skip


@dataclass(slots=True)
class Outputs:
    """Everything that a person or program could read, to be searched for secrets.

    Parameters
    ----------
    texts
        By where they were found.
    """

    texts: dict[str, str] = field(default_factory=dict)

    def add(self, where: str, text: str) -> None:
        """Keep what was read there, beside what was read there before."""
        self.texts[where] = self.texts.get(where, "") + text + "\n"


def try_out(trial: Trial, outputs: Outputs) -> Case:
    """Make it; whatever it raises is an output too, traceback and all."""
    accepted = True
    try:
        said = trial.act()
    except Refused as error:
        said, accepted = str(error), False
        outputs.add(f"traceback of {trial.name}", traceback.format_exc())
    except Exception as error:  # noqa: BLE001  a case that breaks is a case that is not ok
        said, accepted = f"{type(error).__name__}: {error}", False
        outputs.add(f"traceback of {trial.name}", traceback.format_exc())
        return Case(trial.name, trial.expected, said[:SAID_MAX], False)
    outputs.add(f"case {trial.name}", said)
    whole = "\n" not in said.strip() and len(said) <= SAID_MAX
    wanted = accepted if trial.expected == ACCEPTED else not accepted and trial.expected in said
    return Case(trial.name, trial.expected, said.strip()[:SAID_MAX], wanted and whole)


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def heard(name: str) -> Iterator[list[str]]:
    """The lines that a part of the program logs meanwhile; they are not shown."""
    logger, handler = logging.getLogger(name), _Lines()
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.propagate = before
