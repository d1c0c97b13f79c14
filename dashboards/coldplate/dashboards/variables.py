"""Variables that cascade: hall, row, rack, node, GPU and job; each lists what the choices above it leave.

A variable's value is an id, put into SQL by Grafana's `sqlstring`, which quotes what a name may hold. `All` is the word
`all`, so that queries stay short however large the hall: `chosen` makes a condition of the choice. A value for all is put
in as it is, in whatever format, so it brings its own quotes.
"""

from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, QueryVariable
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh, VariableSort

from coldplate.dashboards.query import PLUGIN, SOURCE

ALL = "all"
LEVELS = ("hall", "row", "rack", "node", "gpu")
"""From wide to narrow; each is a column of `inventory` but `gpu`, which is its id."""


def source() -> DatasourceVariable:
    """Which ClickHouse."""
    return DatasourceVariable("source").label("ClickHouse").type(PLUGIN)


def place(level: str) -> QueryVariable:
    """Halls, rows, racks, nodes or GPUs within what is chosen above."""
    column = "id" if level == "gpu" else f"`{level}`"
    above = LEVELS[: LEVELS.index(level)]
    only = "kind = 'gpu'" if level == "gpu" else f"{column} != ''"
    where = [only, *(chosen(name) for name in above)]
    sql = (
        f"SELECT DISTINCT {column} FROM inventory FINAL WHERE {' AND '.join(where)}"
        f" ORDER BY {column} LIMIT 20000"
    )
    return _query(level, level if level != "gpu" else "GPU", sql)


def job() -> QueryVariable:
    """Jobs that ran in the time shown, the newest first."""
    sql = (
        "SELECT job FROM jobs WHERE started <= $__toTime AND ifNull(ended, now64(3)) >= $__fromTime"
        " ORDER BY started DESC LIMIT 1000"
    )
    variable = _query("job", "job", sql).sort(VariableSort.DISABLED)
    return variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)


def chosen(level: str, column: str | None = None) -> str:
    """Condition that a column is what is chosen; true for all."""
    name = column or ("id" if level == "gpu" else f"`{level}`")
    value = f"${{{level}:sqlstring}}"
    return f"({value} = '{ALL}' OR {name} = {value})"


def devices(kind: str, *levels: str) -> str:
    """Condition that `device` is of a kind and within the choices at these levels."""
    where = " AND ".join((f"kind = '{kind}'", *(chosen(level) for level in levels)))
    return f"device IN (SELECT device FROM inventory FINAL WHERE {where})"


def _query(name: str, label: str, sql: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .label(label)
        .datasource(_ref())
        .query({"refId": f"variable-{name}", "rawSql": sql, "editorType": "sql", "format": 1})
        .definition(sql)
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .include_all(include_all=True)
        .all_value(f"'{ALL}'")
        .current(VariableOption(text="All", value="$__all"))
    )


def _ref() -> DataSourceRef:
    return DataSourceRef(type_val=SOURCE["type"], uid=SOURCE["uid"])
