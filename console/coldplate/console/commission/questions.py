"""What hands must do, asked through a file a rack in the folder of `--keep`: answered by whoever is at the rack.

A terminal asks one question at a time; with hundreds of racks side by side each waits for its own technician. A question
has a number of its own, so that an answer that comes too late, to a question of before an interruption, answers nothing.
"""

import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import rfc3339
from coldplate.console.stack.atomic import write_atomically

QUESTION, ANSWER = ".question.json", ".answer.json"
LOOK_S = 0.2


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that a rack waits for: its number, the words, and since when (RFC 3339)."""

    rack: str
    number: str
    words: str
    since: str


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It is done: which question, by whom, when."""

    number: str
    who: str
    at: str


@dataclass
class Questions:
    """Asks through files.

    Parameters
    ----------
    folder
        Where they lie.
    stop
        Set when nobody waits any more.
    """

    folder: Path
    stop: threading.Event = field(default_factory=threading.Event)

    def ask(self, rack: str, words: str) -> str:
        """Wait until it is done; who did it.

        Raises
        ------
        Failure
            It was stopped, or the folder takes no file.
        """
        question = Question(rack, secrets.token_hex(4), words, _now())
        asked, answered = (_path(self.folder, rack, end) for end in (QUESTION, ANSWER))
        try:
            answered.unlink(missing_ok=True)
            write_atomically(asked, msgspec.json.encode(question).decode() + "\n", mode=0o644)
            try:
                while (found := _answer(answered)) is None or found.number != question.number:
                    if self.stop.wait(LOOK_S):
                        raise Failure("stopped; the same command asks again")
                return found.who
            finally:
                for path in (asked, answered):
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise Failure(f"{asked}: {error.strerror or error}") from None


def open_questions(folder: Path) -> list[Question]:
    """What racks wait for, the oldest first; a file that is none of ours is passed over.

    One whose procedure ended without tidying up stays until the rack is asked again.
    """
    found = []
    for path in sorted(folder.glob(f"*{QUESTION}")):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Question))
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return sorted(found, key=lambda q: (q.since, q.rack))


def answer(folder: Path, rack: str, who: str) -> Question:
    """Say that what a rack waits for is done; what that was.

    Raises
    ------
    Failure
        It waits for nothing, or the folder takes no file.
    """
    waiting = {q.rack: q for q in open_questions(folder)}
    if rack not in waiting:
        others = f"; these do: {', '.join(list(waiting)[:8])}" if waiting else ""
        raise Failure(f"{rack} waits for nothing in {folder}{others}", BAD_INPUT)
    question = waiting[rack]
    path = _path(folder, rack, ANSWER)
    try:
        write_atomically(path, msgspec.json.encode(Answer(question.number, who, _now())).decode() + "\n", mode=0o644)  # fmt: skip
    except OSError as error:
        raise Failure(f"{path}: {error.strerror or error}") from None
    return question


def _answer(path: Path) -> Answer | None:
    """An answer, once it is there; half of one is none, for it is written whole."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Answer)
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _path(folder: Path, rack: str, end: str) -> Path:
    return folder / f"{rack.replace('/', '_')}{end}"


def _now() -> str:
    return rfc3339(time.time_ns() // 1_000_000) or ""
