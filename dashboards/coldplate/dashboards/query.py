"""A query as the ClickHouse data source of Grafana keeps it: only `rawSql` is read, the rest says how its rows are shown.

References
----------
grafana-clickhouse-datasource 4, `src/types/sql.ts`: `CHSqlQuery`.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Self

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery

PLUGIN = "grafana-clickhouse-datasource"
PLUGIN_VERSION = "4.0.0"
SOURCE = {"type": PLUGIN, "uid": "${source}"}
"""By variable: a site's data source has its own name."""


class Shape(IntEnum):
    """The plugin's `format`."""

    SERIES = 0
    TABLE = 1


_WORDS = {Shape.SERIES: "timeseries", Shape.TABLE: "table"}


@dataclass(frozen=True, slots=True)
class ClickHouseQuery(Dataquery, Builder[Dataquery]):
    """One target of a panel.

    Parameters
    ----------
    sql
        With the plugin's macros and Grafana's variables.
    shape
        `SERIES`: the first column is the time, texts name the series, numbers are values.
    ref
        A letter, unique within the panel.
    """

    sql: str
    shape: Shape = Shape.SERIES
    ref: str = "A"

    def build(self) -> Self:
        """Itself: nothing is left to be set."""
        return self

    def to_json(self) -> dict[str, Any]:
        """As the plugin reads it."""
        return {
            "datasource": dict(SOURCE), "editorType": "sql", "format": int(self.shape),
            "pluginVersion": PLUGIN_VERSION, "queryType": _WORDS[self.shape], "rawSql": self.sql,
            "refId": self.ref,
        }  # fmt: skip
