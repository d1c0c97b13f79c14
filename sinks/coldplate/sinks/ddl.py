"""The SQL that follows from the catalogue: sample tables, and the views with a column a metric.

`python -m coldplate.sinks.ddl` writes it into the schema folder. A migration that is published is never
written again: metrics added to the catalogue get a line in `GROWTH`, and with it a new file of
ALTER TABLE ... ADD COLUMN, of what feeds their rollups, and of the views that show them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from coldplate.sinks.columns import TYPES, alias, codec, column_type, comment, scaled
from coldplate.sinks.rollups import (
    STORED_TIERS,
    TIERS,
    later_sql,
    merges_sql,
    minute_columns,
    minutes_sql,
    no_statistics_sql,
    regrown_sql,
    rollup_name,
    rollup_sql,
    shown_sql,
    without_first_sql,
)
from coldplate.sinks.tables import (
    RAW_DAYS,
    SAMPLE_TABLES,
    SampleTable,
    is_as_on_wire,
    later_name,
    raw_column,
)
from coldplate.wire.metric import Kind, Metric

DEDUPLICATION_WINDOW = 10_000
"""Inserts a table remembers: 20 minutes of 8 partitions each stored once a second."""

Growth = Sequence[tuple[str, Mapping[Kind, int]]]

GROWTH: Growth = (
    ("0001_samples.sql", {Kind.GPU: 39, Kind.NODE: 3, Kind.CDU: 19, Kind.RACK: 3, Kind.HALL: 3}),
    ("0005_more_metrics.sql", {Kind.GPU: 57, Kind.NODE: 15, Kind.CDU: 27, Kind.RACK: 3, Kind.HALL: 3}),
)  # fmt: skip
"""By file: how many metrics of each kind the tables have once it is applied."""

KEPT, ROLLUPS, LATER = "0007_kept.sql", "0008_rollups.sql", "0014_later.sql"
"""Files after which samples are kept as whole steps of the history's resolution, with rollups, and with those of many inserts at once."""

SPARSE = "0015_sparse.sql"
"""After which what comes every tenth tick has no tier of 10 s but its samples."""

TEN_SECONDS = "0016_ten_seconds.sql"
"""After which nothing has."""

MERGES = "0017_merges.sql"
"""After which parts of alike size are merged with each other."""

STATISTICS = "0018_statistics.sql"
"""After which merges make no statistics."""

NOW_MINUTES = 5
"""Age up to which a sample counts as how things are now."""


def made(tables: Sequence[SampleTable] = SAMPLE_TABLES, growth: Growth = GROWTH) -> dict[str, str]:
    """Every file that follows from the catalogue, by name."""
    first = growth[0][1]
    head = "Made from the metric catalogue by coldplate.sinks.ddl.\n"
    out = {
        growth[0][0]: f"-- Samples: a row a device a tick. {head}"
        + "".join("\n" + _table(_upto(table, first)) for table in tables),
        "0003_now.sql": f"-- How things are now. {head}"
        + "".join("\n" + _now_view(_upto(table, first)) for table in tables if _is_now(table)),
    }
    kept = [_upto(t, growth[1][1]) for t in tables]
    out[KEPT] = (
        "-- Samples as whole steps of their resolution, with codecs by measurement, and the length of a tick.\n"
        "-- Rows of before are not rewritten: their steps are made from the old column when they are read.\n"
        f"-- {head}"
        + "".join("\n" + _kept(t) for t in kept)
        + "".join("\n" + _now_view(t) for t in kept if _is_now(t))
    )
    out[ROLLUPS] = f"-- Rollups: a row a device and 10 s, minute and hour. {head}" + "".join(
        "\n" + rollup_sql(t) for t in kept
    )
    out[LATER] = f"-- Rollups of many inserts at once, and merges of them. {head}" + "".join(
        "\n" + later_sql(t) for t in kept
    )
    out[SPARSE] = (
        "-- What comes every tenth tick is its own tier of 10 s: a state for each of its rows said the same again, at five times its cost.\n"
        f"-- {head}" + "".join("\n" + without_first_sql(t, later=True) for t in kept if t.sparse)
    )
    out[TEN_SECONDS] = (
        "-- The tier of 10 s is made of the samples as it is read, and minutes that were left for later are made by the sink.\n"
        f"-- {head}"
        + "".join("\n" + without_first_sql(t) for t in kept if not t.sparse)
        # Its whole numbers were floats.
        + "".join("\n" + shown_sql(t, TIERS[0]) for t in kept if t.sparse)
        + "".join("\n" + minutes_sql(t) for t in kept)
    )
    out[MERGES] = f"-- Parts of alike size are merged with each other. {head}\n" + merges_sql(
        _often_inserted(kept)
    )
    out[STATISTICS] = f"-- Merges make no statistics of columns. {head}\n" + no_statistics_sql(
        _often_inserted(kept)
    )
    for (_, before), (name, now) in pairwise(growth):
        pairs = [(_upto(t, now), _upto(t, before)) for t in tables]
        more = [(new, old) for new, old in pairs if new.metrics != old.metrics]
        # Before there were no feeds to extend, and columns had another form.
        added = _more_kept if name > ROLLUPS else _more
        out[name] = (
            f"-- More metrics. {head}"
            + "".join("\n" + added(new, old) for new, old in more)
            + "".join("\n" + _now_view(new) for new, _ in more if _is_now(new))
        )
    return out


def _often_inserted(tables: Sequence[SampleTable]) -> list[str]:
    states = [f"{rollup_name(table, tier)}_state" for table in tables for tier in STORED_TIERS]
    return [*(table.name for table in tables), *states, "frames", "baselines"]


def _upto(table: SampleTable, counts: Mapping[Kind, int]) -> SampleTable:
    """The table as it was when its kind had so many metrics."""
    there = tuple(m for m in table.metrics if m.number < counts[table.kind])
    return replace(table, metrics=there)


def _is_now(table: SampleTable) -> bool:
    return not table.sparse and table.kind is not Kind.HALL


def _more(now: SampleTable, before: SampleTable) -> str:
    lines = [
        f"    ADD COLUMN IF NOT EXISTS{line[3:]}"
        for metric in now.metrics
        if metric not in before.metrics
        for line in _columns(metric)
    ]
    return f"ALTER TABLE {now.name}\n" + ",\n".join(lines) + ";\n"


def _more_kept(now: SampleTable, before: SampleTable) -> str:
    """Columns first, then what reads them: sinks of before go on meanwhile, and their rows lack the metric."""
    lines = [
        f"    ADD COLUMN IF NOT EXISTS {column}"
        for metric in now.metrics
        if metric not in before.metrics
        for column in (
            f"{raw_column(metric)} {column_type(metric)} CODEC({codec(metric)})",
            f"{metric.name} {alias(metric)}",
        )
    ]
    added = [metric for metric in now.metrics if metric not in before.metrics]
    bare = [f"    ADD COLUMN IF NOT EXISTS {column}" for column in minute_columns(added)]
    return (
        f"ALTER TABLE {now.name}\n" + ",\n".join(lines) + ";\n\n"
        f"ALTER TABLE {later_name(now)}\n" + ",\n".join(bare) + f";\n\n{regrown_sql(now)}"
    )


def _table(table: SampleTable) -> str:
    columns = [
        "    device UInt64 COMMENT 'Key of the device, see inventory' CODEC(ZSTD(1))",
        "    t DateTime64(3, 'UTC') COMMENT 'Tick' CODEC(DoubleDelta, ZSTD(1))",
        "    boot UInt64 COMMENT 'Start of the agent that sampled' CODEC(ZSTD(1))",
        "    seq UInt64 COMMENT 'Its frame' CODEC(DoubleDelta, ZSTD(1))",
        "    present UInt64 COMMENT 'Bit n is set where metric number n is there' CODEC(ZSTD(1))",
    ]
    columns += [line for metric in table.metrics for line in _columns(metric)]
    return (
        f"CREATE TABLE IF NOT EXISTS {table.name}\n(\n" + ",\n".join(columns) + "\n)\n"
        "ENGINE = MergeTree\nPARTITION BY toDate(t)\nORDER BY (device, t)\n"
        f"TTL toDate(t) + INTERVAL {RAW_DAYS} DAY\n"
        f"SETTINGS non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}, "
        "ttl_only_drop_parts = 1;\n"
    )


def _kept(table: SampleTable) -> str:
    lines = [
        "ADD COLUMN IF NOT EXISTS tick_ms UInt32 DEFAULT 1000 COMMENT 'Length of a tick' CODEC(Delta, ZSTD(1)) AFTER t",
        *(f"MODIFY COLUMN {name} UInt64 CODEC(Delta, ZSTD(1))" for name in ("boot", "present")),
    ]
    for metric in table.metrics:
        column = raw_column(metric)
        if is_as_on_wire(metric):
            lines.append(f"MODIFY COLUMN {column} {column_type(metric)} CODEC({codec(metric)})")
            continue
        old = f"{metric.name}_raw"
        value = old if metric.dtype[0] == "f" else scaled(old, metric.scale)
        steps = f"{value} / {metric.kept_scale:.12g}"
        made = f"DEFAULT to{column_type(metric)}(round({steps})) CODEC({codec(metric)}) AFTER {old}"
        lines += [
            f"ADD COLUMN IF NOT EXISTS {column} {column_type(metric)} {made}",
            f"MODIFY COLUMN {metric.name} {alias(metric)}",
            f"COMMENT COLUMN {old} 'Not written any more'",
        ]
    return f"ALTER TABLE {table.name}\n    " + ",\n    ".join(lines) + ";\n"


def _columns(metric: Metric) -> tuple[str, str]:
    """Of before `KEPT`: as on the wire."""
    wire, raw = TYPES[metric.dtype], f"{metric.name}_raw"
    if metric.dtype[0] == "f":
        codec, kind, value = "ZSTD(1)", wire, raw
    else:
        codec = "Delta, ZSTD(1)" if metric.counter else "T64, ZSTD(1)"
        kind, value = (wire, raw) if metric.scale == 1.0 else ("Float64", scaled(raw, metric.scale))
    there = f"if(bitTest(present, {metric.number}), {value}, NULL)"
    return (
        f"    {raw} {wire} CODEC({codec})",
        f"    {metric.name} Nullable({kind}) ALIAS {there} COMMENT '{comment(metric)}'",
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
