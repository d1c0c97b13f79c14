"""What every dashboard has to keep to; a model that does not is not written.

Rules are of the JSON that Grafana gets, so that they hold whatever made it.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from coldplate.dashboards.check import Asked, asked
from coldplate.dashboards.macros import MACROS
from coldplate.dashboards.panels import BLUE, GREY, ORANGE, RED
from coldplate.dashboards.query import SOURCE

Model = Mapping[str, Any]
PALETTE = frozenset({BLUE, ORANGE, RED, GREY, "#009E73", "#56B4E9", "#F0E442", "#CC79A7", "text", "transparent", "red", "rgba(255,0,255,0.7)"})  # fmt: skip
"""Okabe and Ito's, Grafana's words for text, nothing and incidents' marks, and its own for exemplars, of which there are none."""

UNTIMED = frozenset({
    "gpu_now", "node_now", "cdu_now", "rack_now", "hall_now", "hottest", "throttling_now", "incidents_now", "silences_now", "baselines_now",
    "inventory", "inventory_history", "lemons", "jobs", "job_gpus", "job_devices", "maintenance", "thermal_resistance_daily", "availability", "ledger",
    "energy_by_job", "disks", "parts", "processes", "metrics", "asynchronous_metrics",
})  # fmt: skip
"""What is of now, or so small that all of it may be read."""

_TIMES = re.compile(r"\$__(timeFilter|timeFilter_ms|dateFilter|dateTimeFilter|dt|fromTime|fromTime_ms)\b")  # fmt: skip
_TABLE = re.compile(r"\b(?:FROM|JOIN)\s+(?:system\.)?([a-z_0-9]+)\b(?!\()")
_VARIABLE = re.compile(r"\$\{?(\w+)")
_OWN = frozenset({"__interval", "__interval_ms", "__from", "__to", "__url_time_range", "__value", "__data", "__field", "__series"})  # fmt: skip


def broken(name: str, model: Model) -> list[str]:
    """What a dashboard does not keep to, each a sentence with its place; empty when all is well."""
    return [f"{name}: {fault}" for rule in RULES for fault in rule(name, model)]


def _panels(model: Model) -> Sequence[Model]:
    return [p for p in model["panels"] if p["type"] != "row"]


def _fixed_uid(name: str, model: Model) -> Iterator[str]:
    if model["uid"] != f"coldplate-{name}":
        yield f"its uid is {model['uid']}"
    if model["id"] is not None:
        yield "it has an id, which is a database's own"


def _ids_and_titles(_: str, model: Model) -> Iterator[str]:
    for what, values in {
        "id": [p["id"] for p in model["panels"]],
        "title": [p["title"] for p in _panels(model)],
    }.items():
        yield from (f"{what} {v!r} is there {n} times" for v, n in Counter(values).items() if n > 1)


def _said(_: str, model: Model) -> Iterator[str]:
    for panel in _panels(model):
        if not panel.get("description"):
            yield f"{panel['title']}: no description"
        if not panel["fieldConfig"]["defaults"].get("unit"):
            yield f"{panel['title']}: no unit"


def _sources(_: str, model: Model) -> Iterator[str]:
    text = json.dumps(model)
    for found in re.findall(r'"datasource": (\{[^{}]*\{[^{}]*\}[^{}]*\}|\{[^{}]*\}|"[^"]*")', text):
        if f'"uid": "{SOURCE["uid"]}"' not in found:
            yield f"a data source that is not chosen by the variable: {found}"
    yield from (
        f"{p['title']}: no data source" for p in _panels(model) if p.get("datasource") != SOURCE
    )


def _no_addresses(_: str, model: Model) -> Iterator[str]:
    yield from (f"an absolute address: {url}" for url in re.findall(r"https?://[^\s\"]+", json.dumps(model)))  # fmt: skip


def _queries(name: str, model: Model) -> Iterator[str]:
    for a in asked(name, model):
        yield from (f"{a.place}: {fault}" for fault in _query(a))


def _query(a: Asked) -> Iterator[str]:
    names = set(_TABLE.findall(a.sql))
    if not _TIMES.search(a.sql) and not names <= UNTIMED:
        yield f"no time filter on {', '.join(sorted(names - UNTIMED))}"
    for part in re.split(r"\nUNION ALL\n", a.sql):
        if not re.search(r"\bLIMIT \d+\s*$", part):
            yield "no LIMIT at the end"
    for macro in re.findall(r"\$__(\w+)", a.sql):
        if macro not in MACROS and f"__{macro}" not in _OWN:
            yield f"$__{macro} is no macro"
    for inside in re.findall(r"\$__\w+\(([^()]*)\)", a.sql):
        if "$__" in inside:
            yield "a macro within a macro's brackets, which some versions of the plugin do not put in"


def _variables(_: str, model: Model) -> Iterator[str]:
    defined = {v["name"] for v in model["templating"]["list"]}
    used = set(_VARIABLE.findall(json.dumps({k: model[k] for k in ("panels", "annotations")})))
    between = set(_VARIABLE.findall(json.dumps(model["templating"])))
    own = {u for u in used | between if u.startswith("__")}
    yield from (f"${u} is not defined" for u in sorted((used | between) - defined - own))
    yield from (f"the variable {d} is not used" for d in sorted(defined - used - between))


def _colours(_: str, model: Model) -> Iterator[str]:
    found = re.findall(r'"(?:color|iconColor|fixedColor)": "([^"]+)"', json.dumps(model))
    yield from (f"the colour {c} is not of the palette" for c in sorted(set(found) - PALETTE))


RULES: Sequence[Callable[[str, Model], Iterator[str]]] = (
    _fixed_uid, _ids_and_titles, _said, _sources, _no_addresses, _queries, _variables, _colours,
)  # fmt: skip
