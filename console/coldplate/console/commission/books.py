"""What history is told of a rack's acceptance: each change of its state, and its certificate, word for word.

An acceptance does not stop for a history that is away: what it does not take is said once and lies in the folder of
`--keep`, a file a rack, until the next change of that rack, or `coldplate commission store`, takes it there. The same change
written twice is one row.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.stack.atomic import write_atomically
from coldplate.sinks.errors import HistoryError, HistoryRefused
from coldplate.sinks.migrate import UNKNOWN_TABLE

TABLE = "commissions"
UNSENT = ".unsent.jsonl"

CONNECT_S, ANSWER_S = 3.0, 15.0
"""Longest waits for history; it is asked in the midst of a procedure whose times matter."""

AGAIN_S = 20.0
"""So long after it did not answer it is not asked again: hundreds of racks would wait one after the other."""


class Row(msgspec.Struct, frozen=True):
    """A row of the table; see its columns."""

    rack: str
    t_ms: int
    state: str
    step: str = ""
    cause: str = ""
    verdict: str = ""
    held: tuple[str, ...] = ()
    gpus: int = 0
    who: str = ""
    certificate: str = ""


class Inserts(Protocol):
    """What is needed of a client."""

    def insert(self, table: str, columns: dict[str, list[Any]], token: str | None) -> None:
        """Insert rows."""

    def close(self) -> None:
        """Drop the connection."""


def insert(client: Inserts, rows: Sequence[Row]) -> None:
    """Store rows.

    Raises
    ------
    HistoryDown, HistoryRefused
    """
    names = {f: "t" if f == "t_ms" else f for f in Row.__struct_fields__}
    columns = {name: [getattr(row, f) for row in rows] for f, name in names.items()}
    client.insert(TABLE, columns | {"held": [list(row.held) for row in rows]}, None)


class Books:
    """Writes changes of any racks' states; threads share it.

    Parameters
    ----------
    keep
        Where what could not be stored lies.
    connect
        Makes a client; called when it is first needed.
    say
        Told what went wrong, once, and that it works again.
    """

    def __init__(
        self, keep: Path, connect: Callable[[], Inserts], say: Callable[[str], None]
    ) -> None:
        self._keep, self._connect, self._say = keep, connect, say
        self._lock = threading.Lock()
        self._client: Inserts | None = None
        self._away_until_s, self._away = 0.0, False

    def write(self, rows: Iterable[Row]) -> bool:
        """Store rows of one rack, and those of it that are still to be stored; whether history has them now.

        Raises
        ------
        Failure
            Neither history takes them nor the folder.
        """
        new = list(rows)
        if not new:
            return True
        rack = new[0].rack
        path = unsent_path(self._keep, rack)
        left = [*read_unsent(path), *new]
        if self._stored(left):
            path.unlink(missing_ok=True)
            return True
        try:
            text = "".join(f"{msgspec.json.encode(row).decode()}\n" for row in left)
            write_atomically(path, text)
        except OSError as error:
            raise Failure(f"{path}: {error.strerror or error}; and history did not take it") from None  # fmt: skip
        return False

    def close(self) -> None:
        """Drop the connection."""
        with self._lock:
            self._drop()

    def _stored(self, rows: Sequence[Row]) -> bool:
        with self._lock:
            if time.monotonic() < self._away_until_s:
                return False
            try:
                if self._client is None:
                    self._client = self._connect()
                insert(self._client, rows)
            except (HistoryError, Failure) as error:
                self._drop()
                self._away_until_s = time.monotonic() + AGAIN_S
                if not self._away:
                    self._away = True
                    self._say(f"history does not take it: {_with_advice(error)}; it is kept in {self._keep} and"
                              " stored with the next change, or by `coldplate commission store`")  # fmt: skip
                return False
            if self._away:
                self._away = False
                self._say("history takes what is told again")
            return True

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None


def unsent_path(keep: Path, rack: str) -> Path:
    """The file of a rack's rows that are still to be stored; ids may hold slashes."""
    return keep / f"{rack.replace('/', '_')}{UNSENT}"


def read_unsent(path: Path) -> list[Row]:
    """Rows that are still to be stored.

    Raises
    ------
    Failure
        The file is none of ours.
    """
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Failure(f"{path}: {error.strerror or error}", BAD_INPUT) from None
    try:
        return [msgspec.json.decode(line, type=Row) for line in lines if line]
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: {error}; move it away", BAD_INPUT) from None


def _with_advice(error: Exception) -> str:
    if isinstance(error, HistoryRefused) and error.code == UNKNOWN_TABLE:
        return f"it has no table {TABLE} (`coldplate migrate` makes it)"
    return str(error)
