"""The rollups: a row a device and 10 s, minute and hour; minute and hour are kept up by views that run within the sink's insert.

A tier's state (`gpu_1m_state`) has an array a statistic with a metric a place: counts, lowest, highest, sums, last values.
All of them can be merged from parts, so a bucket may be added to at any time, and rows that come late correct theirs. What
feeds it (`gpu_1m_feed`) inserts under the token of the sink's own insert, so that a repeated one adds nothing anywhere
(docs/adr/0007-rollups-fed-by-views.md has the test, and why arrays). People read `gpu_1m`, with a column each.
`gpu_10s` has the same columns, made of the samples as they are read: ten of these take no more bytes than their bucket's
state, and no longer to read (docs/adr/0013-minutes-made-by-the-sink.md).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from coldplate.sinks.columns import column_type, scaled
from coldplate.sinks.tables import SampleTable, later_name, raw_column
from coldplate.wire.metric import Metric

DEDUPLICATION_WINDOW = 10_000
LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1
HOUR_MS = 3_600_000

NOW = "later = 0"
"""Rows whose rollups are made as they are inserted."""

SAMPLE_PARTS = 16
"""Parts of samples that were merged at once at least, until `merges_sql`."""

MERGE_BASE = 60
"""So many times what the largest part of a merge is the merge has to be, less as parts become more, and each part counts as 5 MB
more than it is: parts of alike size are merged some 35 at a time, and each row twice in hours instead of three to thirty times.

With ClickHouse's 5, and the more so with a least number of parts, the large one of before is written again with the few small
ones that came since (docs/adr/0014-parts-of-alike-size.md has the figures)."""

STATE_ROWS = 512
"""Of each part that are in memory in a merge, at some 10 kB: of four dozen parts 8,192 each, which is usual, were more than the server had."""

POWERS = ("power_w", "node_power_w", "rack_power_w", "hall_power_w")
"""A device's own power; of its other powers (instant, peaks, feeds) energy would say nothing or be said twice."""

_STATE = """CREATE TABLE IF NOT EXISTS {name}_state
(
    device UInt64 COMMENT 'Key of the device, see inventory' CODEC(ZSTD(1)),
    t DateTime('UTC') COMMENT 'Begin of the bucket' CODEC(DoubleDelta, ZSTD(1)),
    samples SimpleAggregateFunction(sum, UInt64) COMMENT 'Ticks' CODEC(Delta, ZSTD(1)),
    counts AggregateFunction(sumForEach, Array(UInt8)) CODEC(ZSTD(3)),
    lows AggregateFunction(minForEach, Array(Int64)) CODEC(ZSTD(3)),
    highs AggregateFunction(maxForEach, Array(Int64)) CODEC(ZSTD(3)),
    sums AggregateFunction(sumForEach, Array(Int64)) CODEC(ZSTD(3)),
    lasts AggregateFunction(argMaxForEach, Array(Int64), Array(UInt32)) CODEC(ZSTD(3)),
    used SimpleAggregateFunction(sum, Int64) COMMENT 'Power times milliseconds' CODEC(T64, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY {partition}
ORDER BY (device, t)
TTL toDate(t) + INTERVAL {days} DAY
SETTINGS non_replicated_deduplication_window = {window}, ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1;
"""

# A place is 1 in `there` where the metric is. What is absent is 0 in the samples: it must be neither lowest nor highest,
# and the time of its last value is before all others.
_FROM_SAMPLES = """SELECT
    device,
    toStartOfInterval(toDateTime(tick), INTERVAL {seconds} SECOND) AS t,
    count() AS samples,
    sumForEachState(there) AS counts,
    minForEachState(arrayMap((v, p) -> if(p, v, {highest}), v, there)) AS lows,
    maxForEachState(arrayMap((v, p) -> if(p, v, {lowest}), v, there)) AS highs,
    sumForEachState(v) AS sums,
    argMaxForEachState(v, arrayMap(p -> if(p, ms, toUInt32(0)), there)) AS lasts,
    sum({used}) AS used
FROM
(
    SELECT device, t AS tick, tick_ms,
        toUInt32(toUnixTimestamp64Milli(t) % {hour_ms} + 1) AS ms,
        [{values}] AS v,
        [{there}] AS there
    FROM {source}{where}
)
GROUP BY device, t"""

# Rows that the sink made of samples (minutes.py); a minute may be in several.
_FROM_MINUTES = """SELECT
    device,
    t,
    sum(ticks) AS samples,
    sumForEachState(n) AS counts,
    minForEachState(low) AS lows,
    maxForEachState(high) AS highs,
    sumForEachState(total) AS sums,
    argMaxForEachState(last, ms) AS lasts,
    sum(power) AS used
FROM
(
    SELECT device, t, samples AS ticks, used AS power,
        [{n}] AS n,
        [{low}] AS low,
        [{high}] AS high,
        [{sum}] AS total,
        [{last}] AS last,
        [{ms}] AS ms
    FROM {source}
)
GROUP BY device, t"""

OF_MINUTE = {
    "n": "UInt8", "low": f"Int64 DEFAULT {HIGHEST}", "high": f"Int64 DEFAULT {LOWEST}", "sum": "Int64", "last": "Int64",
    "ms": "UInt32",
}  # fmt: skip
"""What a minute has of each metric, and its type, which is that of the states; of a metric that a sink does not know, what is absent."""

_FROM_TIER = """CREATE MATERIALIZED VIEW IF NOT EXISTS {name}_feed TO {name}_state AS SELECT
    s.device AS device,
    toStartOfInterval(s.t, INTERVAL {seconds} SECOND) AS t,
    sum(s.samples) AS samples,
    sumForEachMergeState(s.counts) AS counts,
    minForEachMergeState(s.lows) AS lows,
    maxForEachMergeState(s.highs) AS highs,
    sumForEachMergeState(s.sums) AS sums,
    argMaxForEachMergeState(s.lasts) AS lasts,
    sum(s.used) AS used
FROM {source}_state AS s
GROUP BY device, t;
"""


@dataclass(frozen=True, slots=True)
class Tier:
    """One resolution.

    Parameters
    ----------
    word
        End of its tables' names.
    seconds
        Length of a bucket.
    days
        For which it is kept.
    partition
        Of its time.
    """

    word: str
    seconds: int
    days: int
    partition: str


TIERS = (
    Tier("10s", 10, 90, "toYYYYMM(t)"),
    Tier("1m", 60, 400, "toYYYYMM(t)"),
    Tier("1h", 3600, 3650, "toYear(t)"),
)

STORED_TIERS = TIERS[1:]
"""Those with a table of states; the first is made of the samples as it is read."""


def rollup_name(table: SampleTable, tier: Tier) -> str:
    """`gpu_10s` of `gpu_samples`: the view for people; `_state` behind it is the table."""
    return f"{table.name.removesuffix('_samples')}_{tier.word}"


def rollup_sql(table: SampleTable) -> str:
    """Tables, feeds and views of all tiers, as they were at first; a tier is fed by the one before it."""
    out: list[str] = []
    source = ""
    for tier in TIERS:
        name = rollup_name(table, tier)
        out.append(
            _STATE.format(
                name=name, partition=tier.partition, days=tier.days, window=DEDUPLICATION_WINDOW
            )
        )
        if source:
            out.append(_FROM_TIER.format(name=name, seconds=tier.seconds, source=source))
        else:
            feed = f"CREATE MATERIALIZED VIEW IF NOT EXISTS {name}_feed TO {name}_state AS "
            out.append(f"{feed}{states_of(table, tier)};\n")
        out.append(_view(name, table))
        source = name
    return "\n".join(out)


def regrown_sql(table: SampleTable) -> str:
    """After a table got more metrics: what feeds its first tier, which passes them on, and the views of all.

    A new metric is a place more at the end of the arrays; states of before are shorter, and merge with these.
    """
    tier = STORED_TIERS[0]
    name = rollup_name(table, tier)
    feed = _refed(f"{name}_feed", states_of(table, tier, NOW))
    later = _refed(f"{later_name(table)}_feed", _states_of_minutes(table))
    return "\n".join([feed, later, *(shown_sql(table, tier) for tier in TIERS)])


def later_sql(table: SampleTable) -> str:
    """How rollups of many inserts are made at once: samples marked `later` feed none, the same rows sent once more do.

    A bucket's states are made once an insert and tier, so a sink of a large hall gathers a minute of them.
    """
    tier, name = TIERS[0], _samples_later(table)
    feed, state = rollup_name(table, tier), f"{rollup_name(table, tier)}_state"
    columns = ["device UInt64", "t DateTime64(3, 'UTC')", "tick_ms UInt32", "present UInt64"]
    columns += [f"{raw_column(m)} {column_type(m)}" for m in table.metrics]
    return (
        f"ALTER TABLE {table.name} ADD COLUMN IF NOT EXISTS later UInt8 DEFAULT 0 "
        "COMMENT '1: the rollups were made of many inserts at once' CODEC(ZSTD(1)) AFTER present;\n\n"
        f"{_refed(f'{feed}_feed', states_of(table, tier, NOW))}\n"
        f"CREATE TABLE IF NOT EXISTS {name}\n(\n    "
        + ",\n    ".join(columns)
        + "\n)\nENGINE = Null;\n\n"
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS {feed}_later_feed TO {state} AS "
        f"{states_of(table, tier, source=name)};\n\n"
        f"ALTER TABLE {table.name} MODIFY SETTING min_parts_to_merge_at_once = {SAMPLE_PARTS};\n"
        + "".join(
            f"ALTER TABLE {rollup_name(table, t)}_state MODIFY SETTING merge_max_block_size = {STATE_ROWS};\n"
            for t in TIERS
        )
    )


def without_first_sql(table: SampleTable, *, later: bool = False) -> str:
    """The minute is fed by the samples, and the tier of 10 s is a view of them; `later`: by samples that were left for later, too.

    What was stored of it stays until it is too old; rows inserted between these statements are in no rollup until they are rebuilt.
    """
    gone, tier = rollup_name(table, TIERS[0]), STORED_TIERS[0]
    name = rollup_name(table, tier)
    dropped = (f"{gone}_feed", f"{gone}_later_feed", f"{name}_feed", f"{name}_later_feed")
    made = {f"{name}_feed": (NOW, "")}
    if later:
        made[f"{name}_later_feed"] = ("", _samples_later(table))
    return "\n".join(
        [f"DROP TABLE IF EXISTS {feed} SYNC;" for feed in dropped]
        + [
            f"\nCREATE MATERIALIZED VIEW IF NOT EXISTS {feed} TO {name}_state AS {states_of(table, tier, where, source)};"
            for feed, (where, source) in made.items()
        ]
        + [
            f"\nALTER TABLE {gone}_state MODIFY COMMENT 'Not fed any more: {gone} is made of {table.name}';\n",
            f"ALTER TABLE {table.name} MODIFY SETTING materialize_ttl_recalculate_only = 1;\n",
            f"ALTER TABLE {table.name} MODIFY TTL toDate(t) + INTERVAL {TIERS[0].days} DAY;\n",
            # Whole numbers were floats in the first of these files.
            _view_of_samples(gone, table, TIERS[0], floats=later),
        ]
    )


def minutes_sql(table: SampleTable) -> str:
    """What was left for later comes as minutes that the sink made, and no more as samples."""
    name, state = later_name(table), f"{rollup_name(table, STORED_TIERS[0])}_state"
    columns = ["device UInt64", "t DateTime('UTC')", "samples UInt64", "used Int64"]
    columns += minute_columns(table.metrics)
    return (
        f"DROP TABLE IF EXISTS {name}_feed SYNC;\n"
        f"DROP TABLE IF EXISTS {_samples_later(table)} SYNC;\n\n"
        f"CREATE TABLE IF NOT EXISTS {name}\n(\n    "
        + ",\n    ".join(columns)
        + "\n)\nENGINE = Null;\n\n"
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS {name}_feed TO {state} AS {_states_of_minutes(table)};\n"
    )


def merges_sql(names: Iterable[str]) -> str:
    """How parts of these tables are chosen to be merged."""
    return "".join(
        f"ALTER TABLE {name} MODIFY SETTING merge_selector_base = {MERGE_BASE}, min_parts_to_merge_at_once = 0;\n"
        for name in names
    )


def no_statistics_sql(names: Iterable[str]) -> str:
    """Merges of these tables make no statistics of columns, which are a third of what they take.

    They are for joins and for conditions on any column: what is asked here goes by device and time, the tables' order.
    """
    return "".join(
        f"ALTER TABLE {name} MODIFY SETTING auto_statistics_types = '';\n" for name in names
    )


def minute_columns(metrics: Iterable[Metric]) -> list[str]:
    """Of the table that takes minutes, with their types."""
    return [f"{m.name}_{what} {of}" for m in metrics for what, of in OF_MINUTE.items()]


def _states_of_minutes(table: SampleTable) -> str:
    lists = {what: ", ".join(f"{m.name}_{what}" for m in table.metrics) for what in OF_MINUTE}
    return _FROM_MINUTES.format(source=later_name(table), **lists)


def _samples_later(table: SampleTable) -> str:
    """Took samples whose rollups were left for later, until `minutes_sql`."""
    return f"{table.name.removesuffix('_samples')}_later"


def _refed(feed: str, query: str) -> str:
    """Statements that give a feed another query; a run that died between them is made good by the next.

    A feed whose query was modified has another identity from the server's next start on, and what is inserted again then, under the
    token of before, would feed once more (ClickHouse 26.7). Renamed there and back it has its last identity at once.
    """
    aside = f"{feed}_aside"
    return (
        f"RENAME TABLE IF EXISTS {aside} TO {feed};\n\n"
        f"ALTER TABLE {feed} MODIFY QUERY {query};\n\n"
        f"RENAME TABLE IF EXISTS {feed} TO {aside}, {aside} TO {feed};\n"
    )


def states_of(table: SampleTable, tier: Tier, where: str = "", source: str = "") -> str:
    """The query that makes a tier's states from samples, of all or of those that a condition selects."""
    powers = [i for i, m in enumerate(table.metrics, 1) if m.name in POWERS]
    return _FROM_SAMPLES.format(
        seconds=tier.seconds, highest=HIGHEST, lowest=LOWEST, hour_ms=HOUR_MS,
        source=source or table.name, used=f"v[{powers[0]}] * tick_ms" if powers else "toInt64(0)",
        values=", ".join(f"toInt64({raw_column(m)})" for m in table.metrics),
        there=", ".join(f"bitTest(present, {m.number})" for m in table.metrics),
        where=f" WHERE {where}" if where else "",
    )  # fmt: skip


def shown_sql(table: SampleTable, tier: Tier) -> str:
    """The view of a tier for people."""
    name = rollup_name(table, tier)
    return _view(name, table) if tier in STORED_TIERS else _view_of_samples(name, table, tier)


def _view_of_samples(name: str, table: SampleTable, tier: Tier, *, floats: bool = False) -> str:
    """Columns as of `_view`; one that is not asked for is not read. `floats`: also what is whole there."""
    lines, read = [], []
    for m in table.metrics:
        # Not under their own names: `pcie_gen_max` is a metric, and the highest of another.
        v, n = f"v{m.number}", m.name
        read += [f"{'toInt64' if _whole(m) and not floats else 'toFloat64'}({n}) AS {v}"]
        lines += [f"count({v}) AS {n}_count", f"min({v}) AS {n}_min", f"max({v}) AS {n}_max"]
        lines += [f"avg({v}) AS {n}_mean", f"argMax({v}, tick) AS {n}_last"]
        if n in POWERS:
            read += [f"toInt64({raw_column(m)}) * tick_ms AS used"]
            lines += [f"{scaled('sum(used)', m.kept_scale / 1000)} AS used_j"]
    return (
        f"CREATE OR REPLACE VIEW {name} AS SELECT\n    device,\n"  # noqa: S608
        f"    toStartOfInterval(toDateTime(tick), INTERVAL {tier.seconds} SECOND) AS t,\n    count() AS samples,\n    "
        + ",\n    ".join(lines)
        + f"\nFROM\n(\n    SELECT device, t AS tick, {', '.join(read)} FROM {table.name}\n)\nGROUP BY device, t;\n"  # noqa: S608
    )


def _whole(metric: Metric) -> bool:
    """True where lowest, highest and last of stored tiers are whole numbers: see `scaled`."""
    return metric.kept_scale != 1.0 and metric.kept_scale.is_integer()


def _view(name: str, table: SampleTable) -> str:
    columns = [line for i, m in enumerate(table.metrics, 1) for line in _columns(i, m)]
    inner = (
        "device, t, samples, finalizeAggregation(counts) AS n, finalizeAggregation(lows) AS low, "
        "finalizeAggregation(highs) AS high, finalizeAggregation(sums) AS total, "
        f"finalizeAggregation(lasts) AS last, used FROM {name}_state FINAL"
    )
    return (
        f"CREATE OR REPLACE VIEW {name} AS SELECT\n    device,\n    t,\n    samples,\n    "
        + ",\n    ".join(columns)
        + f"\nFROM\n(\n    SELECT {inner}\n);\n"
    )


def _columns(place: int, metric: Metric) -> list[str]:
    name, scale = metric.name, metric.kept_scale

    def there(value: str) -> str:
        return f"if(n[{place}] = 0, NULL, {scaled(value, scale)})"

    lines = [
        f"n[{place}] AS {name}_count",
        f"{there(f'low[{place}]')} AS {name}_min",
        f"{there(f'high[{place}]')} AS {name}_max",
        f"{there(f'(total[{place}] / n[{place}])')} AS {name}_mean",
        f"{there(f'last[{place}]')} AS {name}_last",
    ]
    return [*lines, f"{scaled('used', scale / 1000)} AS used_j"] if name in POWERS else lines
