"""Where to read on: the runbook of a cause, and the dashboard that shows it at the time it happened."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from coldplate.sinks.webhooks.config import Links
from coldplate.sinks.webhooks.telling.affected import kind_of
from coldplate.sinks.webhooks.telling.cause import cause_of, name_of
from coldplate.wire.incident import Incident

BEFORE_MS = 600_000
"""How much of the time before and after is shown."""

_ASKED = {
    "gpu": ("rack", "gpu"), "rack": ("rack",), "water": ("hall", "rack"), "power": ("hall", "rack"), "hall": ("hall",),
    "incidents": (), "jobs": (), "pipeline": (),
}  # fmt: skip
"""By dashboard: which of its variables are set."""


def runbook_of(kind: str, links: Links) -> str:
    """Address of the page that says what to do; "" where none is configured."""
    return f"{links.runbooks.rstrip('/')}/{name_of(kind)}.md" if links.runbooks else ""


def dashboard_of(incident: Incident, labels: Mapping[str, str], links: Links) -> str:
    """Address of the picture that shows it, from before it began; "" where none is configured."""
    if not links.dashboards:
        return ""
    known = {"hall": labels.get("hall", ""), "rack": incident.rack or labels.get("rack", "")}
    if kind_of(incident.subject) == "gpu":
        known["gpu"] = incident.subject
    word = cause_of(incident.kind).dashboard
    if word == "gpu" and "gpu" not in known:
        word = "rack"
    if word == "rack" and not known["rack"]:
        word = "hall"
    asked = {f"var-{name}": known[name] for name in _ASKED[word] if known.get(name)}
    ends = incident.closed_ms
    asked["from"] = str(incident.first_tick_ms - BEFORE_MS)
    asked["to"] = "now" if ends is None else str(ends + BEFORE_MS)
    # A lone surrogate in a name must not end the message.
    query = urlencode(asked, quote_via=quote, errors="replace")
    return f"{links.dashboards.rstrip('/')}/d/coldplate-{word}?{query}"
