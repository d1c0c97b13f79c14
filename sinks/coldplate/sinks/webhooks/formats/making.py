"""Which format a receiver of the configuration has."""

from pathlib import Path

from coldplate.sinks.webhooks.call import Format
from coldplate.sinks.webhooks.config import (
    AlertmanagerApi,
    AlertmanagerWebhook,
    Alerts,
    AnyReceiver,
    Email,
    Exec,
    PagerDuty,
    Slack,
    StandardWebhooks,
    Template,
)  # fmt: skip
from coldplate.sinks.webhooks.formats.alertmanager_api import AlertmanagerApiFormat
from coldplate.sinks.webhooks.formats.alertmanager_webhook import AlertmanagerWebhookFormat
from coldplate.sinks.webhooks.formats.email import EmailFormat
from coldplate.sinks.webhooks.formats.execute import ExecuteFormat
from coldplate.sinks.webhooks.formats.pagerduty import URL, PagerDutyFormat
from coldplate.sinks.webhooks.formats.slack import SlackFormat
from coldplate.sinks.webhooks.formats.standard import StandardFormat
from coldplate.sinks.webhooks.formats.target import Target
from coldplate.sinks.webhooks.formats.template import TemplateFormat
from coldplate.sinks.webhooks.secrets import secret_in

AnyHttp = StandardWebhooks | AlertmanagerWebhook | AlertmanagerApi | PagerDuty | Slack | Template


def format_of(receiver: AnyReceiver, base: Path, alerts: Alerts | None = None) -> Format:
    """The format of a receiver.

    Parameters
    ----------
    base
        The configuration's folder, from which its files are found.
    alerts
        What else it says: links, and by what routes group.
    """
    if isinstance(receiver, Email):
        return EmailFormat()
    if isinstance(receiver, Exec):
        return ExecuteFormat()
    return _http(receiver, base, alerts or Alerts())


def _http(receiver: AnyHttp, base: Path, alerts: Alerts) -> Format:
    target = Target.of(receiver, base, URL if isinstance(receiver, PagerDuty) else "")
    look = alerts.links.dashboards
    match receiver:
        case StandardWebhooks():
            return StandardFormat(target, tuple(secret_in(base, f) for f in receiver.secret_files))
        case AlertmanagerWebhook():
            groups = {route.name: route.group_by for route in alerts.routes}
            return AlertmanagerWebhookFormat(target, look, groups)
        case AlertmanagerApi():
            return AlertmanagerApiFormat(target, receiver.refresh_s, alerts.heartbeat.every_s, look)
        case PagerDuty():
            return PagerDutyFormat(target, secret_in(base, receiver.routing_key_file), look)
        case Slack():
            return SlackFormat(target)
        case Template():
            return TemplateFormat(target, receiver.body, receiver.method, receiver.headers)
