"""What became of a message, as actions for `coldplate.actions`: one for each incident that it told of."""

from hashlib import sha256

from coldplate.sinks.webhooks.message import Message, Phase
from coldplate.wire.action import Action, Verb

FLEETING = (Phase.REFRESH, Phase.HEARTBEAT)


def fleeting(message: Message) -> bool:
    """Whether the next message of its group makes it needless: such a one leaves no actions and no dead letter."""
    return all(told.phase in FLEETING for told in message.told)


def outcome(message: Message, verb: Verb, said: str, who: str, t_ms: int) -> tuple[Action, ...]:
    """What is published when a message was taken or given up at a time; nothing for one that is fleeting."""
    if fleeting(message):
        return ()
    return tuple(
        Action(
            message.cluster, _id(verb, message, told.incident.id, t_ms), t_ms, who, verb,
            incident=told.incident.id, text=said, receiver=message.receiver, message=message.id,
            phase=told.phase,
        )
        for told in message.told
    )  # fmt: skip


def _id(verb: Verb, message: Message, incident: str, t_ms: int) -> str:
    # With the time, because a message can be given up again after somebody has sent it again.
    words = (verb, message.receiver, message.id, incident, str(t_ms))
    return sha256("\n".join(words).encode()).hexdigest()[:16]
