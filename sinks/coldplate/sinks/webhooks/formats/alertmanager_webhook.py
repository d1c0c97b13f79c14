"""What an Alertmanager sends to its webhooks, version 4: for the many receivers that take it.

An incident is an alert whose `fingerprint` is its own from its opening to its end, whatever becomes of its labels; in
a message of several each is an alert.

References
----------
https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from coldplate.sinks.webhooks.call import Post
from coldplate.sinks.webhooks.formats.said import (
    HEARTBEAT,
    TEST,
    headline,
    iso,
    labels_of,
    over,
    over_ms,
    plain,
    title_of,
)  # fmt: skip
from coldplate.sinks.webhooks.formats.target import Target, body_of
from coldplate.sinks.webhooks.message import Message, Phase, Told

NEVER = "0001-01-01T00:00:00Z"
"""When an alert ends that fires: a zero time of Go."""

Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AlertmanagerWebhookFormat:
    """Makes calls of an Alertmanager.

    Parameters
    ----------
    target
        Where to.
    external_url
        Where people look further; "" for nowhere.
    group_by
        By route: labels by which its incidents are grouped.
    """

    target: Target
    external_url: str = ""
    group_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def call(self, message: Message, now_s: float) -> Post:  # noqa: ARG002  it carries no time of sending
        """The call."""
        alerts = [self._alert(told, message) for told in message.told] or [self._beat(message)]
        return self.target.post(body_of({
            "receiver": message.receiver,
            "status": "firing" if any(a["status"] == "firing" for a in alerts) else "resolved",
            "alerts": alerts,
            "groupLabels": self._group_labels(message),
            "commonLabels": common([a["labels"] for a in alerts]),
            "commonAnnotations": common([a["annotations"] for a in alerts]),
            "externalURL": self.external_url,
            "version": "4",
            "groupKey": f"{message.cluster}/{message.group}",
            "truncatedAlerts": 0,
        }))  # fmt: skip

    def _alert(self, told: Told, message: Message) -> dict[str, Any]:
        ended = over(told)
        return {
            "status": "resolved" if ended else "firing",
            "labels": all_labels(told, message),
            "annotations": annotations(told, message),
            "startsAt": iso(told.incident.opened_ms),
            "endsAt": iso(over_ms(told, message)) if ended else NEVER,
            "generatorURL": told.text.dashboard_url or self.external_url,
            "fingerprint": fingerprint(message.cluster, told.phase is Phase.TEST, told.incident.id),
        }

    def _beat(self, message: Message) -> dict[str, Any]:
        return {
            "status": "firing",
            "labels": beat_labels(message),
            "annotations": {"summary": headline(message)},
            "startsAt": iso(message.t_ms),
            "endsAt": NEVER,
            "generatorURL": self.external_url,
            "fingerprint": fingerprint(message.cluster, HEARTBEAT),
        }

    def _group_labels(self, message: Message) -> dict[str, str]:
        if not message.told:
            return {"alertname": HEARTBEAT}
        labels, names = message.told[0].labels, self.group_by.get(message.route, ())
        if not names:
            return {"incident": message.told[0].incident.id}
        return {name: labels.get(name, "") for name in names}


def all_labels(told: Told, message: Message) -> dict[str, str]:
    """Of an alert, for people's routes and groups; the name is the kind of fault."""
    incident = told.incident
    return labels_of(told, message) | {
        "alertname": TEST if told.phase is Phase.TEST else incident.kind,
        "incident": incident.id,
        "subject": incident.subject,
        "kind": incident.kind,
        "severity": incident.severity.value,
    }


def beat_labels(message: Message) -> dict[str, str]:
    """Of the alert that fires always; its severity is one that no route pages for."""
    return {"alertname": HEARTBEAT, "cluster": message.cluster, "severity": "none"}


def annotations(told: Told, message: Message) -> dict[str, str]:
    """Of an alert: what people read; what is not known is left out."""
    text = told.text
    found = {
        "summary": title_of(told),
        "description": plain(told),
        "cause": told.incident.cause,
        "affected": text.affected,
        "acked_by": told.acked_by,
        "note": message.note,
        "runbook_url": text.runbook_url,
        "dashboard_url": text.dashboard_url,
    }
    return {name: value for name, value in found.items() if value}


def common(of: Sequence[Words]) -> dict[str, str]:
    """What all have, with the same value."""
    return {k: v for k, v in of[0].items() if all(other.get(k) == v for other in of)}


def fingerprint(*parts: object) -> str:
    """Sixteen hexadecimal digits, as an Alertmanager has them."""
    return sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]
