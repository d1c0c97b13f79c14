"""The pipeline itself: how old samples are when they can be asked for, what is lost or refused and why, what it takes."""

from coldplate.dashboards.board import Board, Section
from coldplate.dashboards.panels import (
    THIRD,
    WHOLE,
    bars,
    gauges,
    limits,
    link,
    number,
    rows,
    series,
    units,
)
from coldplate.dashboards.tiers import COARSE, tiered
from coldplate.dashboards.units import unit_of

_FRAMES = "FROM frames WHERE $__timeFilter(appended_at)"
_MANY = "LIMIT 20000"
_KAFKA_S = "(toUnixTimestamp64Milli(appended_at) - toUnixTimestamp64Milli(t) - (ticks - 1) * tick_ms) / 1000"
"""From a frame's last tick to Kafka: mostly the time that a frame collects ticks."""

_STORED_S = "(toUnixTimestamp64Milli(stored_at) - toUnixTimestamp64Milli(appended_at)) / 1000"
_AGE_S = f"({_KAFKA_S} + {_STORED_S})"
LATE_S = 60
"""Behind it a frame counts as late: it was in a spool, or the sink behind."""

_SPAN_S = "greatest(1, dateDiff('second', $__fromTime, $__toTime))"


def _one(value: str) -> str:
    return f"SELECT {value} AS n {_FRAMES} LIMIT 1"


def _course(columns: str, by: str = "") -> str:
    names = f"time, {by}" if by else "time"
    return (
        f"SELECT $__timeInterval(appended_at) AS {names}, {columns} {_FRAMES}"
        f" GROUP BY {names} ORDER BY time {_MANY}"
    )


def _agents(columns: str) -> str:
    return tiered(
        "node",
        lambda table, condition: (
            f"SELECT $__timeInterval(t) AS time, {columns} FROM {table}"
            f" WHERE $__timeFilter(t) AND {condition} GROUP BY time ORDER BY time {_MANY}"
        ),
        COARSE,
    )


def _grown(column: str, name: str) -> str:
    """Growth of a counter of all nodes within each interval."""
    return tiered(
        "node",
        lambda table, condition: (
            f"SELECT $__timeInterval(t) AS time, sum(greatest(0, grown)) AS `{name}` FROM (SELECT t,"
            f" {column}_max - lagInFrame({column}_max, 1, {column}_max) OVER (PARTITION BY device ORDER BY t ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)"
            f" AS grown FROM {table} WHERE $__timeFilter(t) AND {condition}) GROUP BY time ORDER BY time {_MANY}"
        ),
        COARSE,
    )


_REFUSED = (
    "SELECT reason, sum(records) AS records FROM sink_rejects WHERE $__timeFilter(t) GROUP BY reason ORDER BY records DESC LIMIT 50"
    " UNION ALL SELECT 'none' AS reason, 0 AS records WHERE (SELECT count() FROM sink_rejects WHERE $__timeFilter(t)) = 0 LIMIT 1"
)
_SILENT = (
    "SELECT source, any(rack) AS rack, max(t) AS newest, dateDiff('second', newest, $__toTime) AS silent_s, argMax(boot, t) AS boot, count() AS frames"
    f" {_FRAMES} GROUP BY source ORDER BY silent_s DESC, source LIMIT 100"
)
_LEDGER = (
    "SELECT source, any(r) AS rack, sum(top + 1 - low) AS produced, sum(there) AS stored, produced - stored AS missing, count() AS starts FROM ("
    f"SELECT source, boot, any(rack) AS r, max(seq) AS top, min(seq) AS low, count() AS there {_FRAMES} GROUP BY source, boot)"
    " GROUP BY source ORDER BY missing DESC, source LIMIT 100"
)
_MISSING = (
    "SELECT sum(top + 1 - low - there) AS n FROM ("
    f"SELECT max(seq) AS top, min(seq) AS low, count() AS there {_FRAMES} GROUP BY source, boot) LIMIT 1"
)
_PARTITIONS = (
    "SELECT topic_partition, count() AS frames, uniqExact(source) AS agents, max(record_offset) AS newest_offset, max(appended_at) AS newest,"
    f" quantile(0.99)({_STORED_S}) AS stored_99_s {_FRAMES} GROUP BY topic_partition ORDER BY frames DESC LIMIT 500"
)
_BATCHES = (
    "SELECT $__timeInterval(written_at) AS time, topic, count() AS batches, avg(last - first + 1) AS `records a batch`"
    f" FROM sink_batches WHERE $__timeFilter(written_at) AND NOT match(topic_id, '/(rollups|fed)$') GROUP BY time, topic ORDER BY time {_MANY}"
)
_DETECTED = (
    "SELECT $__timeInterval(t) AS time, quantile(0.5)(s) AS half, quantile(0.99)(s) AS `99 in 100`, max(s) AS longest FROM ("
    "SELECT t, (toUnixTimestamp64Milli(arrived_at) - toUnixTimestamp64Milli(t)) / 1000 AS s"
    f" FROM anomalies WHERE $__timeFilter(t) AND arrived_at IS NOT NULL) GROUP BY time ORDER BY time {_MANY}"
)
_PARTS = (
    "SELECT table, sum(rows) AS `rows`, sum(bytes_on_disk) AS disk_bytes, disk_bytes / rows AS `bytes a row`, count() AS parts,"
    " max(modification_time) AS newest FROM system.parts WHERE active AND database = currentDatabase()"
    " GROUP BY table ORDER BY disk_bytes DESC LIMIT 100"
)
_DISKS = "SELECT name, 1 - free_space / total_space AS used_ratio FROM system.disks ORDER BY name LIMIT 20"
_KEPT = (
    "SELECT table, min(min_time) AS oldest, max(max_time) AS newest FROM system.parts WHERE active AND database = currentDatabase()"
    " AND (table LIKE '%_samples' OR table LIKE '%_stats') AND rows > 0 GROUP BY table ORDER BY table LIMIT 100"
)

BOARD = Board(
    "pipeline",
    "Pipeline",
    "How old samples are when they can be asked for, what is lost or refused and why, and what it takes.",
    [
        Section("Over the time shown", [
            number("Age, 99 in 100", "From a frame's last tick until it can be asked for.", unit_of("age_s"), _one(f"quantileOrNull(0.99)({_AGE_S})")),
            number("Samples a second", "Devices times ticks, stored.", "suffix: /s", _one(f"sum(samples) / {_SPAN_S}")),
            number("Values a second", "That were present.", "suffix: /s", _one(f"sum(`values`) / {_SPAN_S}")),
            number("Missing", "Frames that agents numbered and that are not here: on their way, dropped or lost.", "short", _MISSING)
            .thresholds(limits((1, "#D55E00"))),
            number(
                "Refused", "Records that the sink did not store; their first bytes are in the topic of rejects.", "short",
                "SELECT sum(records) AS n FROM sink_rejects WHERE $__timeFilter(t) LIMIT 1",
            ).thresholds(limits((1, "#E69F00"))),
            number("Late", f"Frames that could be asked for only {LATE_S} s or more after their last tick.", "short", _one(f"countIf({_AGE_S} > {LATE_S})")),
        ]),
        Section("Age", [
            series("From tick to Kafka", "Mostly the time for which an agent collects ticks in a frame.", unit_of("age_s"), _course(
                f"quantile(0.5)({_KAFKA_S}) AS half, quantile(0.99)({_KAFKA_S}) AS `99 in 100`, max({_KAFKA_S}) AS longest"), span=THIRD),
            series("From Kafka to here", "What the sink collects for a batch, and how far it is behind.", unit_of("age_s"), _course(
                f"quantile(0.5)({_STORED_S}) AS half, quantile(0.99)({_STORED_S}) AS `99 in 100`, max({_STORED_S}) AS longest"), span=THIRD),
            series("From tick to detection", "Until the worker had the tick, of what it said.", unit_of("age_s"), _DETECTED, span=THIRD),
        ]),
        Section("Flow", [
            series("Samples", "Stored, a second.", "suffix: /s", _course("sum(samples) / $__interval_s AS samples"), span=THIRD),
            series("Frames", "Stored, a second, by partition.", "suffix: /s", _course("count() / $__interval_s AS frames", "topic_partition"), span=THIRD),
            series("Batches", "Ranges that the sink set out to store, and records in each.", "short", _BATCHES, span=THIRD),
            units(rows("Partitions", "What came of each, and how long it took to be stored.", _PARTITIONS, span=WHOLE), {"stored_99_s": unit_of("stored_99_s")}),
        ]),
        Section("Lost and refused", [
            bars("Refused, by reason", "Records that were not stored.", "short", _REFUSED, span=THIRD),
            series("Dropped by agents", "Frames, because their spool was full.", "short", _grown("dropped_frames_total", "frames"), span=THIRD),
            series("Missed by agents", "Ticks that were not sampled.", "short", _grown("missed_ticks_total", "ticks"), span=THIRD),
            link(rows(
                "Produced and stored", "By agent, of the frames of the time shown: missing is what it numbered in between and what is not here."
                " The view `ledger` has the same for the whole history, with the agents' own drops.", _LEDGER,
            ), "rack", "rack", "rack"),
            link(units(
                rows("Silent for longest", "Agents by their newest frame.", _SILENT), {"silent_s": unit_of("silent_s"), "boot": "string"},
            ), "rack", "rack", "rack"),
        ]),
        Section("What it takes", [
            series("Spools", "Bytes that agents hold until Kafka has them.", "bytes", _agents("sum(spool_bytes_last) AS `all agents`, max(spool_bytes_max) AS `fullest agent`"), span=THIRD),
            series("Agents' processors", "Share of one core.", "percentunit", _agents("avg(agent_cpu_ratio_mean) AS mean, max(agent_cpu_ratio_max) AS highest"), span=THIRD),
            series("Agents' memory", "Resident.", "bytes", _agents("avg(agent_rss_bytes_mean) AS mean, max(agent_rss_bytes_max) AS highest"), span=THIRD),
            units(
                rows("Tables", "Of the history. Needs the right to read system.parts, as the next two panels do.", _PARTS),
                {"disk_bytes": "bytes", "bytes a row": "bytes"},
            ),
            rows("Kept", "Oldest and newest sample of each table.", _KEPT, span=6),
            gauges("Disks", "Of ClickHouse: share that is used.", "percentunit", _DISKS, span=6),
        ]),
    ],
    levels=(),
    from_="now-1h",
    refresh="10s",
)  # fmt: skip
