"""A dashboard with what all of ours share: variables, links, incident marks, a time range, panels numbered in order."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard as of_dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType, Panel

from coldplate.dashboards import variables
from coldplate.dashboards.panels import SOURCE_REF
from coldplate.dashboards.query import ClickHouseQuery, Shape

FOLDER_UID, FOLDER = "coldplate", "coldplate"
TAG = "coldplate"
SCHEMA = 41


@dataclass(frozen=True, slots=True)
class Section:
    """Panels under a heading.

    Parameters
    ----------
    title
        Of the row.
    panels
        From left to right, then down.
    """

    title: str
    panels: Sequence[Builder[Panel]]


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard.

    Parameters
    ----------
    name
        `hall`, `rack`, ...: its uid is `coldplate-NAME`.
    title, about
        For people.
    sections
        What it shows.
    levels
        Which of the places can be chosen; those above them come with them.
    with_job
        Whether a job can be chosen.
    from_
        Where the time shown begins.
    refresh
        How often it reads again by itself.
    """

    name: str
    title: str
    about: str
    sections: Sequence[Section]
    levels: Sequence[str] = ("hall", "row", "rack")
    with_job: bool = False
    from_: str = "now-1h"
    refresh: str = "10s"

    @property
    def uid(self) -> str:
        """Never changes: links and updates rest on it."""
        return f"coldplate-{self.name}"

    def model(self) -> dict[str, Any]:
        """What Grafana takes as `dashboard`; the same on every build."""
        made = of_dashboard.Dashboard(self.title).uid(self.uid).description(self.about).tags([TAG])
        made = made.time(self.from_, "now").refresh(self.refresh).timezone("utc").editable()
        made = (
            made.tooltip(DashboardCursorSync.CROSSHAIR)
            .link(_links())
            .annotation(_incidents(self.levels))
        )
        made = made.with_variable(variables.source())
        for level in self.levels:
            made = made.with_variable(variables.place(level))
        if self.with_job:
            made = made.with_variable(variables.job())
        for section in self.sections:
            made = made.with_row(of_dashboard.Row(section.title))
            for panel in section.panels:
                made = made.with_panel(panel)
        built = made.build()
        for number, numbered in enumerate(built.panels or [], 1):
            numbered.id_val = number
        model: dict[str, Any] = json.loads(json.dumps(built, cls=JSONEncoder))
        return model | {"schemaVersion": SCHEMA, "version": 0, "id": None}


def _links() -> of_dashboard.DashboardLink:
    """To all others, with the time shown and what is chosen kept."""
    return (
        of_dashboard.DashboardLink("coldplate")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .keep_time(True)
        .include_vars(True)
    )


def _incidents(levels: Sequence[str]) -> of_dashboard.AnnotationQuery:
    """Incidents of what is chosen, from opening to closing."""
    places = [level for level in levels if level != "gpu"]
    where = " AND ".join(variables.chosen(level, f"i.`{level}`") for level in places) or "1"
    sql = (
        "SELECT n.opened_at AS time, ifNull(n.closed_at, $__toTime) AS timeEnd, concat(n.severity, ': ', n.kind) AS title,"
        " concat(n.subject, ': ', n.cause) AS text, n.severity AS tags"
        " FROM incidents_now AS n LEFT JOIN (SELECT * FROM inventory FINAL) AS i ON i.id = n.subject"
        " WHERE n.opened_at <= $__toTime AND ifNull(n.closed_at, now64(3)) >= $__fromTime"
        f" AND n.severity IN ('warning', 'critical') AND ({where} OR i.id = '') ORDER BY time LIMIT 200"
    )
    return (
        of_dashboard.AnnotationQuery()
        .name("incidents")
        .datasource(SOURCE_REF)
        .enable(True)
        .icon_color("red")
        .target(ClickHouseQuery(sql, Shape.TABLE, "incidents"))
    )
