"""What the history says of incidents, for the commands that show them and act on them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from coldplate.console.asking import ask
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.wire.fault import FAMILIES, XID_ACTIONS, XID_MEANS
from coldplate.wire.incident import Severity

PREFIX_MIN = 4
LISTED = (
    "id", "state", "severity", "kind", "subject", "opened_at", "closed_at", "affected", "acked_by",
    "outcome", "cause",
)  # fmt: skip
"""Columns of a list; `affected` counts."""

WATCHED = (
    "id", "step", "state", "severity", "kind", "subject", "acked_by", "closed_by", "outcome",
    "outcome_text", "cause",
)  # fmt: skip
"""What is a change when it changes."""

_BELOW = (
    "(subject = %(subject)s OR startsWith(subject, concat(%(subject)s, '/')) OR subject IN (SELECT id FROM inventory FINAL"
    " WHERE %(subject)s IN (parent, node, rack, `row`, hall)))"
)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which incidents.

    Parameters
    ----------
    closed
        Those that are over too.
    opened
        Those that are open.
    severity
        This or worse.
    kind
        Kind or family.
    subject
        Id of a device: that, and all below it.
    since
        Opened at or after it.
    """

    closed: bool = False
    severity: Severity | None = None
    kind: str | None = None
    subject: str | None = None
    since: datetime | None = None
    opened: bool = True

    def where(self) -> tuple[str, dict[str, Any]]:
        """The condition and its parameters."""
        parts = ["1"]
        found: dict[str, Any] = {}
        if not self.closed:
            parts.append("state = 'open'")
        if not self.opened:
            parts.append("state != 'open'")
        if self.severity is not None:
            parts.append("severity IN %(severities)s")
            worst = list(Severity)
            found["severities"] = [str(s) for s in worst[worst.index(self.severity) :]]
        if self.kind is not None:
            parts.append("kind IN %(kinds)s")
            found["kinds"] = kinds_of(self.kind)
        if self.subject is not None:
            parts.append(_BELOW)
            found["subject"] = self.subject
        if self.since is not None:
            parts.append("opened_at >= fromUnixTimestamp64Milli(%(since)s)")
            found["since"] = round(self.since.timestamp() * 1000)
        return " AND ".join(parts), found


def kinds_of(word: str) -> list[str]:
    """Kinds of a family, or the kind itself."""
    codes = [code for code, action in XID_ACTIONS.items() if action == word]
    codes += [code for code, kind in XID_MEANS.items() if kind in FAMILIES.get(word, ())]
    return [word, *FAMILIES.get(word, ()), *(f"xid-{code}" for code in codes)]


def listing(which: Filter, limit: int) -> tuple[str, dict[str, Any]]:
    """The query for rows of `LISTED`, and its parameters: open ones, the worst and newest first."""
    where, parameters = which.where()
    columns = ", ".join("length(affected) AS affected" if c == "affected" else c for c in LISTED)
    # The filter stands inside, for `affected` is a count outside.
    sql = (
        f"SELECT {columns} FROM (SELECT * FROM incidents_now WHERE {where}) ORDER BY state = 'open' DESC,"
        " indexOf(['critical', 'warning', 'ticket', 'info'], severity), opened_at DESC LIMIT %(limit)s"
    )
    return sql, {**parameters, "limit": limit}


def listed(context: Context, which: Filter, limit: int) -> Sequence[tuple[Any, ...]]:
    """Rows of `LISTED`: open ones, the worst and newest first."""
    return ask(context, *listing(which, limit))[1]


def found(context: Context, prefix: str) -> dict[str, Any]:
    """The one incident whose id begins so.

    Raises
    ------
    Failure
        None does, or several; with what to type instead.
    """
    if len(prefix) < PREFIX_MIN:
        raise Failure(
            f"{prefix!r} is short: write at least the first {PREFIX_MIN} of an incident's id",
            BAD_INPUT,
        )
    columns, rows = ask(
        context,
        "SELECT * FROM incidents_now WHERE startsWith(id, %(id)s) ORDER BY id LIMIT 5",
        {"id": prefix},
    )
    exact = [row for row in rows if row[0] == prefix]
    if len(exact or rows) == 1:
        return dict(zip(columns, (exact or rows)[0], strict=True))
    if not rows:
        raise Failure(
            f"no incident's id begins with {prefix!r}; `coldplate incidents --all` lists them",
            BAD_INPUT,
        )
    several = ", ".join(str(row[0]) for row in rows)
    raise Failure(f"{prefix!r} may be {several}: write more of it", BAD_INPUT)


def timeline(context: Context, incident: str) -> list[dict[str, Any]]:
    """Detection's records and what was done, in the order of time."""
    columns, rows = ask(
        context,
        "SELECT t, who, what, state, severity, affected, receiver, cause, why FROM incident_timeline"
        " WHERE id = %(id)s ORDER BY t, step",
        {"id": incident},
    )
    return [dict(zip(columns, row, strict=True)) for row in rows]


def in_full(incident: Mapping[str, Any]) -> dict[str, Any]:
    """An incident with its evidence as objects."""
    evidence = [json.loads(line) for line in incident["evidence"]]
    return {**incident, "evidence": evidence}


def as_text(incident: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> str:
    """An incident for a person."""
    i = in_full(incident)
    out = [
        f"{i['id']}  {i['severity']}  {i['kind']} on {i['subject']}  {i['state']}",
        f"  {i['cause']}",
        f"  opened {_time(i['opened_at'])}, changed {_time(i['updated_at'])}",
    ]
    if i["closed_at"] is not None:
        by = f" by {i['closed_by']}" if i["closed_by"] else ""
        out.append(f"  closed {_time(i['closed_at'])}{by}")
    if i["acked_by"]:
        out.append(f"  acknowledged {_time(i['acked_at'])} by {i['acked_by']}")
    if i["outcome"]:
        words = f": {i['outcome_text']}" if i["outcome_text"] else ""
        out.append(f"  was {i['outcome']}{words} (says {i['outcome_by']})")
    if i["throttle_at"] is not None:
        out.append(f"  the first GPU throttles {_time(i['throttle_at'])}")
    if i["affected"]:
        out.append(f"affected, {len(i['affected'])}")
        out += [f"  {id_}" for id_ in i["affected"]]
    if i["evidence"]:
        out.append("evidence")
        out += [f"  {_evidence(e)}" for e in i["evidence"]]
    out.append("timeline")
    out += [f"  {_time(x['t'])}  {x['who']}  {_said(x)}" for x in lines]
    return "\n".join(out)


def change(row: Mapping[str, Any]) -> str:
    """A change on one line."""
    more = [f"acknowledged by {row['acked_by']}"] if row["acked_by"] else []
    more += [f"closed by {row['closed_by']}"] if row["closed_by"] else []
    more += [f"was {row['outcome']}"] if row["outcome"] else []
    words = f"  ({', '.join(more)})" if more else ""
    return (
        f"{row['id']}  {row['state']}  {row['severity']}  {row['kind']} on {row['subject']}{words}  {row['cause']}"
    )  # fmt: skip


def _said(line: Mapping[str, Any]) -> str:
    if line["who"] == "detection":
        why = f": {line['why']}" if line["why"] else ""
        return f"{line['what']}  {line['severity']}, {line['affected']} affected{why}"
    to = f" to {line['receiver']}" if line["receiver"] else ""
    return f"{line['what']}{to}" + (f": {line['why']}" if line["why"] else "")


def _evidence(e: Mapping[str, Any]) -> str:
    numbers = [
        f"{name} {e[name]:.6g}"
        for name in ("value", "threshold", "baseline")
        if e.get(name) is not None
    ]
    words = f": {e['note']}" if e.get("note") else ""
    return f"{e['subject']}  {e['metric']}  {', '.join(numbers)}  ({e['detector']}{words})"


def _time(value: datetime) -> str:
    return value.isoformat(sep=" ", timespec="seconds")
