"""Any JSON: the text of a configuration in which `${title}` and the like are replaced.

Every value is escaped for a place between quotes; numbers may stand without them. `$$` is a dollar. Of a message that
tells of several incidents the fields are those of the most severe, and `also` names the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template as Text
from typing import Any

import msgspec

from coldplate.sinks.webhooks.call import Post
from coldplate.sinks.webhooks.formats.said import (
    headline,
    iso,
    over,
    over_ms,
    phase_of,
    plain_message,
    title_of,
)  # fmt: skip
from coldplate.sinks.webhooks.formats.target import Target
from coldplate.sinks.webhooks.message import Message
from coldplate.wire.fault import family_of

FIELDS: Mapping[str, str] = {
    "title": "what and where, in a line",
    "text": "all that is said, over several lines",
    "phase": "`opened`, `updated`, `reminder`, `refresh`, `closed`, `test` or `heartbeat`",
    "status": "`firing` or `resolved`",
    "severity": "`info`, `ticket`, `warning` or `critical`; of a heartbeat none",
    "incident": "the incident's id",
    "kind": "kind of fault",
    "family": "family of that kind",
    "subject": "id of the guilty device",
    "hall": "where the device stands: its hall, when known",
    "row": "its row, when known",
    "rack": "its rack; its own id for what stands above racks",
    "node": "its node, of nodes and what is in them",
    "gpu": "of GPUs",
    "cdu": "of coolant units",
    "job": "number of the job, where the evidence names one",
    "cause": "the cause in a sentence",
    "what": "what happened",
    "where": "hall, row, rack, slot, serial",
    "since": "when it began, how long it has lasted",
    "sure": "how sure, and why",
    "evidence": "numbers, a line each",
    "affected": "who suffers",
    "todo": "what to do now, a line each",
    "runbook_url": "address of the runbook",
    "dashboard_url": "address of the dashboard",
    "acked_by": "who takes care of it",
    "opened": "when it began, RFC 3339",
    "opened_ms": "the same in Unix milliseconds: a number",
    "updated": "when it last changed, RFC 3339",
    "closed": "when it was over, RFC 3339; empty while it is open",
    "count": "incidents of the message: a number",
    "also": "titles of the others, a line each",
    "note": "why it comes now, when that is not plain",
    "cluster": "whose incident",
    "message": "the message's id, the same when it is sent again",
    "receiver": "of the configuration",
    "route": "of the configuration",
}
"""What may stand in a body, and what it is; `rack` and the like are ids."""

NUMBERS = frozenset({"opened_ms", "count"})
"""May stand without quotes."""


@dataclass(frozen=True, slots=True)
class TemplateFormat:
    """Fills a body in.

    Parameters
    ----------
    target
        Where to.
    body
        With fields.
    method, headers
        Of the request.
    """

    target: Target
    body: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def call(self, message: Message, now_s: float) -> Post:  # noqa: ARG002  it carries no time of sending
        """The request."""
        body = filled(self.body, values(message))
        return self.target.post(body.encode(), self.headers, method=self.method)


def filled(body: str, given: Mapping[str, str | int]) -> str:
    """A body with its fields replaced.

    Raises
    ------
    KeyError
        A field that is not given.
    ValueError
        A `$` that is neither a field nor `$$`.
    """
    return Text(body).substitute({name: _escaped(value) for name, value in given.items()})


def values(message: Message) -> dict[str, str | int]:
    """The fields of a message."""
    out: dict[str, str | int] = dict.fromkeys(FIELDS, "")
    out |= {
        "title": headline(message), "text": plain_message(message), "phase": phase_of(message).value,
        "status": "firing" if message.firing or not message.told else "resolved",
        "count": len(message.told), "note": message.note, "cluster": message.cluster,
        "message": message.id, "receiver": message.receiver, "route": message.route,
        "opened": iso(message.t_ms), "opened_ms": message.t_ms, "updated": iso(message.t_ms),
    }  # fmt: skip
    if not message.told:
        return out
    told = message.told[0]
    incident, text = told.incident, msgspec.structs.asdict(told.text)
    out |= {name: value for name, value in told.labels.items() if name in FIELDS}
    out |= {name: _lines(value) for name, value in text.items() if name != "title"}
    return out | {
        "severity": incident.severity.value, "incident": incident.id, "kind": incident.kind,
        "family": family_of(incident.kind), "subject": incident.subject, "rack": incident.rack,
        "cause": incident.cause, "acked_by": told.acked_by,
        "opened": iso(incident.opened_ms), "opened_ms": incident.opened_ms,
        "updated": iso(incident.updated_ms),
        "closed": iso(over_ms(told, message)) if over(told) else "",
        "also": _lines(tuple(title_of(other) for other in message.told[1:])),
    }  # fmt: skip


def _lines(value: Any) -> str:
    return "\n".join(value) if isinstance(value, tuple) else str(value)


def _escaped(value: str | int) -> str:
    # A number is the same in and out of quotes; a text has its quotes in the body.
    return str(value) if isinstance(value, int) else msgspec.json.encode(value).decode()[1:-1]
