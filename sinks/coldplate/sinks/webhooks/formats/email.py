"""An e-mail in plain text: what a person reads on a phone at night is in the subject and the first lines."""

from dataclasses import dataclass

from coldplate.sinks.webhooks.call import Mail
from coldplate.sinks.webhooks.formats.said import headline, one_line, phase_of, plain_message
from coldplate.sinks.webhooks.message import Message, Phase
from coldplate.wire.incident import Severity

SUBJECT_MAX = 200


@dataclass(frozen=True, slots=True)
class EmailFormat:
    """Makes mails."""

    def call(self, message: Message, now_s: float) -> Mail:  # noqa: ARG002  it carries no time of sending
        """The mail; those of a group are one thread."""
        marks = [f"[{message.cluster}]"]
        if message.firing and message.told and phase_of(message) is not Phase.TEST:
            ranks = list(Severity)
            open_ = (t.incident.severity for t in message.told if t.phase is not Phase.CLOSED)
            marks.append(max(open_, key=ranks.index).value.upper())
        foot = f"-- \ncoldplate, cluster {message.cluster}, route {message.route}, message {message.id}"
        return Mail(
            one_line(" ".join([*marks, headline(message)]), SUBJECT_MAX),
            f"{plain_message(message)}\n\n{foot}\n",
            message.id,
            f"{message.cluster}/{message.group}",
        )
