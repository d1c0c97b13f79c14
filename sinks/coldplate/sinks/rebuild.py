"""Makes the rollups of a stretch of time anew from the samples.

Each partition of a tier is made beside the old one: its parts linked, the stretch's rows taken out, made again from the
samples. One statement then puts it in the old one's place, so that readers see the old or the new, whenever this dies;
begun again, it begins with the partition anew. What a sink adds meanwhile would be lost with the old partition, and what it
adds later would be in twice, so rows that are being stored, or wait for their rollups, are waited out: see `Busy`.
"""

from collections.abc import Callable
from datetime import UTC, timedelta

from coldplate.sinks.agreement import Between, disagreeing, slices
from coldplate.sinks.batch import FED, LATER
from coldplate.sinks.migrate import Statements
from coldplate.sinks.rollups import (
    STORED_TIERS,
    Tier,
    rollup_name,
    stats_name,
    stats_names,
    stats_of,
)
from coldplate.sinks.tables import SAMPLE_TABLES, SampleTable

QUIET_S = 60
"""So long no frame of the stretch may have been stored."""

FED_WITHIN_HOURS = 48
"""What was stored before has its rollups: Kafka keeps it for a day."""

BUCKETS_MAX = 100_000
"""Which are made at a time: some 2 kB each."""

Tell = Callable[[str], None]


class Busy(RuntimeError):  # noqa: N818  no error of the program
    """Sinks store frames of that time just now, or have still to make their rollups."""


class Gone(ValueError):  # noqa: N818
    """Samples of that time are not kept any more: the rollups are all there is."""


def rebuild(client: Statements, between: Between, tell: Tell = lambda _: None) -> dict[str, int]:
    """Make all rollups of a stretch anew; by tier's name the buckets that were wrong before.

    Raises
    ------
    Busy, Gone
        Nothing was changed.
    HistoryDown, HistoryRefused
        Where it is interrupted, each partition is either as before or whole.
    """
    _check_quiet(client, between)
    _check_fed(client, between)
    for table in SAMPLE_TABLES:
        _check_kept(client, table, between)
    out: dict[str, int] = {}
    for table in SAMPLE_TABLES:
        for tier in STORED_TIERS:
            name = rollup_name(table, tier)
            out[name] = disagreeing(client, table, tier, between)
            if out[name]:
                tell(f"{name}: {out[name]} buckets")
                _rebuild(client, table, tier, between)
    return out


def _check_quiet(client: Statements, between: Between) -> None:
    sql = (
        f"SELECT count() FROM frames WHERE {between.condition()} "  # noqa: S608
        f"AND stored_at > now64(3) - INTERVAL {QUIET_S} SECOND"
    )
    ((count,),) = client.execute(sql)
    if count:
        raise Busy(
            f"{count} frames of that time were stored within the last {QUIET_S} s: stop the sinks first; "
            "Kafka keeps what comes"
        )


def _check_fed(client: Statements, between: Between) -> None:
    """Refuse where a sink will add to rollups what is made here too.

    It notes when the rollups of a range are stored (`FED`), and ranges of a partition follow one another.
    """
    sql = f"""
        SELECT count() FROM (SELECT topic_partition, record_offset FROM frames WHERE {between.condition()}) AS f
        INNER JOIN
        (
            SELECT concat(topic, '/', toString(partition)) AS place,
                maxIf(toInt64(last), endsWith(topic_id, '/{LATER}')) AS stored,
                if(countIf(endsWith(topic_id, '/{FED}')) = 0, -1, maxIf(toInt64(last), endsWith(topic_id, '/{FED}'))) AS fed
            FROM sink_batches WHERE written_at > now64(3) - INTERVAL {FED_WITHIN_HOURS} HOUR
            GROUP BY kafka, topic, splitByChar('/', topic_id)[1], partition
            HAVING countIf(endsWith(topic_id, '/{LATER}')) > 0 AND stored > fed
        ) AS w ON f.topic_partition = w.place
        WHERE f.record_offset > w.fed AND f.record_offset <= w.stored
    """  # noqa: S608
    ((count,),) = client.execute(sql)
    if count:
        raise Busy(
            f"{count} frames of that time are stored and wait for their rollups: start the sinks with sink.rollup_s = 0, and "
            "stop them when coldplate_sink_later_rows is 0"
        )


def _check_kept(client: Statements, table: SampleTable, between: Between) -> None:
    """Refuse where a bucket would be taken away for which nothing is left."""
    ((oldest, rows),) = client.execute(f"SELECT min(t), count() FROM {table.name}")  # noqa: S608
    kept_from = between.end if not rows else oldest.replace(tzinfo=UTC)
    if kept_from <= between.begin:
        return
    hour = kept_from.replace(minute=0, second=0, microsecond=0)
    end = min(hour, between.end)
    for tier in STORED_TIERS if end > between.begin else ():
        name = rollup_name(table, tier)
        where = Between(between.begin, end).condition()
        ((buckets,),) = client.execute(
            f"SELECT count() FROM {stats_name(table, tier)} WHERE {where}"  # noqa: S608
        )
        if buckets:
            raise Gone(
                f"{name} has buckets before {end:%Y-%m-%d %H:%M}, and no sample of {table.name} is that old: "
                "what they were made from is gone; begin later"
            )


def _rebuild(client: Statements, table: SampleTable, tier: Tier, between: Between) -> None:
    live, beside = stats_name(table, tier), f"{rollup_name(table, tier)}_rebuilt"
    inside = between.condition()
    client.execute(f"DROP TABLE IF EXISTS {beside} SYNC")
    client.execute(f"CREATE TABLE {beside} AS {live}")
    partitions = _partitions(client, tier, between)
    for partition in partitions:
        client.execute(f"ALTER TABLE {beside} ATTACH PARTITION ID '{partition}' FROM {live}")
    client.execute(f"ALTER TABLE {beside} DELETE WHERE {inside} SETTINGS mutations_sync = 1")
    make(client, table, tier, beside, between)
    for partition in partitions:
        client.execute(f"ALTER TABLE {live} REPLACE PARTITION ID '{partition}' FROM {beside}")
    client.execute(f"DROP TABLE {beside} SYNC")


def make(client: Statements, table: SampleTable, tier: Tier, into: str, between: Between) -> None:
    """Make a tier's rows from samples, into a table of its form.

    Raises
    ------
    HistoryDown, HistoryRefused
    """
    for where in slices(client, table, tier, between, BUCKETS_MAX):
        made, names = stats_of(table, tier, where), ", ".join(stats_names(table))
        client.execute(f"INSERT INTO {into} ({names}) SETTINGS insert_deduplicate = 0 {made}")


def _partitions(client: Statements, tier: Tier, between: Between) -> list[str]:
    """Ids of those that the stretch lies in, also where there is no row of it: the others' rows are to stay."""
    hours = int((between.end - between.begin) / timedelta(hours=1))
    begin = int(between.begin.timestamp())
    sql = (
        f"SELECT DISTINCT toString({tier.partition}) AS id FROM "  # noqa: S608
        f"(SELECT toDateTime({begin} + 3600 * number, 'UTC') AS t FROM numbers({hours})) ORDER BY id"
    )
    return [str(partition) for (partition,) in client.execute(sql)]
