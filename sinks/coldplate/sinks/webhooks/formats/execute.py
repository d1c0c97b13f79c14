"""What a command is given on its standard input: the whole message, and the nodes on which it may act.

    {"version": 1, "live": true, "nodes": ["rack-0003/node-5"], "message": {...}}

`live` is true for news of what is open alone: an incident that was opened or became worse, told within `FRESH_S` of it.
A reminder, an end, a test, or a message that waited while the command could not be run is not acted on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from coldplate.sinks.webhooks.call import Run
from coldplate.sinks.webhooks.formats.target import body_of
from coldplate.sinks.webhooks.message import Message, Phase, Told
from coldplate.sinks.webhooks.place import places

FRESH_S = 600.0
"""What a message says of a hall is believed for so long."""

ACTED_ON = (Phase.OPENED, Phase.UPDATED)
VERSION = 1


@dataclass(frozen=True, slots=True)
class ExecuteFormat:
    """Makes runs."""

    def call(self, message: Message, now_s: float) -> Run:
        """The run; when it is not live it names no node."""
        fresh = now_s - message.t_ms / 1000.0 <= FRESH_S
        news = [told for told in message.told if told.phase in ACTED_ON] if fresh else []
        nodes = tuple(dict.fromkeys(node for told in news for node in nodes_of(told)))
        stdin = body_of({
            "version": VERSION, "live": bool(news), "nodes": nodes,
            "message": msgspec.to_builtins(message),
        })  # fmt: skip
        return Run(stdin, nodes, bool(news))


def nodes_of(told: Told) -> Iterator[str]:
    """Nodes that an incident harms: its subject's, then those of the affected, most urgent first; some twice.

    Of ids of a site's own form, which do not tell their node, the label `node` is all that is known.
    """
    if node := told.labels.get("node"):
        yield node
    for device in (told.incident.subject, *told.incident.affected):
        if node := places(device).get("node"):
            yield node
