"""A metric that the catalogue gets later: the file that `ddl` writes for it, on a database with rows."""

import time
from dataclasses import replace

import numpy as np
import pytest
from sinks.servers import database

from coldplate.sinks import ddl
from coldplate.sinks.buckets import hours, minutes
from coldplate.sinks.client import Client
from coldplate.sinks.cluster import Cluster, sharding_keys
from coldplate.sinks.migrate import Migration, known, migrate
from coldplate.sinks.rollups import HOUR, MINUTE, TIERS, rollup_name, stats_name
from coldplate.sinks.tables import SAMPLE_TABLES, kept_dtype, raw_column
from coldplate.wire.metric import CATALOGUE, Kind, Metric

NAME = "9999_more_metrics.sql"
HOUR_S = 3600


def made_up(kind, rate):
    """The catalogue's next number, kept more coarsely than sent, under a name that nothing has."""
    number = len(CATALOGUE[kind])
    return Metric(
        kind, number, f"made_up_{rate}_c", "degC", "f4", 0.01, rate, "test", "Made up", kept=0.1
    )


NEW = {"gpu_samples": made_up(Kind.GPU, "fast"), "cdu_samples": made_up(Kind.CDU, "fast")}


def grown():
    """The sample tables with the new metrics."""
    return tuple(
        replace(t, metrics=(*t.metrics, NEW[t.name])) if t.name in NEW else t for t in SAMPLE_TABLES
    )


def migration():
    """The file that a developer would get."""
    counts = dict(ddl.GROWTH[-1][1])
    for metric in NEW.values():
        counts[metric.kind] += 1
    files = ddl.made(grown(), (*ddl.GROWTH, (NAME, counts)))
    assert {name: files[name] for name in ddl.made()} == ddl.made()
    return Migration(9999, NAME, files[NAME])


def insert(client, table, t_s, new=None):
    """A row of one device, every metric 7 steps, the new one as told, with its rollups; `new` None: by a sink that does not know it."""
    metrics = [m for m in table.metrics if new is not None or m != NEW[table.name]]
    columns = {
        "device": np.array([5], np.uint64),
        "t": np.array([t_s * 1000], np.int64),
        "tick_ms": np.array([1000], np.uint32),
        "boot": np.array([1], np.uint64),
        "seq": np.array([t_s], np.uint64),
        "present": np.array([sum(1 << m.number for m in metrics)], np.uint64),
    }
    columns |= {raw_column(m): np.array([7], kept_dtype(m)) for m in metrics}
    if new is not None:
        columns[raw_column(NEW[table.name])] = np.array([new], kept_dtype(NEW[table.name]))
    client.insert(table.name, columns, f"{table.name}/{t_s}")
    known_metrics = replace(table, metrics=tuple(metrics))
    of_minutes = minutes(known_metrics, columns)
    client.insert(stats_name(table, MINUTE), of_minutes, f"{table.name}/{t_s}")
    client.insert(stats_name(table, HOUR), hours(known_metrics, of_minutes), f"{table.name}/{t_s}")


@pytest.mark.e2e
def test_a_new_metric_has_rollups_and_leaves_the_others_as_they_were(clickhouse_url):
    """Buckets of before and after merge, in every tier; applied by half or twice, it is the same."""
    hour = (int(time.time()) // HOUR_S - 2) * HOUR_S
    tables = [t for t in grown() if t.name in NEW]
    with database(clickhouse_url) as settings, Client(settings) as client:
        migrate(client)
        for table in tables:
            insert(client, table, hour)
        first, *others = migration().statements
        client.execute(first)
        # A sink of before goes on while the file is applied.
        for table in tables:
            insert(client, table, hour + 1)
        client.execute(others[0])
        migrate(client, [*known(), migration()])
        for table in tables:
            # A sink that does not know the metric, and one that does.
            insert(client, table, hour + 4)
            insert(client, table, hour + 5, 250)
            insert(client, table, hour + 2, 300)
            insert(client, table, hour + 3, 200)
        for table in tables:
            old, new = table.metrics[0].name, NEW[table.name].name
            assert client.execute(f"SELECT count({new}), max({new}) FROM {table.name}") == [
                (3, 30.0)
            ]
            for tier in TIERS:
                sql = (
                    f"SELECT samples, {old}_count, {new}_count, {new}_min, {new}_max, {new}_mean, {new}_last "
                    f"FROM {rollup_name(table, tier)}"
                )
                assert client.execute(sql) == [(6, 6, 3, 20.0, 30.0, 25.0, 25.0)]
        now = int(time.time())
        insert(client, tables[0], now, 400)
        assert client.execute("SELECT made_up_fast_c FROM gpu_now") == [(40.0,)]


def test_every_statement_of_it_may_be_run_again_and_on_a_cluster():
    """Columns are added on each shard, to samples and to both tiers that are stored."""
    statements = migration().statements
    for sql in statements:
        assert "IF NOT EXISTS" in sql or "OR REPLACE" in sql
    altered = [s for s in statements if s.startswith("ALTER")]
    assert 3 * len(NEW) == len(altered)
    for sql in altered:
        on_shards, everywhere = Cluster("four", "own").render(sql, sharding_keys())
        assert on_shards.startswith("ALTER TABLE own.")
        assert everywhere.startswith("CREATE OR REPLACE TABLE")
