"""A real Alertmanager's API v2: POST /api/v2/alerts.

To an Alertmanager an alert IS its labels. Those of an incident may change while it is open: it becomes critical, or its
cause turns out to be another. Labels that never change would be simpler, and wrong: a route for `severity="critical"`
would not see that an incident became critical. So an alert has the labels of the moment, as Prometheus does it, and what
was told under other labels ends by itself: each time an alert is told, it is told to end five times `refresh_s` later,
and an open incident is told again every `refresh_s`. The same end comes when this process or the way to the
Alertmanager fails. At the close the alert is told as ended, at once.

Which jobs run on what is affected changes without the incident having changed: that is an annotation, not a label.

References
----------
https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from dataclasses import dataclass
from typing import Any

from coldplate.sinks.webhooks.call import Post
from coldplate.sinks.webhooks.formats.alertmanager_webhook import (
    all_labels,
    annotations,
    beat_labels,
)  # fmt: skip
from coldplate.sinks.webhooks.formats.said import headline, iso, over, over_ms
from coldplate.sinks.webhooks.formats.target import Target, body_of
from coldplate.sinks.webhooks.message import Message, Told

PATH = "/api/v2/alerts"

REFRESHES = 5
"""An alert ends when so many refreshes were missed in a row."""

RESTLESS = ("job",)
"""Labels that change while the incident stays the same."""


@dataclass(frozen=True, slots=True)
class AlertmanagerApiFormat:
    """Makes calls to an Alertmanager.

    Parameters
    ----------
    target
        Its address.
    refresh_s
        How often an open incident is told of.
    beat_s
        How often the heartbeat comes.
    external_url
        Where people look further; "" for nowhere.
    """

    target: Target
    refresh_s: float
    beat_s: float = 0.0
    external_url: str = ""

    def call(self, message: Message, now_s: float) -> Post:
        """The call; an attempt that comes later ends later."""
        alerts = [self._alert(told, message, now_s) for told in message.told]
        return self.target.post(body_of(alerts or [self._beat(message, now_s)]), path=PATH)

    def _alert(self, told: Told, message: Message, now_s: float) -> dict[str, Any]:
        labels, words = all_labels(told, message), annotations(told, message)
        for name in RESTLESS:
            if value := labels.pop(name, ""):
                words[name] = value
        ends_ms = now_s * 1000.0 + self._lasts_ms(self.refresh_s)
        if over(told):
            # One that ends in the Alertmanager's future still fires.
            ends_ms = min(float(over_ms(told, message)), now_s * 1000.0)
        starts_ms = min(told.incident.opened_ms, ends_ms)
        return self._as_told(labels, words, starts_ms, ends_ms, told.text.dashboard_url)

    def _beat(self, message: Message, now_s: float) -> dict[str, Any]:
        now_ms = now_s * 1000.0
        ends_ms = now_ms + self._lasts_ms(max(self.refresh_s, self.beat_s))
        words = {"summary": headline(message)}
        return self._as_told(beat_labels(message), words, min(message.t_ms, now_ms), ends_ms, "")

    def _as_told(
        self, labels: dict[str, str], words: dict[str, str], starts_ms: float, ends_ms: float, url: str
    ) -> dict[str, Any]:  # fmt: skip
        told = {
            "labels": labels, "annotations": words, "startsAt": iso(starts_ms), "endsAt": iso(ends_ms),
            "generatorURL": url or self.external_url,
        }  # fmt: skip
        # An empty address is none to its validator.
        return {name: value for name, value in told.items() if value}

    def _lasts_ms(self, every_s: float) -> float:
        return REFRESHES * every_s * 1000.0
