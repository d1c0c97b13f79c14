"""Queries of values over time: of all that is chosen together, of each by its name, and the growth of counters.

Devices are chosen by a condition on the columns of `inventory`.
"""

import re
from collections.abc import Mapping, Sequence

from coldplate.dashboards.tiers import TIERS, Tier, merged, tiered

ROWS = 30_000
"""Sixteen devices at as many points as a wide panel has, and what an interval is rounded down by."""

MAX_SHOWN = 12
"""Lines of one kind in a panel; more cannot be told apart, and none must be as many as a hall has racks."""

_LENGTHS_S = {"10s": 10, "1m": 60, "1h": 3600}


def course(kind: str, columns: str, where: str, tiers: Sequence[Tier] = TIERS) -> str:
    """Aggregates over all chosen devices.

    Parameters
    ----------
    kind
        First part of the tables' names.
    columns
        Aggregates with their names.
    where
        Condition on `device`.
    tiers
        Which ones, for which intervals.
    """
    return tiered(
        kind,
        lambda table, condition: (
            f"SELECT $__timeInterval(t) AS time, {columns} FROM {table}"
            f" WHERE $__timeFilter(t) AND {condition} AND {where} GROUP BY time ORDER BY time LIMIT {ROWS}"
        ),
        tiers,
    )


def total(
    kind: str, columns: Mapping[str, str], where: str, tiers: Sequence[Tier] = TIERS, by: str = ""
) -> str:
    """Sums over devices of each moment, and their mean over the interval.

    Parameters
    ----------
    kind, tiers
        As of `course`.
    columns
        Expressions of one device's rollup, by the name of the series.
    where
        Condition on `inventory`.
    by
        Column of `inventory` that tells the sums apart; empty for one sum of all.
    """
    sums = ", ".join(f"sum({expression}) AS v{n}" for n, expression in enumerate(columns.values()))
    means = ", ".join(f"avg(v{n}) AS `{name}`" for n, name in enumerate(columns))
    place, group = (f"i.`{by}` AS place, ", ", place") if by else ("", "")
    return (
        f"SELECT $__timeInterval(t) AS time{group}, {means} FROM (SELECT m.t AS t, {place}{sums}"
        f" FROM {_chosen(kind, sums, where, tiers)} GROUP BY t{group}) GROUP BY time{group} ORDER BY time LIMIT {ROWS}"
    )


def each(
    kind: str, columns: str, where: str, label: str, tiers: Sequence[Tier] = TIERS, some: str = ""
) -> str:
    """A series for each device.

    Parameters
    ----------
    kind, tiers
        As of `course`.
    columns
        Aggregates of `m`'s columns with their names.
    where
        Condition on `inventory`.
    label
        Column of `inventory` that names a series.
    some
        Query of the devices to which they are held, where there may be too many.
    """
    held = f" WHERE m.device IN ({some})" if some else ""
    return (
        f"SELECT $__timeInterval(m.t) AS time, i.`{label}` AS place, {columns}"
        f" FROM {_chosen(kind, columns, where, tiers)}{held} GROUP BY time, place ORDER BY time LIMIT {ROWS}"
    )


def grown(
    kind: str, counters: Mapping[str, str], where: str, tiers: Sequence[Tier] = TIERS, *, a_second: bool = False
) -> str:  # fmt: skip
    """By how much counters of all chosen devices grew in each interval; one that starts anew counts from there.

    Parameters
    ----------
    kind, where, tiers
        As of `course`.
    counters
        Metrics by the name of the series.
    a_second
        Growth by second of one device instead: of seconds the share of time, of bytes a rate.
    """
    window = "OVER (PARTITION BY device ORDER BY t ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)"
    steps = ", ".join(
        f"greatest(0, {c}_max - lagInFrame({c}_max, 1, {c}_min) {window}) AS g{n}"
        for n, c in enumerate(counters.values())
    )
    aggregate = "avg(g{n} / length_s)" if a_second else "sum(g{n})"
    columns = ", ".join(f"{aggregate.format(n=n)} AS `{name}`" for n, name in enumerate(counters))

    def select(table: str, condition: str) -> str:
        least_s = _LENGTHS_S[table.rpartition("_")[2]]
        length = (
            f"greatest({least_s}, dateDiff('second', lagInFrame(t, 1, t) {window}, t)) AS length_s"
        )
        return (
            f"SELECT $__timeInterval(t) AS time, {columns} FROM (SELECT t, {length}, {steps} FROM {table}"
            f" WHERE $__timeFilter(t) AND {condition} AND {where}) GROUP BY time ORDER BY time LIMIT {ROWS}"
        )

    return tiered(kind, select, tiers)


def foremost(kind: str, rank: str, where: str, count: int = MAX_SHOWN) -> str:
    """Query of the devices that have most of something in the hours shown.

    Parameters
    ----------
    kind
        As of `course`.
    rank
        Aggregate by which they are ordered, the largest first.
    where
        Condition on `device`.
    count
        How many.
    """
    return (
        f"SELECT device FROM {kind}_1h WHERE t >= toStartOfHour($__fromTime) AND t <= $__toTime AND {where}"
        f" GROUP BY device ORDER BY {rank} DESC, device LIMIT {count}"
    )


def _chosen(kind: str, used: str, where: str, tiers: Sequence[Tier]) -> str:
    """Rollups `m` of the chosen devices, of the tier that fits, with their lines `i` of the inventory."""
    columns = ", ".join(sorted(set(re.findall(r"\bm\.(\w+)", used)) - {"device", "t"}))
    # Said twice, for a join alone does not keep the others from being read.
    within = f"device IN (SELECT device FROM inventory FINAL WHERE {where})"
    return (
        f"{merged(kind, columns, within, tiers)} AS m INNER JOIN"
        f" (SELECT device, id, hall, `row`, rack, node FROM inventory FINAL WHERE {where}) AS i ON i.device = m.device"
    )
