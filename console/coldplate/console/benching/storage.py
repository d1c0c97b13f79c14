"""What the history costs: bytes a value, and processor time a value of client and server, beside VictoriaMetrics.

Both get the same values at the same resolution, an hour at a time. A value is one that is present; the bytes are those
of the sample tables with everything in them (keys, times, masks, marks), merged. The rollups are written in a second
pass, so that what they cost is seen by itself: VictoriaMetrics makes none.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import psutil

from coldplate.console.benching import victoria
from coldplate.console.benching.day import Day
from coldplate.console.benching.machine import describe
from coldplate.console.benching.progress import Progress
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.part import Part
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.supervisor import Supervisor
from coldplate.sinks.client import Client
from coldplate.sinks.columns import codec, column_type
from coldplate.sinks.later import rolled_up
from coldplate.sinks.migrate import migrate
from coldplate.sinks.retention import DAYS_MAX
from coldplate.sinks.rollups import STORED_TIERS, stats_name
from coldplate.sinks.rows import Columns, sample_columns
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.sinks.tables import SAMPLE_TABLES, raw_column
from coldplate.wire.frame import decode_frame
from coldplate.wire.metric import Metric

START_S_MAX, ANSWER_S = 60.0, 600.0
CODECS = (
    "ZSTD(1)", "ZSTD(3)", "Delta, ZSTD(1)", "Delta, ZSTD(3)", "DoubleDelta, ZSTD(1)",
    "T64, ZSTD(1)", "T64, ZSTD(3)", "T64('bit'), ZSTD(1)", "T64, LZ4",
)  # fmt: skip
"""Beside each other, for every column that varies, on some of the devices."""

BESIDE_DEVICES = 8
SAMPLES = tuple(table.name for table in SAMPLE_TABLES)

_OURS = "database = currentDatabase() AND active"
_TABLES_SQL = """
SELECT name FROM system.tables
WHERE database = currentDatabase() AND (name LIKE '%%_samples' OR engine = 'AggregatingMergeTree')
"""


def measure(state: Path | None, recording: Path, hours: int, peer: bool) -> dict[str, Any]:
    """What its JSON shows.

    Parameters
    ----------
    state
        Where the twin's day is kept, made when it is not there; None for a place that is forgotten.
    recording
        Folder of the recorded GPU.
    hours
        Of the twin.
    peer
        Whether VictoriaMetrics is measured too.

    Raises
    ------
    Failure, StackError
        A server did not start, or died.
    """
    if not recording.is_dir():
        raise Failure(f"there is no recording in {recording}", BAD_INPUT)
    binary = victoria.program() if peer else None
    with tempfile.TemporaryDirectory(prefix="coldplate-bench-") as folder, Progress() as progress:
        progress.show("making the twin's day", 0.0)
        day = Day((state or Path(folder)) / "day", recording, hours)
        day.make()
        context = Context(os.devnull, str(Path(folder) / "stack"))
        parts, endpoints = local_servers(context.state, Cache.default(), kafka=False)
        others = (victoria.victoria_part(context.state, binary),) if binary else ()
        with Supervisor(context.state, (*parts, *others)) as stack, stack.signals():
            stack.wait_healthy(START_S_MAX)
            servers = {s.name: psutil.Process(s.pid) for s in stack.states if s.pid}
            settings = ClickHouseSettings.from_url(endpoints.clickhouse_owner)
            with Client(settings, answer_s=ANSWER_S) as client:
                out = _ClickHouse(client, day, servers["clickhouse"], progress).result()
            out |= _peer(day, others, servers, progress, peer)
        # While the day is there: its folder may be one that is forgotten.
        out |= {"hours": hours, "input_sha256": day.sha256()}
    if out["victoriametrics_bytes_per_value"]:
        out["ratio"] = round(out["bytes_per_value"] / out["victoriametrics_bytes_per_value"], 3)
    return {**out, "machine": describe()}


@dataclass(slots=True)
class _Cost:
    """Of ingest: values, and processor seconds of either side."""

    values: int = 0
    client_s: float = 0.0
    server_s: float = 0.0

    def rates(self) -> dict[str, int]:
        """Values a second of one core's time."""
        return {
            "values_per_client_cpu_s": round(self.values / self.client_s),
            "values_per_server_cpu_s": round(self.values / self.server_s),
        }


class _ClickHouse:
    """The history, alone and with its rollups."""

    def __init__(
        self, client: Client, day: Day, server: psutil.Process, progress: Progress
    ) -> None:
        self._client, self._day, self._server, self._progress = client, day, server, progress
        # Lowest and highest of what is present, and how often that is, by table and metric.
        self._seen: dict[tuple[str, Metric], tuple[int, int, int]] = {}

    def result(self) -> dict[str, Any]:
        """Both passes, and codecs beside each other."""
        migrate(self._client)
        raw = self._ingest("samples")
        stored = self._bytes(SAMPLES)
        by_column = self._bytes_by_column()
        for name in SAMPLES:
            self._client.execute(f"TRUNCATE TABLE {name}")
        both = self._ingest("samples and rollups")
        columns = {
            (table, metric): {
                "bytes_per_value": round(by_column[table, raw_column(metric)] / seen[2], 4),
                "values": seen[2], "codec": codec(metric),
            }
            for (table, metric), seen in self._seen.items()
        }  # fmt: skip
        varying = [key for key, (low, high, _) in self._seen.items() if low != high]
        bytes_varying = sum(by_column[table, raw_column(m)] for table, m in varying)
        values_varying = sum(self._seen[key][2] for key in varying)
        for key, beside in self._alternatives(varying).items():
            columns[key]["beside"] = beside
        return {
            "values": raw.values, "rows": self._rows(),
            "bytes_per_value": round(stored / raw.values, 4),
            "bytes_per_value_varying": round(bytes_varying / values_varying, 4),
            **raw.rates(),
            "with_rollups": both.rates() | {
                f"{tier.word}_bytes_per_value": round(
                    self._bytes([stats_name(t, tier) for t in SAMPLE_TABLES]) / raw.values, 4
                )
                for tier in STORED_TIERS
            },
            "columns": {f"{table}.{m.name}": entry for (table, m), entry in columns.items()},
        }  # fmt: skip

    def _ingest(self, words: str) -> _Cost:
        """Everything into the tables, as the sink does it; merged to one part a day at the end, which counts too."""
        client, cost = self._client, _Cost()
        tables = [str(n) for (n,) in client.execute(_TABLES_SQL)]
        for name in tables:
            # The input is of a fixed day, however long ago that is.
            client.execute(f"ALTER TABLE {name} MODIFY TTL toDate(t) + INTERVAL {DAYS_MAX} DAY")
        server_s = _cpu_s(self._server)
        for number, frames in enumerate(self._day.frames()):
            self._progress.show(f"ClickHouse: {words}", number / (self._day.hours + 1))
            begin_s = process_time()
            samples = sample_columns([decode_frame(frame) for frame in frames])
            for name, columns in samples.tables.items():
                client.insert(name, columns, f"{words}/{number}")
            made = {name: [dict(columns)] for name, columns in samples.tables.items()}
            for name, piece, rows in rolled_up(made if words != "samples" else {}):
                client.insert(name, rows, f"{words}/{number}/{piece}")
            cost.client_s += process_time() - begin_s
            cost.values += int(samples.values.sum())
            if words == "samples":
                self._look(samples.tables)
        for name in tables:
            client.execute(f"OPTIMIZE TABLE {name} FINAL")
        cost.server_s = _cpu_s(self._server) - server_s
        return cost

    def _look(self, tables: Mapping[str, Columns]) -> None:
        for table in SAMPLE_TABLES:
            for metric in table.metrics if table.name in tables else ():
                columns = tables[table.name]
                there = columns["present"] >> np.uint64(metric.number) & np.uint64(1)
                values = columns[raw_column(metric)][there.astype(np.bool_)]
                if len(values):
                    low, high = int(values.min()), int(values.max())
                    was = self._seen.get((table.name, metric), (low, high, 0))
                    now = (min(low, was[0]), max(high, was[1]), was[2] + len(values))
                    self._seen[table.name, metric] = now

    def _alternatives(
        self, varying: Sequence[tuple[str, Metric]]
    ) -> dict[tuple[str, Metric], dict[str, float]]:
        """Bytes a row of each varying column under each codec."""
        out: dict[tuple[str, Metric], dict[str, float]] = {}
        for name in SAMPLES:
            metrics = [m for table, m in varying if table == name]
            columns = [
                f"{raw_column(m)}__{i} {column_type(m)} CODEC({how})"
                for m in metrics for i, how in enumerate(CODECS)
            ]  # fmt: skip
            if not metrics:
                continue
            self._progress.show(f"codecs: {name}", 0.5)
            self._client.execute(
                f"CREATE TABLE beside (device UInt64, t DateTime64(3), {', '.join(columns)}) "
                "ENGINE = MergeTree ORDER BY (device, t) SETTINGS min_bytes_for_wide_part = 0"
            )
            chosen = ", ".join(f"{raw_column(m)}" for m in metrics for _ in CODECS)
            self._client.execute(
                f"INSERT INTO beside SELECT device, t, {chosen} FROM {name} "
                f"WHERE device IN (SELECT DISTINCT device FROM {name} ORDER BY cityHash64(device) LIMIT {BESIDE_DEVICES})"
            )
            self._client.execute("OPTIMIZE TABLE beside FINAL")
            ((rows,),) = self._client.execute("SELECT count() FROM beside")
            sizes = self._bytes_by_column()
            for m in metrics:
                out[name, m] = {
                    how: round(sizes["beside", f"{raw_column(m)}__{i}"] / rows, 4)
                    for i, how in enumerate(CODECS)
                }
            self._client.execute("DROP TABLE beside SYNC")
        return out

    def _bytes(self, tables: Sequence[str]) -> int:
        """On disk, keys and marks included."""
        sql = f"SELECT sum(bytes_on_disk) FROM system.parts WHERE {_OURS} AND table IN %(tables)s"
        return int(self._client.execute(sql, {"tables": tuple(tables)})[0][0])

    def _bytes_by_column(self) -> dict[tuple[str, str], int]:
        sql = (
            "SELECT table, column, sum(column_data_compressed_bytes) FROM system.parts_columns "
            f"WHERE {_OURS} GROUP BY table, column"
        )
        return {(str(t), str(c)): int(n) for t, c, n in self._client.execute(sql)}

    def _rows(self) -> dict[str, int]:
        sql = f"SELECT table, sum(rows) FROM system.parts WHERE {_OURS} AND rows > 0 GROUP BY table"
        return {str(table): int(rows) for table, rows in self._client.execute(sql)}


def _peer(
    day: Day, parts: Sequence[Part], servers: Mapping[str, psutil.Process], progress: Progress,
    wanted: bool,
) -> dict[str, Any]:  # fmt: skip
    """VictoriaMetrics with the same values; None and the reason where it is not there."""
    if not parts:
        why = f"not there; make it with: {victoria.build_command()}" if wanted else "not asked for"
        return {"victoriametrics_bytes_per_value": None, "ratio": None, "victoriametrics": why}
    server, cost = servers[victoria.NAME], _Cost()
    client = victoria.Victoria(parts[0].ports[victoria.NAME])
    server_s = _cpu_s(server)
    for number, frames in enumerate(day.frames()):
        progress.show("VictoriaMetrics", number / (day.hours + 1))
        begin_s = process_time()
        samples = sample_columns([decode_frame(frame) for frame in frames])
        client.ask("POST", "/api/v1/import", b"\n".join(victoria.lines(samples.tables)))
        cost.client_s += process_time() - begin_s
        cost.values += int(samples.values.sum())
    stored = client.merged_bytes()
    cost.server_s = _cpu_s(server) - server_s
    return {
        "victoriametrics_bytes_per_value": round(stored / cost.values, 4),
        "victoriametrics": {**cost.rates(), "values": cost.values, "stored_rows": client.rows()},
    }


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
