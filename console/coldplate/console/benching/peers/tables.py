"""The history's tables between two peers: empty before, counted while rows come in."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from coldplate.console.benching.peers.peer import Figures
from coldplate.sinks.client import Client
from coldplate.sinks.tables import SAMPLE_TABLES

SAMPLES = tuple(table.name for table in SAMPLE_TABLES)

_FILLED_SQL = """
SELECT name FROM system.tables WHERE database = currentDatabase() AND total_rows > 0
AND (name IN %(samples)s OR engine = 'AggregatingMergeTree' OR name = 'frames')
"""
_ROWS_SQL = """
SELECT sum(total_rows) FROM system.tables WHERE database = currentDatabase() AND name IN %(samples)s
"""


@contextmanager
def emptied(client: Client) -> Iterator[None]:
    """Samples and what is made of them are gone before and after."""
    _empty(client)
    try:
        yield
    finally:
        _empty(client)


def stored_rows(client: Client) -> int:
    """Rows of samples; read from the parts' heads, so that it costs next to nothing."""
    return int(client.execute(_ROWS_SQL, {"samples": SAMPLES})[0][0] or 0)


def with_bytes(figures: Figures, client: Client) -> Figures:
    """The same, with what a value takes on disk when everything is merged: keys, masks and marks included."""
    for name in SAMPLES:
        client.execute(f"OPTIMIZE TABLE {name} FINAL")
    sql = (
        "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()"
        " AND table IN %(samples)s"
    )
    size = int(client.execute(sql, {"samples": SAMPLES})[0][0] or 0)
    each = round(size / max(figures.values, 1), 4)
    return replace(figures, more={**figures.more, "bytes_per_value": each})


def _empty(client: Client) -> None:
    for (name,) in client.execute(_FILLED_SQL, {"samples": SAMPLES}):
        client.execute(f"TRUNCATE TABLE {name} SYNC")
