"""What one turn of the alerter decided, written down in one step: then it has happened, or it has not."""

from collections.abc import Mapping, Sequence

import msgspec

from coldplate.sinks.webhooks.message import Message
from coldplate.wire.action import Action


class Turn(msgspec.Struct):
    """What is to be kept and sent.

    Parameters
    ----------
    messages
        New ones.
    actions
        To publish: what the alerter did or held back.
    states
        What is to be remembered, by key; None forgets it.
    offsets
        Next offset by (topic's id, partition): everything before it is in `states` and `messages`.
    """

    messages: Sequence[Message] = ()
    actions: Sequence[Action] = ()
    states: Mapping[str, bytes | None] = {}
    offsets: Mapping[tuple[str, int], int] = {}
