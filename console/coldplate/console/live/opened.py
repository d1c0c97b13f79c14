"""Open incidents as people's actions leave them, the worst first."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from coldplate.console.live.picture import Open, Rack

OPEN_MAX = 500

_OPEN = (
    "SELECT id, step, severity, kind, subject, rack, opened_at, cause, affected, evidence, acked_by"
    " FROM incidents_now WHERE state = 'open'"
    " ORDER BY indexOf(['critical', 'warning', 'ticket', 'info'], severity), opened_at DESC"
    f" LIMIT {OPEN_MAX}"
)

Row = Mapping[str, Any]
Named = Callable[[str], Sequence[Row]]
"""Rows of a query by their columns' names."""


def opened(named: Named, racks: Sequence[Rack], now_ms: int) -> tuple[Sequence[Row], list[Open]]:
    """Lines of `incidents_now`, and what is told of them; which are silenced is judged here.

    Parameters
    ----------
    named
        Asks the history.
    racks
        For silences of rows and halls.
    """
    rows = named(_OPEN)
    silences = named("SELECT * FROM silences_now") if rows else []
    quiet: set[str] = set()
    if silences:
        from coldplate.console.live.silenced import silenced

        quiet = silenced(rows, silences, racks, now_ms)
    return rows, [open_of(row, quiet=row["id"] in quiet) for row in rows]


def open_of(row: Row, *, quiet: bool = False) -> Open:
    """What is told of one."""
    return Open(
        row["id"], row["severity"], row["kind"], row["subject"], row["rack"],
        round(row["opened_at"].timestamp() * 1000), row["cause"], len(row["affected"]), row["acked_by"],
        quiet, row["step"],
    )  # fmt: skip
