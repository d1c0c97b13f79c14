"""An incident in words: the same for every receiver, in plain text, short however large the incident is.

What a cause is called, means and asks for stands in causes.toml; numbers come from the incident's evidence. Whoever is
woken by it reads the title, who suffers and for how long yet, and what to do; the runbook has the same steps with reasons.
"""

import re
from collections.abc import Mapping, Sequence

from coldplate.sinks.webhooks.config import Links
from coldplate.sinks.webhooks.message import Text
from coldplate.sinks.webhooks.telling.affected import affected_of
from coldplate.sinks.webhooks.telling.cause import UNKNOWN, cause_of
from coldplate.sinks.webhooks.telling.certainty import CONSEQUENCES, sure_of
from coldplate.sinks.webhooks.telling.evidence import lines_of
from coldplate.sinks.webhooks.telling.links import dashboard_of, runbook_of
from coldplate.sinks.webhooks.telling.moment import day_and_time, length
from coldplate.sinks.webhooks.telling.plain import clean, named
from coldplate.wire.fault import looks_alike, xid_code
from coldplate.wire.incident import Incident

TITLE_MAX = 100
PLACES = ("hall", "row", "rack", "node", "slot")
"""Labels that say where, from wide to narrow."""

HOT = "Near its thermal limit, cause unknown: {subject}"
"""Title of an incident without a name in which a GPU complains of heat."""

_PLACEHOLDER = re.compile(r"\{(subject|pump|code)\}")


def text_of(
    incident: Incident, labels: Mapping[str, str], now_ms: int, *, links: Links,
    serial: str = "", jobs: Sequence[str] = (),
) -> Text:  # fmt: skip
    """The words for an incident.

    Parameters
    ----------
    labels
        Of its subject; those of `PLACES` say where it is.
    now_ms
        What "for" and "in" are counted from, Unix milliseconds.
    links
        Where runbooks and dashboards are.
    serial
        Of the subject; "" where none is known.
    jobs
        On the devices that suffer, the largest first.
    """
    cause = cause_of(incident.kind)
    return Text(
        title=_title(cause.title, incident),
        what=f"{clean(incident.cause, 400)} {cause.what}".strip(),
        where=_where(incident, labels, serial),
        since=_since(incident, now_ms),
        sure=sure_of(incident, cause.sure),
        evidence=lines_of(incident.evidence, cause.metric),
        affected=affected_of(incident, now_ms, jobs),
        todo=cause.todo,
        runbook_url=runbook_of(incident.kind, links),
        dashboard_url=dashboard_of(incident, labels, links),
    )


def _title(template: str, incident: Incident) -> str:
    if incident.kind == UNKNOWN and any(e.detector in CONSEQUENCES for e in incident.evidence):
        template = HOT
    pump = next((e.metric[4] for e in incident.evidence if e.metric[:5] in ("pump1", "pump2")), "")
    values = {"pump": pump, "code": str(xid_code(incident.kind) or "")}
    around = " ".join(_PLACEHOLDER.sub(lambda m: values.get(m[1], "\0"), template).split())
    if looks_alike(incident.kind):
        around = f"Looks like, and is not: {around}"
    # The place is what is shortened: what happened has to be read.
    room = TITLE_MAX - len(around) + 1
    return around.replace("\0", clean(named(incident.subject), max(room, 8)), 1)[:TITLE_MAX]


def _where(incident: Incident, labels: Mapping[str, str], serial: str) -> str:
    subject = named(incident.subject)
    places = [named(labels[p]) for p in PLACES if labels.get(p)]
    parts = [p for p in dict.fromkeys(places) if p != subject]
    parts.append(subject)
    if serial:
        parts.append(f"serial {clean(serial, 40)}")
    return ", ".join(parts)


def _since(incident: Incident, now_ms: int) -> str:
    began = day_and_time(incident.first_tick_ms)
    if incident.closed_ms is None:
        return f"{began}, for {length(now_ms - incident.first_tick_ms)}"
    lasted = length(incident.closed_ms - incident.first_tick_ms)
    return f"{began} to {day_and_time(incident.closed_ms)}, lasted {lasted}"
