"""Whether the rollups say what the samples say, bucket by bucket and statistic by statistic."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from coldplate.sinks.migrate import Statements
from coldplate.sinks.rollups import (
    STATISTICS,
    Tier,
    stats_name,
    stats_names,
    stats_of,
    unpacked,
)
from coldplate.sinks.tables import SAMPLE_TABLES, SampleTable

BUCKETS_MAX = 100_000
"""Which are made of samples at a time, to be compared: some 2 kB each."""

_TIME = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Between:
    """A stretch of time, its end left out; both in UTC.

    Parameters
    ----------
    begin, end
        Whole hours, so that no bucket is cut.
    """

    begin: datetime
    end: datetime

    def __post_init__(self) -> None:
        for t in (self.begin, self.end):
            if t.minute or t.second or t.microsecond:
                raise ValueError(f"{t:{_TIME}} is no whole hour")
        if self.begin >= self.end:
            raise ValueError(f"{self.begin:{_TIME}} is not before {self.end:{_TIME}}")

    def days(self) -> Iterator["Between"]:
        """Cut at every midnight: a day is a partition of the samples."""
        begin = self.begin
        while begin < self.end:
            midnight = datetime(begin.year, begin.month, begin.day, tzinfo=begin.tzinfo)
            end = min(midnight + timedelta(days=1), self.end)
            yield Between(begin, end)
            begin = end

    def condition(self) -> str:
        """In SQL, of a column `t`."""
        return f"t >= toDateTime('{self.begin:{_TIME}}', 'UTC') AND t < toDateTime('{self.end:{_TIME}}', 'UTC')"


def slices(
    client: Statements, table: SampleTable, tier: Tier, between: Between, buckets_max: int
) -> Iterator[str]:
    """Conditions that cut a stretch into days and groups of devices, so many buckets each: they are made in memory.

    Raises
    ------
    HistoryDown, HistoryRefused
    """
    for day in between.days():
        seconds = int((day.end - day.begin).total_seconds())
        count = max(1, buckets_max // max(1, seconds // tier.seconds))
        sources = (table.name, stats_name(table, tier))
        devices = sorted(
            {
                int(device)
                for name in sources
                for (device,) in client.execute(
                    f"SELECT DISTINCT device FROM {name} WHERE {day.condition()}"  # noqa: S608
                )
            }
        )
        for first in range(0, len(devices), count):
            some = devices[first : first + count]
            yield f"{day.condition()} AND device BETWEEN {some[0]} AND {some[-1]}"


def disagreeing(client: Statements, table: SampleTable, tier: Tier, between: Between) -> int:
    """Buckets of a tier in which any statistic differs from that of the samples, or that only one side has.

    Raises
    ------
    HistoryDown, HistoryRefused
    """
    found = slices(client, table, tier, between, BUCKETS_MAX)
    return sum(_disagreeing(client, table, tier, where) for where in found)


def _disagreeing(client: Statements, table: SampleTable, tier: Tier, where: str) -> int:
    # Of a last value, not when it was: of rollups that were made before there were these tables nobody knows it.
    last = {f"{m.name}_{STATISTICS[-1]}" for m in table.metrics}
    of = ", ".join(
        f"if({n} = 0, 0, {unpacked(n)})" if n in last else n
        for n in stats_names(table)
        if n not in ("device", "t")
    )
    names = f"SELECT device, t, cityHash64({of}) AS all FROM"
    sql = f"""
        SELECT count() FROM
        (
            SELECT device, t FROM
            (
                {names} ({stats_of(table, tier, where)})
                UNION ALL
                {names} (SELECT * FROM {stats_name(table, tier)} FINAL WHERE {where})
            )
            GROUP BY device, t HAVING count() != 2 OR min(all) != max(all)
        )
    """  # noqa: S608
    return int(client.execute(sql)[0][0])


def miscounted(client: Statements, between: Between) -> tuple[int, int]:
    """Frames of a stretch of which rows are missing, and those that are there twice or have rows too many.

    A frame says of how many devices and ticks it is; its kinds' tables have a row of each. Tables that have rows only
    now and then are left out.

    Raises
    ------
    HistoryDown, HistoryRefused
    """
    # A frame is of an hour at most, so its rows are not further away.
    hour = timedelta(hours=1)
    around = Between(between.begin - hour, between.end + hour).condition()
    rows = " UNION ALL ".join(
        f"SELECT boot, seq FROM {table.name} WHERE {around}"  # noqa: S608
        for table in SAMPLE_TABLES
        if not table.sparse
    )
    # Sources of one process share a boot: then their frames of one number count together.
    frames = (
        "SELECT boot, seq, any(samples) AS due, count() AS times FROM frames "  # noqa: S608
        f"WHERE {between.condition()} GROUP BY source, boot, seq"
    )
    sql = f"""
        SELECT countIf(there < due), countIf(there > due OR most > 1) FROM
        (
            SELECT boot, seq, sum(n) AS there, sum(due) AS due, max(times) AS most FROM
            (
                SELECT boot, seq, due, times, 0 AS n FROM ({frames})
                UNION ALL
                SELECT boot, seq, 0, 0, 1 FROM ({rows})
            )
            GROUP BY boot, seq HAVING most > 0
        )
    """  # noqa: S608
    ((lost, doubled),) = client.execute(sql)
    return int(lost), int(doubled)
