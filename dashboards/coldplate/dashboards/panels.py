"""Panels with what all of ours share: a unit, a description, colours that colour-blind people tell apart, gaps left open.

A panel is made from its queries and what is said of it; whoever needs more calls the SDK's own methods on what comes back.
"""

from collections.abc import Sequence
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    heatmap,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as of_dashboard
from grafana_foundation_sdk.models import common as words
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, Threshold, ThresholdsMode

from coldplate.dashboards.query import SOURCE, ClickHouseQuery, Shape

HALF, THIRD, QUARTER, WHOLE = 12, 8, 6, 24
"""Of the grid's 24 columns."""

TALL, LOW = 8, 4
"""Of the grid's rows, 30 pixels each."""

BLUE, ORANGE, RED, GREY = "#0072B2", "#E69F00", "#D55E00", "#7f7f7f"
"""Of Okabe and Ito's palette: told apart by people with each kind of colour blindness, on light and dark."""

SOURCE_REF = DataSourceRef(type_val=SOURCE["type"], uid=SOURCE["uid"])

AnyPanel = (
    timeseries.Panel | stat.Panel | table.Panel | heatmap.Panel | statetimeline.Panel | bargauge.Panel | barchart.Panel
)  # fmt: skip
P = TypeVar(
    "P", timeseries.Panel, stat.Panel, table.Panel, heatmap.Panel, statetimeline.Panel, bargauge.Panel, barchart.Panel,
)  # fmt: skip


def series(title: str, about: str, unit: str, *sql: str, span: int = HALF) -> timeseries.Panel:
    """Lines over time; each query's first column is the time."""
    panel = (
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(0)
        .show_points(words.VisibilityMode.NEVER)
        .span_nulls(False)
        .insert_nulls(600_000)
        .tooltip(
            common.VizTooltipOptions()
            .mode(words.TooltipDisplayMode.MULTI)
            .sort(words.SortOrder.DESCENDING)
        )
        .legend(
            common.VizLegendOptions()
            .display_mode(words.LegendDisplayMode.LIST)
            .placement(words.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
    return _common(panel, title, about, unit, sql, Shape.SERIES, span, TALL)


def number(title: str, about: str, unit: str, sql: str, *, span: int = 4) -> stat.Panel:
    """One number, now or over the time shown."""
    panel = (
        stat.Panel()
        .graph_mode(words.BigValueGraphMode.NONE)
        .color_mode(words.BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(limits())
    )
    return _common(panel, title, about, unit, (sql,), Shape.TABLE, span, LOW)


def rows(title: str, about: str, sql: str, *, unit: str = "string", span: int = HALF) -> table.Panel:  # fmt: skip
    """A table; `units` gives each column its own unit."""
    panel = table.Panel().filterable(True).cell_height(words.TableCellHeight.SM)
    return _common(panel, title, about, unit, (sql,), Shape.TABLE, span, TALL)


def density(title: str, about: str, unit: str, sql: str, *, span: int = HALF) -> heatmap.Panel:
    """A heat map: the first column is the time, each further column a bucket that is named by its upper end."""
    panel = heatmap.Panel().calculate(False).cell_gap(0).color(_viridis())
    return _common(panel, title, about, unit, (sql,), Shape.SERIES, span, TALL)


def states(title: str, about: str, sql: str, *, span: int = WHOLE) -> statetimeline.Panel:
    """What something was over time, in words or as bits."""
    # Each series has its own times: at the others' it has no value, which is no end of its state.
    panel = statetimeline.Panel().merge_values(True).row_height(0.8).span_nulls(True)
    return _common(panel, title, about, "string", (sql,), Shape.SERIES, span, TALL)


def gauges(title: str, about: str, unit: str, sql: str, *, span: int = HALF) -> bargauge.Panel:
    """A bar a row: the first column is its name."""
    panel = bargauge.Panel().orientation(words.VizOrientation.HORIZONTAL)
    panel = panel.reduce_options(common.ReduceDataOptions().values(True).limit(100))
    return _common(panel, title, about, unit, (sql,), Shape.TABLE, span, TALL)


def bars(title: str, about: str, unit: str, sql: str, *, span: int = HALF) -> barchart.Panel:
    """Bars side by side: the first column is what they are of."""
    return _common(barchart.Panel(), title, about, unit, (sql,), Shape.TABLE, span, TALL)


def limits(*steps: tuple[float, str]) -> of_dashboard.ThresholdsConfig:
    """Colours from a value on; none by default, for limits are the devices' own and stand in the data."""
    made = [Threshold(value=None, color="text"), *(Threshold(value=v, color=c) for v, c in steps)]
    return of_dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(made)


def units(panel: table.Panel, columns: dict[str, str]) -> table.Panel:
    """Give columns of a table their units."""
    for name, unit in columns.items():
        panel = panel.override_by_name(name, [DynamicConfigValue(id_val="unit", value=unit)])
    return panel


def link(panel: table.Panel, column: str, board: str, level: str) -> table.Panel:
    """Let a column's cells lead to another dashboard, where what stands in the cell is chosen and the time shown is kept."""
    url = (
        f"/d/coldplate-{board}?${{source:queryparam}}&var-{level}=${{__value.raw:percentencode}}"
        "&${__url_time_range}"
    )
    to = [{"title": f"{level} ${{__value.text}}", "url": url}]
    return panel.override_by_name(column, [DynamicConfigValue(id_val="links", value=to)])


def _common(
    panel: P, title: str, about: str, unit: str, sql: Sequence[str], shape: Shape, span: int, height: int,
) -> P:  # fmt: skip
    panel = panel.title(title).description(about).unit(unit).span(span).height(height)
    panel = panel.datasource(SOURCE_REF)
    for letter, text in zip("ABCDEFGH", sql, strict=False):
        panel = panel.with_target(ClickHouseQuery(text, shape, letter))
    return panel


def _viridis() -> heatmap.HeatmapColorOptions:
    return heatmap.HeatmapColorOptions().mode("scheme").scheme("Viridis").steps(64)  # type: ignore[arg-type]
