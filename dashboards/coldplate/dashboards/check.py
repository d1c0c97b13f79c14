"""Runs every query of dashboards as Grafana would: with All and with one of each chosen, over minutes, a day and a week.

A linter cannot know that a column is gone or that a join finds nothing; a real history with a day in it does.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from coldplate.dashboards.macros import Choice, MacroError, Shown, expand
from coldplate.dashboards.query import Shape

MINUTE_MS, DAY_MS = 60_000, 86_400_000
Answer = tuple[Sequence[str], Sequence[Sequence[Any]]]


class QueryFailed(Exception):  # noqa: N818  it is written down, not handled
    """ClickHouse refused a query; the text is its own."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query of a dashboard.

    Parameters
    ----------
    board
        Its name.
    place
        Title of the panel, or which variable or annotation.
    kind
        Of the panel; `variable` or `annotation`.
    ref
        Of the target.
    sql
        As it stands in the dashboard.
    shape
        How its rows are shown.
    """

    board: str
    place: str
    kind: str
    ref: str
    sql: str
    shape: Shape

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.board} / {self.place}" + (f" / {self.ref}" if self.ref > "A" else "")


@dataclass(frozen=True, slots=True)
class Span:
    """A time to show, up to the history's end.

    Parameters
    ----------
    name, length_ms
        How long.
    empty
        Kinds of panels that must not be empty over it; None for all.
    timed
        Whether it counts how long an answer takes.
    """

    name: str
    length_ms: int
    empty: frozenset[str] | None = frozenset()
    timed: bool = False


STEADY = frozenset({"timeseries", "heatmap", "variable"})
"""Of what goes on all the time; a table of what happened may be empty over minutes."""

SPANS = (
    Span("15 min", 15 * MINUTE_MS, STEADY),
    Span("24 h", DAY_MS, None, timed=True),
    Span("7 d", 7 * DAY_MS),
)
TIMED_RUNS = 3
"""The fastest counts: the others waited for whatever else the machine did."""


@dataclass(slots=True)
class Checked:
    """What was found."""

    panels: int = 0
    queries: int = 0
    failures: list[str] = field(default_factory=list)
    empty_panels: list[str] = field(default_factory=list)
    times_ms: dict[str, float] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Nothing failed and nothing was empty."""
        return not self.failures and not self.empty_panels

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        slowest = sorted(self.times_ms.items(), key=lambda item: -item[1])
        return {
            "panels": self.panels, "queries": self.queries,
            "errors": len(self.failures), "failures": self.failures,
            "empty": len(self.empty_panels), "empty_panels": self.empty_panels,
            "slowest_ms": round(slowest[0][1], 1) if slowest else None,
            "slowest": [{"query": name, "ms": round(ms, 1)} for name, ms in slowest[:10]],
        }  # fmt: skip


def asked(board: str, model: Mapping[str, Any]) -> list[Asked]:
    """Every query of a dashboard's model."""
    found = []
    for panel in model["panels"]:
        for t in panel.get("targets", ()):
            shape = Shape(t["format"])
            found.append(Asked(board, panel["title"], panel["type"], t["refId"], t["rawSql"], shape))  # fmt: skip
    for v in _variables(model):
        sql = v["query"]["rawSql"]
        found.append(Asked(board, f"variable {v['name']}", "variable", "A", sql, Shape.TABLE))
    for a in model["annotations"]["list"]:
        sql = a["target"]["rawSql"]
        found.append(Asked(board, f"annotation {a['name']}", "annotation", "A", sql, Shape.TABLE))
    return found


def choices(model: Mapping[str, Any], one: Mapping[str, str]) -> list[Choice]:
    """What is chosen of each variable: the value in `one`, or All."""
    return [
        Choice(v["name"], one[v["name"]])
        if v["name"] in one
        else Choice(v["name"], v["allValue"], everything=True)
        for v in _variables(model)
    ]


def check(
    boards: Mapping[str, Mapping[str, Any]],
    ask: Callable[[str], Answer],
    end_ms: int,
    one: Mapping[str, str],
    tell: Callable[[str, float], None] = lambda _words, _share: None,
    spans: Sequence[Span] = SPANS,
) -> Checked:
    """Ask everything.

    Parameters
    ----------
    boards
        Models by name.
    ask
        Runs a query; raises `QueryFailed`.
    end_ms
        The newest sample's time.
    one
        A hall, row, rack, node, GPU and job of which there is something to see.
    tell
        Is told where it stands, in words and as a share of the whole.
    spans
        Times to show.
    """
    out = Checked()
    for number, (name, model) in enumerate(boards.items()):
        tell(name, number / len(boards))
        queries = asked(name, model)
        out.panels += sum(1 for p in model["panels"] if p.get("targets"))
        for chosen, values in {"All": {}, "one": one}.items():
            picked = choices(model, values)
            for span in spans:
                for a in queries:
                    _run(a, span, picked, chosen, ask, end_ms, out)
    return out


def _run(
    a: Asked, span: Span, picked: Sequence[Choice], chosen: str, ask: Callable[[str], Answer], end_ms: int,
    out: Checked,
) -> None:  # fmt: skip
    name = f"{a.name}, {span.name}, {chosen}"
    out.queries += 1
    try:
        sql = expand(a.sql, Shown(end_ms - span.length_ms, end_ms), picked)
        times = []
        for _ in range(TIMED_RUNS if span.timed else 1):
            began_s = time.perf_counter()
            columns, rows = ask(sql)
            times.append((time.perf_counter() - began_s) * 1000)
    except (QueryFailed, MacroError) as error:
        out.failures.append(f"{name}: {error}")
        return
    if span.timed:
        out.times_ms[name] = min(times)
    out.failures += [f"{name}: {fault}" for fault in _faults(a, columns, rows)]
    judged = span.empty is None or a.kind in span.empty
    if judged and a.kind != "annotation" and not _shows(rows):
        out.empty_panels.append(name)


def _faults(a: Asked, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    """What ClickHouse takes and Grafana would show wrongly or by half."""
    if a.shape is Shape.SERIES and rows and not isinstance(rows[0][0], (datetime, date)):
        yield f"the first column, {columns[0]}, is no time"
    limits = [int(n) for n in re.findall(r"\bLIMIT (\d+)\s*(?:$|\bUNION\b)", a.sql)]
    if a.shape is Shape.SERIES and limits and len(rows) >= max(limits):
        yield f"cut off at {max(limits)} rows"


def _shows(rows: Sequence[Sequence[Any]]) -> bool:
    """True when there is anything but times and absent values."""
    shown = (value for row in rows for value in (row[1:] if len(row) > 1 else row))
    return any(value is not None and value == value for value in shown)  # noqa: PLR0124  NaN is not itself


def _variables(model: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [v for v in model["templating"]["list"] if v["type"] == "query"]
