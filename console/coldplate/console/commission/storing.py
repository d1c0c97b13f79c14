"""Takes to history what lies in files: certificates, and changes that it did not take when they happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from coldplate.console.commission.books import UNSENT, Inserts, insert, read_unsent, unsent_path
from coldplate.console.commission.certificate import verify
from coldplate.console.commission.changes import of_text
from coldplate.console.commission.keeping import Keeping
from coldplate.console.failure import Failure

_GPUS = """
SELECT rack, countIf(kind = 'gpu') FROM inventory FINAL WHERE rack IN %(racks)s GROUP BY rack
"""


class Asks(Protocol):
    """What is needed of a client."""

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of a query."""


@dataclass
class Stored:
    """How many rows of which racks; and racks whose procedure runs, which stores them itself."""

    rows: int = 0
    racks: list[str] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)


def store_certificates(client: Inserts, files: Sequence[Path], key: str | None) -> Stored:
    """Store certificates; none when one of them is not genuine.

    Raises
    ------
    Failure
        One is not genuine, or another key than `key` signed it.
    HistoryDown, HistoryRefused
    """
    rows = []
    for path in files:
        verify(path, key)
        rows.append(of_text(path.read_text("utf-8")))
    insert(client, rows)
    return Stored(len(rows), sorted({row.rack for row in rows}))


def store_unsent(client: Inserts, keep: Path) -> Stored:
    """Store what history did not take, rack by rack; each rack's file goes when it is stored.

    Raises
    ------
    Failure
        A file is none of ours.
    HistoryDown, HistoryRefused
    """
    out = Stored()
    for path in sorted(keep.glob(f"*{UNSENT}")):
        rows = read_unsent(path)
        if not rows:
            continue
        rack = rows[0].rack
        try:
            keeping = Keeping(keep, rack)
        except Failure:
            out.busy.append(rack)
            continue
        try:
            # Once more: its procedure may have ended meanwhile.
            rows = read_unsent(unsent_path(keep, rack))
            if rows:
                insert(client, rows)
                path.unlink()
                out.rows += len(rows)
                out.racks.append(rack)
        finally:
            keeping.close()
    return out


def gpus_of(client: Asks, racks: Sequence[str]) -> dict[str, int]:
    """How many GPUs the inventory in history has in racks, of those that it has.

    Raises
    ------
    HistoryDown, HistoryRefused
    """
    return {str(r): int(n) for r, n in client.execute(_GPUS, {"racks": tuple(racks)})}
