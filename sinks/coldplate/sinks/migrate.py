"""Brings a database to this program's schema, one numbered file after the other, and never backwards.

ClickHouse has no transaction around statements, so a file may be applied by half when something
breaks. Every statement is therefore one that may be run again (IF NOT EXISTS, OR REPLACE), and a file
is entered in `migrations` after its last statement.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any, Protocol

from coldplate.sinks.errors import HistoryRefused, MigrationError

UNKNOWN_TABLE = 60
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_TABLE = """
CREATE TABLE IF NOT EXISTS migrations
(number UInt32, name String, sha256 String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = MergeTree ORDER BY number
"""


class Statements(Protocol):
    """What migrations need of a client."""

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run one statement; its rows."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file.

    Parameters
    ----------
    number, name
        From the file's name.
    text
        SQL statements, each ending with a semicolon at the end of a line.
    """

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Of the text, hexadecimal."""
        return sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """The statements without comment lines and semicolons."""
        lines = [x for x in self.text.splitlines() if not x.lstrip().startswith("--")]
        found = re.split(r";[ \t]*(?:\n|$)", "\n".join(lines))
        return [s.strip() for s in found if s.strip()]


def known() -> list[Migration]:
    """This program's migrations in order."""
    found = (
        Migration(int(match[1]), entry.name, entry.read_text("utf-8"))
        for entry in files("coldplate.sinks").joinpath("schema").iterdir()
        if (match := _NAME.fullmatch(entry.name))
    )
    return sorted(found, key=lambda m: m.number)


def pending(client: Statements, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Names of the files that `migrate` would apply; changes nothing.

    Raises
    ------
    MigrationError
        As `migrate`.
    HistoryDown, HistoryRefused
    """
    return [m.name for m in _todo(client, known() if migrations is None else migrations)]


def _todo(client: Statements, migrations: Sequence[Migration]) -> list[Migration]:
    sql = "SELECT number, name, sha256 FROM migrations ORDER BY number"
    try:
        applied = client.execute(sql)
    except HistoryRefused as refusal:
        if refusal.code != UNKNOWN_TABLE:
            raise
        applied = []
    done = {int(number): (str(name), str(digest)) for number, name, digest in applied}
    _check(done, migrations)
    return [m for m in migrations if m.number not in done]


def migrate(client: Statements, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Apply what is missing; the names of the files applied, none when all was there.

    Raises
    ------
    MigrationError
        When an applied file was edited since or is gone, one was left out, or the database is of a
        newer program.
    HistoryDown, HistoryRefused
        What was applied by half is applied again by the next call.
    """
    client.execute(_TABLE)
    todo = _todo(client, known() if migrations is None else migrations)
    for migration in todo:
        for statement in migration.statements:
            client.execute(statement)
        client.execute(
            "INSERT INTO migrations (number, name, sha256) SELECT %(number)s, %(name)s, %(sha256)s",
            {"number": migration.number, "name": migration.name, "sha256": migration.sha256},
        )
    return [m.name for m in todo]


def _check(done: Mapping[int, tuple[str, str]], migrations: Sequence[Migration]) -> None:
    ours = {m.number: m for m in migrations}
    newest = max(ours, default=0)
    for number, (name, digest) in sorted(done.items()):
        if number > newest:
            raise MigrationError(
                f"the database has {name}, which this program does not know: it belongs to a newer "
                "coldplate; use that one"
            )
        if number not in ours:
            raise MigrationError(f"{name} was applied to the database but is missing here")
        if ours[number].sha256 != digest:
            raise MigrationError(
                f"{ours[number].name} was edited after it was applied; undo the edit and add a new file"
            )
    for number, migration in ours.items():
        if number not in done and done and number < max(done):
            raise MigrationError(f"{migration.name} was left out: a later one is applied already")
