"""The words that formats share: how a message, one of its incidents, and a time are said."""

from datetime import UTC, datetime

from coldplate.sinks.webhooks.message import Message, Phase, Told

BEGINS = {
    Phase.OPENED: "",
    Phase.UPDATED: "Now: ",
    Phase.REMINDER: "Still open: ",
    Phase.REFRESH: "",
    Phase.CLOSED: "Over: ",
    Phase.TEST: "TEST, nothing happened: ",
    Phase.HEARTBEAT: "",
}
"""What a title begins with, so that a line that is cut off still says what it is."""

NEWS = (
    Phase.TEST, Phase.OPENED, Phase.UPDATED, Phase.REMINDER, Phase.CLOSED, Phase.REFRESH,
)  # fmt: skip
"""Of a message that tells several things, the first of these that it tells is what it is called by."""

HEARTBEAT = "coldplate-heartbeat"
"""The name of an alert that fires always."""

TEST = "coldplate-test"
"""The name of an alert by which somebody tries the way."""

SUMMARY_MAX = 200
_LAST_MS = 253_402_300_799_000.0
"""The end of the year 9999, beyond which no time can be written down."""


def phase_of(message: Message) -> Phase:
    """What a message is called by."""
    told = {told.phase for told in message.told}
    return next((phase for phase in NEWS if phase in told), Phase.HEARTBEAT)


def title_of(told: Told) -> str:
    """An incident in one line."""
    return one_line(BEGINS[told.phase] + told.text.title)


def headline(message: Message) -> str:
    """A message in one line."""
    if not message.told:
        return one_line(f"coldplate of {message.cluster} is alive")
    more = len(message.told) - 1
    first = title_of(message.told[0])
    return f"{first} (and {more} more)" if more else first


def one_line(text: str, most: int = SUMMARY_MAX) -> str:
    """A text without line breaks and control characters, cut to at most so many characters."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return cut(" ".join(plain.split()), most)


def cut(text: str, most: int) -> str:
    """The text, or its beginning with a mark that something is missing."""
    return text if len(text) <= most else text[: most - 1] + "…"


def over(told: Told) -> bool:
    """Whether an incident is told of as over."""
    return told.phase is Phase.CLOSED


def over_ms(told: Told, message: Message) -> int:
    """Since when; a person may have said it, and then the message is the first to tell."""
    incident = told.incident
    ended_ms = message.t_ms if incident.closed_ms is None else incident.closed_ms
    return max(ended_ms, incident.opened_ms)


def iso(t_ms: float) -> str:
    """A time as RFC 3339 in UTC, with milliseconds."""
    at = datetime.fromtimestamp(min(max(t_ms, 0.0), _LAST_MS) / 1000.0, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(told: Told) -> str:
    """All that is said of an incident, as plain text."""
    text = told.text
    parts = [
        title_of(told), text.what, _named("Where", text.where), _named("Since", text.since),
        _named("Taken care of by", told.acked_by), _named("Affected", text.affected),
        _listed("What to do", text.todo, numbered=True), _listed("Evidence", text.evidence),
        _named("How sure", text.sure), _named("Runbook", text.runbook_url),
        _named("Dashboard", text.dashboard_url), _named("Incident", told.incident.id),
    ]  # fmt: skip
    return "\n".join(part for part in parts if part)


def plain_message(message: Message) -> str:
    """All that a message says, as plain text."""
    parts = [message.note, *(plain(told) for told in message.told)]
    return "\n\n".join(part for part in parts if part) or headline(message)


def labels_of(told: Told, message: Message) -> dict[str, str]:
    """Labels that have a value; the cluster is always among them."""
    return {"cluster": message.cluster} | {k: v for k, v in told.labels.items() if v}


def _named(name: str, value: str) -> str:
    return f"{name}: {value}" if value else ""


def _listed(name: str, lines: tuple[str, ...], *, numbered: bool = False) -> str:
    marks = (f"{n}." for n in range(1, len(lines) + 1)) if numbered else ("-" for _ in lines)
    return "\n".join(
        [f"{name}:", *(f"  {mark} {line}" for mark, line in zip(marks, lines, strict=True))]
        if lines
        else []
    )
