"""The rollups: a row a device and 10 s, minute and hour, with count, lowest, highest, mean and last value of each metric.

Minutes and hours are tables (`gpu_1m_stats`) with a column for each statistic of each metric, all of them such that rows of one
bucket can be merged: a bucket may be added to at any time, and rows that come late correct theirs. The sink makes them of the
samples that it stores (buckets.py, docs/adr/0015-rollups-as-plain-columns.md). People read `gpu_1m`, with values in their units.
`gpu_10s` has the same columns, made of the samples as they are read (docs/adr/0013-minutes-made-by-the-sink.md).
"""

from dataclasses import dataclass

from coldplate.sinks.columns import column_type, scaled
from coldplate.sinks.tables import SampleTable, kept_dtype, raw_column
from coldplate.wire.metric import Metric

DEDUPLICATION_WINDOW = 10_000
HOUR_MS = 3_600_000

VALUE_BITS = 42
"""Of a `latest`, below its time in the hour: of several rows the one with the last value has the highest number then."""

ZERO = 1 << (VALUE_BITS - 1)
"""What stands for 0 there. A value that is further away from 0 is told as the furthest: of energy that is 99 years at 700 W, in J."""

MERGE_ROWS = 1024
"""Of each part that are in memory in a merge, some 2 kB a row: of four dozen parts 8,192 each would be 800 MB."""

COMPACT_BYTES = 256 << 20
"""Parts up to this have all columns in one file: some hundred files each would cost an insert more than what is in them."""

CODEC = "T64, ZSTD(1)"
"""What is left of these numbers are some bits: beside Delta, half the time of an insert, and two thirds of the bytes."""

POWERS = ("power_w", "node_power_w", "rack_power_w", "hall_power_w")
"""A device's own power; of its other powers (instant, peaks, feeds) energy would say nothing or be said twice."""

_TABLE = """CREATE TABLE IF NOT EXISTS {name}
(
    {columns}
)
ENGINE = AggregatingMergeTree
PARTITION BY {partition}
ORDER BY (device, t)
TTL toDate(t) + INTERVAL {days} DAY
SETTINGS non_replicated_deduplication_window = {window}, ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1,
    auto_statistics_types = '', merge_selector_base = {merge_base}, merge_max_block_size = {merge_rows},
    min_bytes_for_wide_part = {compact_bytes};
"""

_KEYS = (
    "device UInt64 COMMENT 'Key of the device, see inventory' CODEC(ZSTD(1))",
    "t DateTime('UTC') COMMENT 'Begin of the bucket' CODEC(DoubleDelta, ZSTD(1))",
    f"samples SimpleAggregateFunction(sum, UInt64) COMMENT 'Ticks' CODEC({CODEC})",
    f"used SimpleAggregateFunction(sum, Int64) COMMENT 'Power times milliseconds' CODEC({CODEC})",
)
KEYS = tuple(line.split()[0] for line in _KEYS)
"""Columns of every row, before those of its metrics."""

STATISTICS = ("n", "low", "high", "sum", "latest")
"""Ends of the names of a metric's columns."""

MERGE_BASE = 60
"""So many times what the largest part of a merge is the merge has to be, less as parts become more, and each part counts as 5 MB
more than it is: parts of alike size are merged some 35 at a time, and each row twice in hours instead of three to thirty times.

With ClickHouse's 5, and the more so with a least number of parts, the large one of before is written again with the few small
ones that came since (docs/adr/0014-parts-of-alike-size.md has the figures)."""


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

STORED_TIERS = MINUTE, HOUR = TIERS[1:]
"""Those with a table; the first is made of the samples as it is read."""


def rollup_name(table: SampleTable, tier: Tier) -> str:
    """`gpu_1m` of `gpu_samples`: the view for people."""
    return f"{table.name.removesuffix('_samples')}_{tier.word}"


def stats_name(table: SampleTable, tier: Tier) -> str:
    """`gpu_1m_stats` of `gpu_samples`: the table behind the view."""
    return f"{rollup_name(table, tier)}_stats"


def limits(metric: Metric) -> tuple[int, int]:
    """What stands for lowest and highest where there is no value, so that any value is lower, and higher."""
    dtype = kept_dtype(metric)
    bits = 8 * int(dtype[1:])
    return ((1 << bits) - 1, 0) if dtype[0] == "u" else ((1 << bits - 1) - 1, -(1 << bits - 1))


def stats_columns(metrics: tuple[Metric, ...]) -> list[str]:
    """Columns of a tier's table for these metrics, with types; of a metric that a sink does not know they say that it is absent."""
    out: list[str] = []
    for m in metrics:
        of, (low, high) = column_type(m), limits(m)
        out += [
            f"{m.name}_n SimpleAggregateFunction(sum, UInt64) CODEC({CODEC})",
            f"{m.name}_low SimpleAggregateFunction(min, {of}) DEFAULT {low} CODEC({CODEC})",
            f"{m.name}_high SimpleAggregateFunction(max, {of}) DEFAULT {high} CODEC({CODEC})",
            f"{m.name}_sum SimpleAggregateFunction(sum, Int64) CODEC({CODEC})",
            f"{m.name}_latest SimpleAggregateFunction(max, UInt64) CODEC({CODEC})",
        ]
    return out


def stats_names(table: SampleTable) -> list[str]:
    """Names of a tier's columns, in the order in which `stats_of` has them."""
    return [*KEYS, *(f"{m.name}_{what}" for m in table.metrics for what in STATISTICS)]


def stats_sql(table: SampleTable, tier: Tier) -> str:
    """The statement that makes a tier's table."""
    return _TABLE.format(
        name=stats_name(table, tier), columns=",\n    ".join([*_KEYS, *stats_columns(table.metrics)]),
        partition=tier.partition, days=tier.days, window=DEDUPLICATION_WINDOW, merge_base=MERGE_BASE,
        merge_rows=MERGE_ROWS, compact_bytes=COMPACT_BYTES,
    )  # fmt: skip


def stats_of(table: SampleTable, tier: Tier, where: str = "") -> str:
    """The query that makes a tier's rows from samples, of all or of those that a condition selects."""
    read, made = [], []
    for m in table.metrics:
        # Not under their own names: `pcie_gen_max` is a metric.
        v, there, of, (low, high) = f"v{m.number}", f"p{m.number}", column_type(m), limits(m)
        read += [f"{raw_column(m)} AS {v}", f"bitTest(present, {m.number}) AS {there}"]
        made += [
            f"countIf({there}) AS {m.name}_n",
            f"min(if({there}, {v}, to{of}({low}))) AS {m.name}_low",
            f"max(if({there}, {v}, to{of}({high}))) AS {m.name}_high",
            f"sum(toInt64({v})) AS {m.name}_sum",
            f"max(if({there}, {packed(v, 'ms')}, toUInt64(0))) AS {m.name}_latest",
        ]
        if m.name in POWERS:
            read.append(f"toInt64({raw_column(m)}) * tick_ms AS power")
    used = "sum(power)" if any(m.name in POWERS for m in table.metrics) else "toInt64(0)"
    return (
        f"SELECT\n    device,\n    toStartOfInterval(toDateTime(tick), INTERVAL {tier.seconds} SECOND) AS t,\n"  # noqa: S608
        f"    count() AS samples,\n    {used} AS used,\n    "
        + ",\n    ".join(made)
        + f"\nFROM\n(\n    SELECT device, t AS tick, toUnixTimestamp64Milli(t) % {HOUR_MS} + 1 AS ms, {', '.join(read)}\n"  # noqa: S608
        f"    FROM {table.name}{f' WHERE {where}' if where else ''}\n)\nGROUP BY device, t"
    )


def packed(value: str, ms: str) -> str:
    """SQL of a `latest`: a whole value and its milliseconds in the hour, from 1 on. buckets.py has the same for arrays."""
    near = f"least(greatest(toInt64({value}), {-ZERO}), {ZERO - 1})"
    return f"bitShiftLeft(toUInt64({ms}), {VALUE_BITS}) + toUInt64({near} + {ZERO})"


def unpacked(latest: str) -> str:
    """SQL of the value in a `latest` that is not 0."""
    return f"(toInt64(bitAnd({latest}, {(1 << VALUE_BITS) - 1})) - {ZERO})"


def shown_sql(table: SampleTable, tier: Tier) -> str:
    """The view of a tier for people."""
    return _view(table, tier) if tier in STORED_TIERS else _view_of_samples(table, tier)


def _view(table: SampleTable, tier: Tier) -> str:
    columns = [line for m in table.metrics for line in _columns(m)]
    return (
        f"CREATE OR REPLACE VIEW {rollup_name(table, tier)} AS SELECT\n    device,\n    t,\n    samples,\n    "
        + ",\n    ".join(columns)
        + f"\nFROM {stats_name(table, tier)} FINAL;\n"
    )


def _columns(metric: Metric) -> list[str]:
    name, scale = metric.name, metric.kept_scale

    def there(value: str) -> str:
        return f"if({name}_n = 0, NULL, {scaled(value, scale)})"

    lines = [
        f"{name}_n AS {name}_count",
        f"{there(f'toInt64({name}_low)')} AS {name}_min",
        f"{there(f'toInt64({name}_high)')} AS {name}_max",
        f"{there(f'({name}_sum / {name}_n)')} AS {name}_mean",
        f"{there(unpacked(f'{name}_latest'))} AS {name}_last",
    ]
    return [*lines, f"{scaled('used', scale / 1000)} AS used_j"] if name in POWERS else lines


def _view_of_samples(table: SampleTable, tier: Tier) -> str:
    """Columns as of `_view`; one that is not asked for is not read."""
    lines, read = [], []
    for m in table.metrics:
        # Not under their own names: `pcie_gen_max` is a metric, and the highest of another.
        v, n = f"v{m.number}", m.name
        read += [f"{'toInt64' if _whole(m) else 'toFloat64'}({n}) AS {v}"]
        lines += [f"count({v}) AS {n}_count", f"min({v}) AS {n}_min", f"max({v}) AS {n}_max"]
        lines += [f"avg({v}) AS {n}_mean", f"argMax({v}, tick) AS {n}_last"]
        if n in POWERS:
            read += [f"toInt64({raw_column(m)}) * tick_ms AS used"]
            lines += [f"{scaled('sum(used)', m.kept_scale / 1000)} AS used_j"]
    return (
        f"CREATE OR REPLACE VIEW {rollup_name(table, tier)} AS SELECT\n    device,\n"  # noqa: S608
        f"    toStartOfInterval(toDateTime(tick), INTERVAL {tier.seconds} SECOND) AS t,\n    count() AS samples,\n    "
        + ",\n    ".join(lines)
        + f"\nFROM\n(\n    SELECT device, t AS tick, {', '.join(read)} FROM {table.name}\n)\nGROUP BY device, t;\n"  # noqa: S608
    )


def _whole(metric: Metric) -> bool:
    """True where lowest, highest and last of stored tiers are whole numbers: see `scaled`."""
    return metric.kept_scale != 1.0 and metric.kept_scale.is_integer()
