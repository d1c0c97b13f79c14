"""The alerts' configuration as it is written in TOML: receivers, routes, timing, heartbeat.

`load.py` reads and checks it. Every key is listed in docs/alerts.md, which a test holds to this file.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from coldplate.wire.incident import Severity

Seconds = Annotated[float, Meta(gt=0, le=604_800)]
Names = tuple[str, ...]


class Receiver(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, tag_field="kind"):  # fmt: skip
    """Who is told; `kind` says how.

    Parameters
    ----------
    name
        What routes call it by.
    closings
        Whether it is told when an incident is over.
    timeout_s
        Of one attempt.
    give_up_s
        Age of a message at which it becomes a dead letter.
    """

    name: str
    closings: bool = True
    timeout_s: Annotated[float, Meta(gt=0, le=60)] = 10.0
    give_up_s: Seconds = 86_400.0


class Http(Receiver, kw_only=True, frozen=True):
    """What all that speak HTTP share.

    Parameters
    ----------
    url, url_file
        Where to; in a file when it holds a secret. One of the two.
    token_file
        Holds a bearer token for the Authorization header.
    ca_file
        Certificates to trust instead of the system's.
    allow_http
        Take http:// too.
    allow_private
        Take addresses that are loopback, link-local or private.
    """

    url: str = ""
    url_file: str = ""
    token_file: str = ""
    ca_file: str = ""
    allow_http: bool = False
    allow_private: bool = False


class StandardWebhooks(Http, kw_only=True, frozen=True, tag="standard-webhooks"):
    """https://www.standardwebhooks.com; each key of `secret_files` signs, so that keys can be changed one side at a time."""

    secret_files: Names = ()


class AlertmanagerWebhook(Http, kw_only=True, frozen=True, tag="alertmanager-webhook"):
    """What an Alertmanager sends to its webhooks (version 4): for receivers that exist."""


class AlertmanagerApi(Http, kw_only=True, frozen=True, tag="alertmanager"):
    """A real Alertmanager's API v2; `url` is its address, told again every `refresh_s`."""

    refresh_s: Seconds = 60.0


class PagerDuty(Http, kw_only=True, frozen=True, tag="pagerduty"):
    """PagerDuty's Events API v2; its address when none is given."""

    routing_key_file: str


class Slack(Http, kw_only=True, frozen=True, tag="slack"):
    """A Slack incoming webhook, with blocks."""


class Template(Http, kw_only=True, frozen=True, tag="template"):
    """Any JSON: `body` is a text in which `${title}` and the like are replaced, escaped for JSON."""

    body: str
    method: Literal["POST", "PUT"] = "POST"
    headers: dict[str, str] = {}


class Email(Receiver, kw_only=True, frozen=True, tag="email"):
    """Mail by SMTP."""

    host: str
    sender: str
    to: Names
    port: Annotated[int, Meta(ge=1, le=65_535)] = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password_file: str = ""
    ca_file: str = ""
    allow_private: bool = False


class Exec(Receiver, kw_only=True, frozen=True, tag="exec"):
    """A command with the incident on its standard input, such as one that drains a node.

    Parameters
    ----------
    command
        Program and arguments; no shell.
    step
        `recommend` writes down what would be run, `annotate` runs it with COLDPLATE_STEP=annotate, `execute` with
        COLDPLATE_STEP=execute.
    enabled
        Off by default: nothing is run.
    nodes_per_hour_max, nodes_per_hall_max
        The breaker: more nodes within an hour, in all and in one hall, are not acted on.
    """

    command: Names
    step: Literal["recommend", "annotate", "execute"] = "recommend"
    enabled: bool = False
    nodes_per_hour_max: Annotated[int, Meta(ge=0, le=100_000)] = 4
    nodes_per_hall_max: Annotated[int, Meta(ge=0, le=100_000)] = 4


AnyReceiver = (
    StandardWebhooks | AlertmanagerWebhook | AlertmanagerApi | PagerDuty | Slack | Template | Email | Exec
)  # fmt: skip


class Route(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Who is told of what; the first that matches decides, and further ones too while `go_on` is set.

    Parameters
    ----------
    name
        For logs and `coldplate alerts test`.
    to
        Receivers.
    severity
        Any of these; none is `warning` and `critical`.
    kinds
        Kinds or families of fault; none is any.
    places
        Ids: the incident's subject is one of them or below one; none is anywhere.
    labels
        Label and value.
    days, hours, zone
        When: `["mon", "tue"]`, `"22:00-06:00"` (may pass midnight), in a time zone.
    group_by
        Labels: incidents that agree in these share messages. None: each for itself.
    group_wait_s
        How long the first message of a group waits for what belongs to it.
    update_s
        Least time between messages about an incident that has not become more severe and is not over.
    remind_s
        After how long an open incident that nobody has acknowledged is told of again.
    """

    name: str
    to: Names
    severity: tuple[Severity, ...] = (Severity.WARNING, Severity.CRITICAL)
    kinds: Names = ()
    places: Names = ()
    labels: dict[str, str] = {}
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ()
    hours: str = ""
    zone: str = "UTC"
    group_by: Names = ()
    group_wait_s: Annotated[float, Meta(ge=0, le=3600)] = 0.3
    update_s: Seconds = 60.0
    remind_s: Seconds = 14_400.0
    go_on: bool = False


class Heartbeat(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The dead man's switch: `to` is called every `every_s` while frames younger than `stale_s` reach the history or the worker."""

    to: Names = ()
    every_s: Seconds = 60.0
    stale_s: Seconds = 60.0


class Links(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Addresses that messages point to; "" for none."""

    dashboards: str = ""
    runbooks: str = ""


class Alerts(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The file."""

    receivers: tuple[AnyReceiver, ...] = ()
    routes: tuple[Route, ...] = ()
    heartbeat: Heartbeat = Heartbeat()
    links: Links = Links()
