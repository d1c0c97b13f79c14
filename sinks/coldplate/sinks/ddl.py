"""The SQL that follows from the catalogue: the rollups' tables, the views with a column a metric, and what a new metric adds.

`python -m coldplate.sinks.ddl` writes it into the schema folder. A migration that is published is never written again, and files of before
those that are made here are as they were published. Metrics added to the catalogue get a line in `GROWTH`, and with it a new file of
ALTER TABLE ... ADD COLUMN and of the views that show them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from coldplate.sinks.columns import alias, codec, column_type
from coldplate.sinks.rollups import (
    HOUR_MS,
    STORED_TIERS,
    TIERS,
    Tier,
    limits,
    packed,
    rollup_name,
    shown_sql,
    stats_columns,
    stats_name,
    stats_names,
    stats_sql,
)
from coldplate.sinks.tables import SAMPLE_TABLES, SampleTable, raw_column
from coldplate.wire.metric import Kind

Growth = Sequence[tuple[str, Mapping[Kind, int]]]

COLUMNS, NO_STATES = "0019_rollup_columns.sql", "0021_without_states.sql"
"""After which rollups have a column for each statistic of each metric, and after which what they were before is gone."""

GROWTH: Growth = (
    (COLUMNS, {Kind.GPU: 57, Kind.NODE: 15, Kind.CDU: 27, Kind.RACK: 3, Kind.HALL: 3}),
)
"""By file: how many metrics of each kind the tables have once it is applied."""

NOW_MINUTES = 5
"""Age up to which a sample counts as how things are now."""

COPY_ROWS = 65_536
"""Of a block of what is copied: some 100 MB in memory, and a part of the new table."""


def made(tables: Sequence[SampleTable] = SAMPLE_TABLES, growth: Growth = GROWTH) -> dict[str, str]:
    """Every file that follows from the catalogue, by name."""
    head = "Made from the metric catalogue by coldplate.sinks.ddl.\n"
    first = [_upto(t, growth[0][1]) for t in tables]
    out = {
        COLUMNS: (
            "-- Rollups with a column for each statistic of each metric, filled with what there was; sinks wait meanwhile.\n"
            f"-- {head}" + "".join("\n" + _into_columns(t) for t in first)
        ),
        NO_STATES: f"-- What rollups were made of before. {head}"
        + "".join("\n" + _without_states(t) for t in first),
    }
    for (_, before), (name, now) in pairwise(growth):
        pairs = [(_upto(t, now), _upto(t, before)) for t in tables]
        more = [(new, old) for new, old in pairs if new.metrics != old.metrics]
        out[name] = (
            f"-- More metrics. {head}"
            + "".join("\n" + _more(new, old) for new, old in more)
            + "".join("\n" + _now_view(new) for new, _ in more if _is_now(new))
        )
    return out


def _upto(table: SampleTable, counts: Mapping[Kind, int]) -> SampleTable:
    """The table as it was when its kind had so many metrics."""
    there = tuple(m for m in table.metrics if m.number < counts[table.kind])
    return replace(table, metrics=there)


def _is_now(table: SampleTable) -> bool:
    return not table.sparse and table.kind is not Kind.HALL


def _into_columns(table: SampleTable) -> str:
    """Nothing feeds rollups any more; each tier's table begins anew, as a copy that was cut off may be in it."""
    base = table.name.removesuffix("_samples")
    feeds = (
        *(f"{rollup_name(table, tier)}_feed" for tier in STORED_TIERS),
        f"{base}_1m_later_feed",
    )
    gone = "".join(f"DROP TABLE IF EXISTS {name} SYNC;\n" for name in (*feeds, f"{base}_1m_later"))
    return gone + "".join(
        f"\nDROP TABLE IF EXISTS {stats_name(table, tier)} SYNC;\n\n{stats_sql(table, tier)}\n"
        f"{_copied(table, tier)}\n{shown_sql(table, tier)}"
        for tier in STORED_TIERS
    )


def _copied(table: SampleTable, tier: Tier) -> str:
    """Rows of what was an array a statistic with a metric a place; of metrics that came later they are shorter.

    When the last value was is not to be had any more: it is from the bucket's begin, so that what comes after the copy is newer.
    """
    columns: list[str] = []
    for place, m in enumerate(table.metrics, 1):
        of, (low, high) = column_type(m), limits(m)
        begin_ms = f"toUnixTimestamp(t) % {HOUR_MS // 1000} * 1000 + 1"
        columns += [
            f"n[{place}]",
            f"if(n[{place}] = 0, to{of}({low}), to{of}(low[{place}]))",
            f"if(n[{place}] = 0, to{of}({high}), to{of}(high[{place}]))",
            f"total[{place}]",
            f"if(n[{place}] = 0, toUInt64(0), {packed(f'last[{place}]', begin_ms)})",
        ]
    states = ", ".join(
        f"finalizeAggregation({state}) AS {name}"
        for state, name in (
            ("counts", "n"),
            ("lows", "low"),
            ("highs", "high"),
            ("sums", "total"),
            ("lasts", "last"),
        )
    )
    return (
        f"INSERT INTO {stats_name(table, tier)} ({', '.join(stats_names(table))})\n"  # noqa: S608
        f"SETTINGS max_threads = 1, max_insert_threads = 1, max_block_size = {COPY_ROWS // 8}, min_insert_block_size_rows = {COPY_ROWS},\n"
        "    insert_deduplicate = 0, distributed_foreground_insert = 1\n"
        "SELECT device, t, samples, used,\n    "
        + ",\n    ".join(columns)
        + f"\nFROM (SELECT device, t, samples, used, {states} FROM {rollup_name(table, tier)}_state);\n"  # noqa: S608
    )


def _without_states(table: SampleTable) -> str:
    """Of any size: the server refuses to drop a large table unless it is told so. States of 10 s may be older than the samples, and stay until they are too old."""
    return (
        "".join(
            f"DROP TABLE IF EXISTS {rollup_name(table, tier)}_state SYNC SETTINGS max_table_size_to_drop = 0;\n"
            for tier in STORED_TIERS
        )
        + f"ALTER TABLE {table.name} DROP COLUMN IF EXISTS later;\n"
    )


def _more(now: SampleTable, before: SampleTable) -> str:
    """Columns first, then what reads them: sinks of before go on meanwhile, and their rows lack the metric."""
    added = tuple(metric for metric in now.metrics if metric not in before.metrics)
    samples = [
        column
        for metric in added
        for column in (
            f"{raw_column(metric)} {column_type(metric)} CODEC({codec(metric)})",
            f"{metric.name} {alias(metric)}",
        )
    ]
    tables = {now.name: samples} | {
        stats_name(now, tier): stats_columns(added) for tier in STORED_TIERS
    }
    return (
        "\n".join(
            f"ALTER TABLE {name}\n    "
            + ",\n    ".join(f"ADD COLUMN IF NOT EXISTS {column}" for column in columns)
            + ";\n"
            for name, columns in tables.items()
        )
        + "\n"
        + "\n".join(shown_sql(now, tier) for tier in TIERS)
    )


def _now_view(table: SampleTable) -> str:
    # The newest tick a device is found on two narrow columns, and only those rows are read whole.
    recent = f"t > now64(3) - INTERVAL {NOW_MINUTES} MINUTE"
    names = ",\n    ".join(f"s.{m.name} AS {m.name}" for m in table.metrics)
    listed = ", ".join(m.name for m in table.metrics)
    return (
        f"CREATE OR REPLACE VIEW {table.kind.word}_now AS\nSELECT\n"  # noqa: S608
        "    if(i.id = '', concat('device ', toString(s.device)), i.id) AS id,\n"
        "    i.rack AS rack,\n    i.node AS node,\n    i.hall AS hall,\n    i.row AS row,\n"
        f"    s.device AS device,\n    s.t AS t,\n    {names}\n"
        f"FROM\n(\n    SELECT device, t, {listed}\n    FROM {table.name}\n"
        f"    WHERE {recent} AND (device, t) IN\n"
        f"        (SELECT device, max(t) FROM {table.name} WHERE {recent} GROUP BY device)\n"
        "    LIMIT 1 BY device\n) AS s\n"
        "LEFT JOIN (SELECT * FROM inventory FINAL) AS i ON i.device = s.device;\n"
    )


def main() -> None:
    """Write the generated files."""
    schema = Path(__file__).parent / "schema"
    for name, sql in made().items():
        (schema / name).write_text(sql, "utf-8")


if __name__ == "__main__":
    main()
