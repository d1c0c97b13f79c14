"""The page of `/metrics` of a part, and what `/healthz` and `/readyz` say of it; made when somebody asks."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from itertools import accumulate
from types import MappingProxyType
from typing import Any

from coldplate.agents.local.exposition import Family
from coldplate.agents.local.server import Answer
from coldplate.console.vitals.told import Told

STILL_S = 30.0
"""A part whose counts are older than this stands still: `/healthz` turns red, and whoever watches starts it anew."""

JSON = "application/json"


def families(
    part: str, version: str, told: Sequence[Told], counts: Mapping[str, Any], age_s: float,
    reloads: Mapping[str, int] = MappingProxyType({}),
) -> list[Family]:  # fmt: skip
    """Everything a part tells; what it has not counted yet is absent.

    Parameters
    ----------
    counts
        As the part wrote them last.
    age_s
        How long ago that was.
    reloads
        By outcome.
    """
    info = Family("coldplate_part_info", "info", "Which part this is")
    info.add({"part": part, "version": version}, 1.0)
    age = Family("coldplate_part_counts_age_seconds", "gauge", "How old these counts are")
    age.add({}, age_s)
    waits = Family("coldplate_part_waiting", "gauge", "1 while the part waits for a server")
    waits.add({"for": str(counts.get("waiting_for") or "nothing")}, float(bool(counts.get("waiting_for"))))  # fmt: skip
    return [info, age, waits, reloaded(reloads), *(_family(t, counts.get(t.key)) for t in told)]


def reloaded(reloads: Mapping[str, int]) -> Family:
    """How often SIGHUP brought a configuration, and what became of it."""
    out = Family("coldplate_part_reloads_total", "counter", "Configurations read again, by outcome: taken, refused")  # fmt: skip
    for outcome, count in sorted(reloads.items()):
        out.add({"outcome": outcome}, float(count))
    return out


def _family(told: Told, value: Any) -> Family:
    out = Family(told.name, told.kind, told.help)
    if told.kind == "histogram":
        if value:
            _histogram(out, value)
    elif isinstance(value, Mapping):
        for key, number in sorted(value.items()):
            out.add({told.label: str(key)}, float(number))
    elif value is not None:
        out.add({}, float(value))
    return out


def _histogram(out: Family, value: Mapping[str, Any]) -> None:
    """As `coldplate.wire.delays.Delays` counts."""
    sums = list(accumulate(value["counts"]))
    for bound_s, count in zip([*map(str, value["bounds_s"]), "+Inf"], sums, strict=True):
        out.add({"le": bound_s}, float(count), "_bucket")
    out.add({}, float(value["sum_s"]), "_sum")
    out.add({}, float(sums[-1]), "_count")


def healthz(part: str, counts: Mapping[str, Any], age_s: float) -> Answer:
    """200 while the part turns; a server that is away makes it wait and is told, but turns nothing red."""
    still = age_s > STILL_S
    problems = [f"nothing was counted for {age_s:.0f} s: it stands still"] if still else []
    return _answer({"ok": not still, "part": part, "waiting_for": counts.get("waiting_for") or None, "problems": problems}, ok=not still)  # fmt: skip


def readyz(part: str, counts: Mapping[str, Any] | None, age_s: float) -> Answer:
    """200 once the part has begun, while it turns and waits for nobody."""
    waiting = (counts or {}).get("waiting_for") or None
    ready = counts is not None and age_s <= STILL_S and waiting is None
    return _answer({"ready": ready, "part": part, "waiting_for": waiting}, ok=ready)


def _answer(content: dict[str, Any], *, ok: bool) -> Answer:
    status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(status, JSON, json.dumps(content) + "\n")
