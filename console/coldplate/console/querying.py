"""Runs what people ask under limits, and turns each refusal into what to do about it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from coldplate.console.context import Context, Role
from coldplate.console.failure import BAD_INPUT, NOT_THERE, Failure
from coldplate.sinks.client import Client
from coldplate.sinks.errors import HistoryDown, HistoryError, HistoryRefused, HistoryShut

UNKNOWN_COLUMN, UNKNOWN_TABLE, READONLY = 47, 60, 164

ADVICE = {
    62: "the words after `failed at position` are where it went wrong",
    158: "it would read more rows than allowed: name devices, ask for less time (t > now() - INTERVAL 1 DAY), ask a rollup"
         " (gpu_1m, gpu_1h), or raise --max-read",
    159: "it took too long: ask for less time, or a rollup (gpu_1m, gpu_1h), or raise --timeout as far as the server lets you",
    164: "the reader may only read",
    241: "it needs more memory than allowed: ask for less time, fewer columns, or a rollup (gpu_1m, gpu_1h)",
    396: "the answer is longer than allowed: add LIMIT, count instead of listing, or raise --max-rows",
    497: "the reader may read the tables and views of its database, and nothing else",
}  # fmt: skip
"""By ClickHouse's error number."""

_IDENTIFIER = re.compile(r"(?:identifier|columns?:?) [`']([^`']+)[`']")
_TABLE = re.compile(r"[Tt]able (?:expression identifier )?[`']?([\w.]+)[`']?")
_CODE = re.compile(r"\(code (\d+)\)")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a query may take; the server's own bounds hold besides.

    Parameters
    ----------
    seconds, rows, read_rows
        Time, rows of the answer, rows read for it.
    """

    seconds: int = 30
    rows: int = 100_000
    read_rows: int = 1_000_000_000

    def settings(self) -> dict[str, int]:
        """As ClickHouse calls them."""
        return {
            "max_execution_time": self.seconds, "max_result_rows": self.rows,
            "max_rows_to_read": self.read_rows,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """Columns and rows."""

    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]


class Asking:
    """A connection for people.

    Parameters
    ----------
    context
        Where to.
    role
        As whom.
    limits
        Of every query.
    """

    def __init__(
        self, context: Context, role: Role = "reader", limits: Limits | None = None
    ) -> None:
        self.limits = limits or Limits()
        self._client = Client(context.clickhouse(role), answer_s=self.limits.seconds + 30.0)

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Answer:
        """Run it.

        Raises
        ------
        Failure
            One line: what is wrong, and how to mend it.
        """
        try:
            try:
                return Answer(*self._client.query(sql, parameters, self.limits.settings()))
            except HistoryRefused as refusal:
                # A user whose profile lets it change no setting has its own limits.
                if refusal.code != READONLY or "setting" not in refusal.reason.lower():
                    raise
                return Answer(*self._client.query(sql, parameters))
        except HistoryError as error:
            raise self._failure(error, sql) from None

    def known(self, kind: str) -> list[str]:
        """Ids of a kind in the inventory."""
        found = self.query(
            "SELECT id FROM inventory FINAL WHERE kind = %(kind)s ORDER BY id", {"kind": kind}
        )
        return [str(id_) for (id_,) in found.rows]

    def check_known(self, kind: str, subject: str) -> None:
        """Whether the inventory has it.

        Raises
        ------
        Failure
            With the nearest ids.
        """
        ids = self.known(kind)
        if subject not in ids:
            near = get_close_matches(subject, ids, 3, 0.5) or ids[:3]
            hint = (
                f"; near are {', '.join(near)}"
                if near
                else "; the inventory is empty: `coldplate migrate --inventory FILE`"
            )
            raise Failure(f"no {kind} is called {subject!r}{hint}", BAD_INPUT)

    def words(self) -> dict[str, list[str]]:
        """Columns by table and view, for completion and hints."""
        sql = "SELECT table, groupArray(name) FROM system.columns WHERE database = currentDatabase() GROUP BY table"
        try:
            _, rows = self._client.query(sql)
        except HistoryError:
            return {}
        return {
            str(table): [str(c) for c in columns]
            for table, columns in rows
            if not str(table).endswith("_stats")
        }

    def close(self) -> None:
        """Drop the connection."""
        self._client.close()

    def _failure(self, error: HistoryError, sql: str) -> Failure:
        match = _CODE.search(str(error))
        code = int(match[1]) if match else 0
        if code == UNKNOWN_COLUMN and (hint := self._near_column(str(error), sql)):
            return Failure(hint, BAD_INPUT)
        if code == UNKNOWN_TABLE and (hint := self._near_table(str(error))):
            return Failure(hint, BAD_INPUT)
        if code in ADVICE:
            # What the grammar would have taken instead is a page long.
            said = str(error).partition(". Expected one of")[0]
            return Failure(f"{said}; {ADVICE[code]}", BAD_INPUT)
        if isinstance(error, HistoryShut):
            return Failure(str(error), NOT_THERE)
        if isinstance(error, HistoryDown):
            return Failure(f"{error}; is it running? `coldplate up` starts a local one", NOT_THERE)
        return Failure(str(error), BAD_INPUT)

    def _near_column(self, words: str, sql: str) -> str | None:
        match, tables = _IDENTIFIER.search(words), self.words()
        if match is None:
            return None
        name = match[1].rpartition(".")[2]
        asked = [t for t in tables if re.search(rf"\b{re.escape(t)}\b", sql)] or list(tables)
        near = get_close_matches(name, sorted({c for t in asked for c in tables[t]}), 4, 0.5)
        where = f" in {', '.join(asked)}" if len(asked) <= 3 else ""
        hint = f"near are {', '.join(near)}" if near else "docs/metrics.md has them all"
        return f"no column is called {name!r}{where}; {hint}"

    def _near_table(self, words: str) -> str | None:
        match = _TABLE.search(words)
        if match is None:
            return None
        name = match[1].rpartition(".")[2]
        near = get_close_matches(name, sorted(self.words()), 4, 0.5)
        hint = f"near are {', '.join(near)}" if near else "`SHOW TABLES` lists them"
        return f"no table or view is called {name!r}; {hint}"
