"""PagerDuty's Events API v2: an incident is an alert there, with the incident's id as its key.

PagerDuty takes one event a request, and resolves by key: whoever routes to it groups by nothing. Of a message that tells
of several nonetheless the most severe one is sent, and names the others.

References
----------
https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
"""

from dataclasses import dataclass
from typing import Any

from coldplate.sinks.webhooks.call import Post
from coldplate.sinks.webhooks.formats.said import HEARTBEAT, cut, headline, iso, labels_of, title_of
from coldplate.sinks.webhooks.formats.target import Target, body_of
from coldplate.sinks.webhooks.message import Message, Phase, Told
from coldplate.sinks.webhooks.secrets import Secret
from coldplate.wire.fault import family_of
from coldplate.wire.incident import Severity

URL = "https://events.pagerduty.com/v2/enqueue"

SEVERITIES = {
    Severity.CRITICAL: "critical",
    Severity.WARNING: "error",
    Severity.TICKET: "warning",
    Severity.INFO: "info",
}
"""Theirs for ours. A service that takes its urgency from severity calls `critical` and `error` high, the others low: a
`warning` of ours wakes somebody, a ticket does not."""

KEY_MAX, SUMMARY_MAX, DETAIL_MAX, LISTED_MAX = 255, 1024, 2000, 50
"""Characters of the key and the summary that they take; of a detail, and lines of a list, that we send."""


@dataclass(frozen=True, slots=True)
class PagerDutyFormat:
    """Makes events.

    Parameters
    ----------
    target
        Where to.
    routing_key
        Of the integration.
    client_url
        Where people look further; "" for nowhere.
    """

    target: Target
    routing_key: Secret
    client_url: str = ""

    def call(self, message: Message, now_s: float) -> Post:  # noqa: ARG002  it carries no time of sending
        """The event."""
        told = message.told[0] if message.told else None
        action = _action(told)
        event: dict[str, Any] = {
            "routing_key": self.routing_key.value,
            "event_action": action,
            "dedup_key": _key(told, message),
        }
        if action == "trigger":
            event["client"] = f"coldplate {message.cluster}"
            if self.client_url:
                event["client_url"] = self.client_url
            event["payload"] = _payload(told, message)
            if told is not None and (links := _links(told)):
                event["links"] = links
        return self.target.post(body_of(event))


def _action(told: Told | None) -> str:
    if told is None:
        return "trigger"
    if told.phase is Phase.CLOSED:
        return "resolve"
    # What became worse after somebody took it is told again.
    quiet = told.phase in (Phase.REMINDER, Phase.REFRESH)
    return "acknowledge" if told.acked_by and quiet else "trigger"


def _key(told: Told | None, message: Message) -> str:
    if told is None:
        return cut(f"{message.cluster}/{HEARTBEAT}", KEY_MAX)
    # A test must not resolve, or be taken for, what is real.
    test = "test/" if told.phase is Phase.TEST else ""
    # The id is at the end: of a cluster's name that is too long the end is given up.
    end = f"/{test}{told.incident.id}"
    return message.cluster[: KEY_MAX - len(end)] + end


def _payload(told: Told | None, message: Message) -> dict[str, Any]:
    if told is None:
        return {"summary": headline(message), "source": message.cluster, "severity": "info"}
    incident = told.incident
    test = told.phase is Phase.TEST
    return {
        "summary": cut(headline(message), SUMMARY_MAX),
        "source": cut(incident.subject, SUMMARY_MAX),
        "severity": "info" if test else SEVERITIES[incident.severity],
        "timestamp": iso(incident.opened_ms),
        "component": incident.rack or incident.subject,
        "group": told.labels.get("row") or told.labels.get("hall") or message.cluster,
        "class": incident.kind,
        "custom_details": _details(told, message),
    }


def _details(told: Told, message: Message) -> dict[str, Any]:
    text = told.text
    found: dict[str, Any] = {
        "what": text.what,
        "where": text.where,
        "since": text.since,
        "what_to_do": list(text.todo),
        "affected": text.affected,
        "evidence": list(text.evidence),
        "how_sure": text.sure,
        "family": family_of(told.incident.kind),
        "incident": told.incident.id,
        "note": message.note,
        "acked_by": told.acked_by,
        "labels": labels_of(told, message),
        "others": [f"{other.incident.id}: {title_of(other)}" for other in message.told[1:]],
    }
    return {name: _bounded(value) for name, value in found.items() if value}


def _bounded(value: Any) -> Any:
    if isinstance(value, list):
        lines = [cut(line, DETAIL_MAX) for line in value[:LISTED_MAX]]
        return [*lines, f"and {len(value) - LISTED_MAX} more"] if len(value) > LISTED_MAX else lines
    return cut(value, DETAIL_MAX) if isinstance(value, str) else value


def _links(told: Told) -> list[dict[str, str]]:
    found = (("Runbook", told.text.runbook_url), ("Dashboard", told.text.dashboard_url))
    return [{"href": url, "text": name} for name, url in found if url]
