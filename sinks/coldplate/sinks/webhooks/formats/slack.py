"""A Slack incoming webhook, in blocks.

Everything that is said comes from names and sensors of a site: it is escaped, so that no name of a rack calls a channel
or hides an address behind another, and it is sent `verbatim`, so that Slack makes nothing of it.

References
----------
https://docs.slack.dev/reference/block-kit/blocks
https://docs.slack.dev/messaging/formatting-message-text
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from coldplate.sinks.webhooks.call import Post
from coldplate.sinks.webhooks.formats.said import cut, headline, one_line, title_of
from coldplate.sinks.webhooks.formats.target import Target, body_of
from coldplate.sinks.webhooks.message import Message, Phase, Told
from coldplate.wire.incident import Severity

TEXT_MAX, HEADER_MAX, FIELD_MAX = 3000, 150, 2000
"""Slack's: characters of a text, a header, a field."""

WHOLE_MAX = 5
"""Incidents of a message that are told in full, the others in a line each: Slack takes 50 blocks, and one has up to 7."""

SIGNS = {
    Severity.CRITICAL: ":red_circle:",
    Severity.WARNING: ":large_orange_circle:",
    Severity.TICKET: ":large_blue_circle:",
    Severity.INFO: ":white_circle:",
}

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SlackFormat:
    """Makes messages.

    Parameters
    ----------
    target
        The webhook, whose address is the secret.
    """

    target: Target

    def call(self, message: Message, now_s: float) -> Post:  # noqa: ARG002  it carries no time of sending
        """The message."""
        blocks = list(_blocks(message))
        return self.target.post(
            body_of({"text": escaped(headline(message), TEXT_MAX), "blocks": blocks})
        )


def escaped(text: str, most: int) -> str:
    """The text with Slack's three characters replaced, at most so long; no replacement is cut through."""
    out: list[str] = []
    length = 0
    for c in text:
        piece = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(c, c)
        length += len(piece)
        if length > most - 1:
            return "".join(out) + "…"
        out.append(piece)
    return "".join(out)


def _blocks(message: Message) -> Iterable[Block]:
    if not message.told:
        yield _section(headline(message))
        return
    if message.note:
        yield _section(message.note)
    for told in message.told[:WHOLE_MAX]:
        yield from _incident(told)
    if rest := message.told[WHOLE_MAX:]:
        lines = "\n".join(f"• {title_of(told)}" for told in rest)
        yield _section(f"{len(rest)} more:\n{lines}")


def _incident(told: Told) -> Iterable[Block]:
    text, incident = told.text, told.incident
    sign = ":white_check_mark:" if told.phase is Phase.CLOSED else SIGNS[incident.severity]
    if told.phase is Phase.TEST:
        sign = ":test_tube:"
    yield {
        "type": "header",
        "text": {
            "type": "plain_text", "emoji": True,
            "text": f"{sign} {one_line(title_of(told), HEADER_MAX - len(sign) - 1)}",
        },
    }  # fmt: skip
    if text.what:
        yield _section(text.what)
    fields = {
        "Severity": incident.severity.value, "Where": text.where, "Since": text.since,
        "Affected": text.affected, "How sure": text.sure, "Taken care of by": told.acked_by,
    }  # fmt: skip
    if told.phase is Phase.CLOSED:
        fields = {name: fields[name] for name in ("Where", "Since")}
    given = [_markdown(f"*{n}*\n", value, FIELD_MAX) for n, value in fields.items() if value]
    if given:
        yield {"type": "section", "fields": given}
    if told.phase is not Phase.CLOSED:
        if text.todo:
            lines = "\n".join(f"{n}. {line}" for n, line in enumerate(text.todo, 1))
            yield _section(lines, "*What to do*\n")
        if text.evidence:
            yield _section("\n".join(f"• {line}" for line in text.evidence), "*Evidence*\n")
    yield {"type": "context", "elements": [_marked(_foot(told))]}
    yield {"type": "divider"}


def _foot(told: Told) -> str:
    links = (("Runbook", told.text.runbook_url), ("Dashboard", told.text.dashboard_url))
    parts = [f"<{_address(url)}|{name}>" for name, url in links if _address(url)]
    return " · ".join([*parts, f"incident {escaped(told.incident.id, 100)}"])


def _address(url: str) -> str:
    """As it may stand in a link; "" when it is too long to be shown."""
    for c, code in (("&", "&amp;"), ("<", "%3C"), (">", "%3E"), ("|", "%7C"), (" ", "%20")):
        url = url.replace(c, code)
    return url if len(url) <= TEXT_MAX // 3 else ""


def _section(text: str, title: str = "") -> Block:
    return {"type": "section", "text": _markdown(title, text, TEXT_MAX)}


def _markdown(title: str, text: str, most: int) -> Block:
    return _marked(title + escaped(text, most - len(title)))


def _marked(text: str) -> Block:
    return {"type": "mrkdwn", "text": cut(text, TEXT_MAX), "verbatim": True}
