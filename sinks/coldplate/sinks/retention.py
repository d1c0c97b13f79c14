"""How long each table keeps its rows: set by `coldplate migrate`, changed online, without rewriting what is stored.

A table's rows go by whole parts of a partition (`ttl_only_drop_parts`), so disk is freed up to a partition later.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from coldplate.sinks.migrate import Statements
from coldplate.sinks.rollups import STORED_TIERS, TIERS, stats_name
from coldplate.sinks.tables import RAW_DAYS, SAMPLE_TABLES

DAYS_MAX = 36_500
_TTL = re.compile(r"toIntervalDay\((\d+)\)")


@dataclass(frozen=True, slots=True)
class Retention:
    """Days for which rows are kept.

    Parameters
    ----------
    raw_days
        Samples; as long as the tier of 10 s at least, which is made of them.
    tier_10s_days, tier_1m_days, tier_1h_days
        Rollups.
    """

    raw_days: int = RAW_DAYS
    tier_10s_days: int = TIERS[0].days
    tier_1m_days: int = TIERS[1].days
    tier_1h_days: int = TIERS[2].days

    def __post_init__(self) -> None:
        for name, days in asdict(self).items():
            if not 1 <= days <= DAYS_MAX:
                raise ValueError(f"retention: {name} is {days}; it may be 1 to {DAYS_MAX}")

    def tables(self) -> Mapping[str, int]:
        """Days by table."""
        out = {t.name: max(self.raw_days, self.tier_10s_days) for t in SAMPLE_TABLES}
        for tier, days in zip(STORED_TIERS, (self.tier_1m_days, self.tier_1h_days), strict=True):
            out |= {stats_name(table, tier): days for table in SAMPLE_TABLES}
        return out


def retain(client: Statements, retention: Retention) -> list[str]:
    """Bring the tables' lifetimes to what is told; names of those that were changed.

    Raises
    ------
    HistoryDown, HistoryRefused
    """
    now = client.execute(
        "SELECT name, engine_full FROM system.tables WHERE database = currentDatabase()"
    )
    have = {str(name): match[1] for name, engine in now if (match := _TTL.search(str(engine)))}
    changed = [t for t, days in retention.tables().items() if have.get(t) != str(days)]
    for table in changed:
        days = retention.tables()[table]
        # What is stored is not rewritten: only the dates at which its parts go are made anew.
        client.execute(f"ALTER TABLE {table} MODIFY SETTING materialize_ttl_recalculate_only = 1")
        client.execute(f"ALTER TABLE {table} MODIFY TTL toDate(t) + INTERVAL {days} DAY")
    return changed
