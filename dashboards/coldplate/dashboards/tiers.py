"""SQL that reads the rollup fit for what is shown: one query, of whose branches all but one are false before they read.

`$__interval_s` is a number when ClickHouse gets the query, so the conditions of the other tiers are constants.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Tier:
    """One table of a kind of device.

    Parameters
    ----------
    suffix
        Of its name.
    from_s, below_s
        Intervals of a panel for which it is read.
    interval
        What is compared with them, in SQL.
    """

    suffix: str
    from_s: int
    below_s: int
    interval: str = "$__interval_s"

    @property
    def length_s(self) -> int:
        """Of a bucket."""
        return int(self.suffix[:-1]) * {"s": 1, "m": 60, "h": 3600}[self.suffix[-1]]

    @property
    def condition(self) -> str:
        """True for its intervals."""
        parts = [f"{self.interval} >= {self.from_s}"] if self.from_s else []
        parts += [f"{self.interval} < {self.below_s}"] if self.below_s < FOREVER_S else []
        told = " AND ".join(parts)
        # Of what is grouped as it is read a false constant leaves the samples in the plan, and what is planned counts against a
        # reader's limits; nor may it be a range of `t` that others contradict, which becomes a false constant.
        return f"toYear(t) > if({told}, 0, {NO_YEAR})" if self.suffix == GROUPED else told


FOREVER_S = 1 << 30
NO_YEAR = 9999
"""Of which there are no samples."""

GROUPED = "10s"
"""Made of samples as it is read."""

TIERS = (Tier("10s", 0, 60), Tier("1m", 60, 1200), Tier("1h", 1200, FOREVER_S))
"""From two weeks on hours: a month of a fleet has 43 million minutes."""

COARSE = (Tier("10s", 0, 5), Tier("1m", 5, 60), Tier("1h", 60, FOREVER_S))
"""For what must be unpacked from a fleet's arrays: from a day on hours are read, which are 60 times fewer."""

_BY_CHOICE = "$__interval_s * if(${{{level}:sqlstring}} = 'all', 20, 1)"


def by_choice(level: str) -> Sequence[Tier]:
    """As `TIERS` when one of a level is chosen; for all, whose arrays are many more, coarser ones from shorter intervals on."""
    return tuple(replace(tier, interval=_BY_CHOICE.format(level=level)) for tier in TIERS)


def tiered(
    kind: str, select: Callable[[str, str], str], tiers: Sequence[Tier] = TIERS
) -> str:  # fmt: skip
    """A query over the rollups of a kind.

    Parameters
    ----------
    kind
        First part of the tables' names: gpu, gpu_slow, node, cdu, rack, hall.
    select
        The query of one tier from its table's name and the condition under which it is read; it has to put the condition
        into its WHERE.
    tiers
        Which ones, for which intervals.
    """
    return "\nUNION ALL\n".join(select(f"{kind}_{t.suffix}", t.condition) for t in tiers)


def merged(kind: str, columns: str, where: str, tiers: Sequence[Tier] = TIERS) -> str:
    """The tier that fits as a subquery, for queries that join it with what is dear to make thrice.

    Parameters
    ----------
    kind
        As of `tiered`.
    columns
        Read beside `device`, `t` and `length_s`, the seconds of a bucket.
    where
        Condition on `device`.
    tiers
        Which ones, for which intervals.
    """
    parts = (
        f"SELECT device, t, {tier.length_s} AS length_s, {columns} FROM {kind}_{tier.suffix} WHERE $__timeFilter(t) AND {tier.condition} AND {where}"
        for tier in tiers
    )
    return f"({' UNION ALL '.join(parts)})"


def counted(kind: str, metrics: Sequence[str], where: str) -> str:
    """Counters and limits, which are read seldom, as a subquery: as sampled, or from a day on each hour's highest.

    Buckets of a fleet's slow metrics would be as many as its samples, and each would have to be unpacked whole.

    Parameters
    ----------
    kind
        As of `tiered`.
    metrics
        Read beside `device`, `t` and `length_s`.
    where
        Condition on `device`.
    """
    hours = ", ".join(f"{metric}_max AS {metric}" for metric in metrics)
    return (
        f"(SELECT device, toDateTime(t) AS t, 60 AS length_s, {', '.join(metrics)} FROM {kind}_samples"
        f" WHERE $__timeFilter(t) AND $__interval_s < 60 AND {where}"
        f" UNION ALL SELECT device, t, 3600 AS length_s, {hours} FROM {kind}_1h"
        f" WHERE $__timeFilter(t) AND $__interval_s >= 60 AND {where})"
    )
