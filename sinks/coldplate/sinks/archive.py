"""The history as files: a parquet a table and day, exactly as it is stored, and back.

What follows from the rest is left out: rollups, which are made anew as samples come in, and the sink's own notes
of offsets. A file's row groups are inserted as blocks under tokens of the file's hash, so that an import which was cut
off is begun again without doubling anything. `archive.json` is written last: a folder without it is no whole archive.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import file_digest
from pathlib import Path
from typing import Any

from coldplate.sinks.agreement import Between
from coldplate.sinks.client import Client, Columns
from coldplate.sinks.later import rolled_up
from coldplate.sinks.migrate import known
from coldplate.sinks.tables import SAMPLE_TABLES

INDEX = "archive.json"
WHOLE = "all"
"""Stands for the day in the file of a table without a time."""

ROWS_MAX = 200_000
LEFT_OUT = ("migrations", "sink_batches")
SAMPLES = frozenset(table.name for table in SAMPLE_TABLES)
OLDEST = "0007_kept.sql"
"""Schema from which on samples have the columns of which rollups are made."""

GONE = "later"
"""A column of the samples of archives from before `0021_without_states.sql`."""

Tell = Callable[[str], None]


class ArchiveError(ValueError):
    """A folder that is no archive, or does not fit the history; the message says what to do."""


@dataclass(frozen=True, slots=True)
class _Table:
    """A table as files have it.

    Parameters
    ----------
    name
        In ClickHouse.
    columns
        Type by name, those that are stored.
    replaces
        Whether its engine makes repeats harmless.
    """

    name: str
    columns: dict[str, str]
    replaces: bool

    def selected(self) -> str:
        """Its columns for a query: times as whole milliseconds or seconds."""
        return ", ".join(_plain(name, kind) for name, kind in self.columns.items())


def write_archive(
    client: Client, folder: Path, between: Between, tell: Tell = lambda _: None
) -> dict[str, int]:
    """Write the archive of some days; rows by table.

    Raises
    ------
    ArchiveError
        The folder has something in it.
    HistoryDown, HistoryRefused, OSError
        What is written is no archive: begin again in an empty folder.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ArchiveError(f"{folder}: is not empty; an archive gets a folder of its own")
    rows: dict[str, int] = {}
    files: dict[str, dict[str, Any]] = {}
    for table in _tables(client):
        for day, blocks in _blocks(client, table, between):
            path = folder / table.name / f"{day}.parquet"
            written = _write(path, table, blocks)
            if written:
                rows[table.name] = rows.get(table.name, 0) + written
                files[str(path.relative_to(folder))] = {"rows": written, "sha256": _sha256(path)}
                tell(f"{table.name} {day}: {written:,} rows")
    folder.mkdir(parents=True, exist_ok=True)
    index = {
        "schema": known()[-1].name, "begin": between.begin.isoformat(), "end": between.end.isoformat(),
        "files": files,
    }  # fmt: skip
    (folder / INDEX).write_text(json.dumps(index, indent=1), "utf-8")
    return rows


def read_archive(client: Client, folder: Path, tell: Tell = lambda _: None) -> dict[str, int]:
    """Bring an archive into the history; rows by table, those that were there left out.

    Raises
    ------
    ArchiveError
        A file is missing or changed, or the history has other rows of a day: nothing of that day is inserted.
    HistoryDown, HistoryRefused
        Begin again: what is there already is dropped by its token.
    """
    try:
        index = json.loads((folder / INDEX).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ArchiveError(f"{folder}: no whole archive: {error}") from None
    ours = known()[-1].name
    if index["schema"] > ours:
        raise ArchiveError(
            f"{folder}: is of schema {index['schema']}, this coldplate has {ours}: use a newer one"
        )
    if index["schema"] < OLDEST:
        raise ArchiveError(
            f"{folder}: is of schema {index['schema']}, of which no rollups can be made: bring it in with the coldplate that wrote it"
        )
    tables = {table.name: table for table in _tables(client)}
    for name, entry in index["files"].items():
        path = folder / name
        if not path.is_file() or _sha256(path) != entry["sha256"]:
            raise ArchiveError(f"{path}: is missing or was changed")
        if path.parent.name not in tables:
            raise ArchiveError(f"{path}: the history has no such table: run `coldplate migrate`")
    rows: dict[str, int] = {}
    for name, entry in index["files"].items():
        table = tables[(folder / name).parent.name]
        inserted = _insert(client, table, folder / name, entry["sha256"])
        rows[table.name] = rows.get(table.name, 0) + inserted
        tell(f"{name}: {inserted:,} rows" if inserted else f"{name}: is there")
    return rows


def _tables(client: Client) -> list[_Table]:
    """All that hold something of their own."""
    sql = """
        SELECT t.name, t.engine, groupArray((c.name, c.type))
        FROM system.tables AS t
        INNER JOIN (SELECT * FROM system.columns WHERE database = currentDatabase() ORDER BY position) AS c
            ON c.table = t.name
        WHERE t.database = currentDatabase() AND endsWith(t.engine, 'MergeTree')
            AND t.engine != 'AggregatingMergeTree' AND c.default_kind NOT IN ('ALIAS', 'MATERIALIZED', 'EPHEMERAL')
        GROUP BY t.name, t.engine ORDER BY t.name
    """
    return [
        _Table(str(name), dict(columns), str(engine).startswith("Replacing"))
        for name, engine, columns in client.execute(sql)
        if name not in LEFT_OUT
    ]


def _blocks(
    client: Client, table: _Table, between: Between
) -> Iterator[tuple[str, Iterator[Columns]]]:
    """By day the blocks of its file; a table without a time has one file."""
    if "t" not in table.columns:
        sql = f"SELECT {table.selected()} FROM {table.name}"  # noqa: S608
        yield WHOLE, iter([client.columns(sql, numbers=False)])
        return
    blocks = _samples if table.name in SAMPLES else _hours
    for day in between.days():
        yield f"{day.begin:%Y-%m-%d}", blocks(client, table, day)


def _samples(client: Client, table: _Table, day: Between) -> Iterator[Columns]:
    """Rows lie by device: so many devices at a time as make a block."""
    where = day.condition()
    sql = f"SELECT device, count() FROM {table.name} WHERE {where} GROUP BY device ORDER BY device"  # noqa: S608
    first, last, held = None, None, 0
    spans: list[tuple[int, int]] = []
    for device, rows in client.execute(sql):
        if first is None or held + rows > ROWS_MAX:
            if first is not None and last is not None:
                spans.append((first, last))
            first, held = device, 0
        last, held = device, held + rows
    if first is not None and last is not None:
        spans.append((first, last))
    for low, high in spans:
        yield client.columns(
            f"SELECT {table.selected()} FROM {table.name} "  # noqa: S608
            f"WHERE {where} AND device BETWEEN {low} AND {high} ORDER BY device, {table.name}.t"
        )


def _hours(client: Client, table: _Table, day: Between) -> Iterator[Columns]:
    begin = day.begin
    while begin < day.end:
        hour = Between(begin, min(begin + timedelta(hours=1), day.end))
        sql = f"SELECT {table.selected()} FROM {table.name} WHERE {hour.condition()}"  # noqa: S608
        yield client.columns(sql, numbers=False)
        begin = hour.end


def _plain(name: str, kind: str) -> str:
    if "DateTime64" in kind:
        return f"toUnixTimestamp64Milli(`{name}`) AS `{name}_`"
    return (
        f"toUnixTimestamp(`{name}`) AS `{name}_`"
        if "DateTime" in kind
        else f"`{name}` AS `{name}_`"
    )


def _write(path: Path, table: _Table, blocks: Iterator[Columns]) -> int:
    """A row group a block; rows in all, and no file where there are none."""
    import pyarrow as pa  # noqa: PLC0415  only archives need it
    import pyarrow.parquet as pq  # noqa: PLC0415

    rows, writer = 0, None
    try:
        for block in blocks:
            columns = [pa.array(block[f"{name}_"]) for name in table.columns]
            if not len(columns[0]):
                continue
            found = pa.Table.from_arrays(columns, names=list(table.columns))
            if writer is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                writer = pq.ParquetWriter(path, found.schema, compression="zstd")
            # A column that is all absent has no type until one is not: the file's holds.
            writer.write_table(found.cast(writer.schema), row_group_size=len(found))
            rows += len(found)
    finally:
        if writer is not None:
            writer.close()
    return rows


def _insert(client: Client, table: _Table, path: Path, digest: str) -> int:
    import pyarrow.parquet as pq  # noqa: PLC0415

    with pq.ParquetFile(path) as file:
        groups: list[int] = [
            file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)
        ]
        before = 0 if table.replaces else _there(client, table, path, groups)
        if before == sum(groups):
            return 0
        for number in range(len(groups)):
            found = file.read_row_group(number)
            columns: dict[str, Any] = {
                name: found[name].to_numpy() if table.name in SAMPLES else found[name].to_pylist()
                for name in found.column_names
                if name != GONE or table.name not in SAMPLES
            }
            token = f"archive/{digest}/{number}"
            if table.name in SAMPLES:
                # Before the samples: where these are, so are they.
                for into, piece, made in rolled_up({table.name: [dict(columns)]}):
                    client.insert(into, made, f"{token}/{into}/{piece}")
            client.insert(table.name, columns, f"{token}/{table.name}")
    return sum(groups) - before


def _there(client: Client, table: _Table, path: Path, groups: list[int]) -> int:
    """Rows of the file's day in the history: none, or those of an import that was cut off."""
    where = "1"
    if path.stem != WHOLE:
        begin = datetime.strptime(path.stem, "%Y-%m-%d").replace(tzinfo=UTC)
        where = Between(begin, begin + timedelta(days=1)).condition()
    ((rows,),) = client.execute(f"SELECT count() FROM {table.name} WHERE {where}")  # noqa: S608
    if rows not in {sum(groups[:n]) for n in range(len(groups) + 1)}:
        raise ArchiveError(
            f"{path}: the history has {rows:,} rows of {table.name} of that day which are not of this archive; "
            "import into a database that has none"
        )
    return int(rows)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
