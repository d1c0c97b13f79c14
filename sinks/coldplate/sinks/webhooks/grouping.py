"""Which incidents share messages, and what a message's id is made of."""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256

from coldplate.sinks.webhooks.config import Route


def group_of(route: Route, incident: str, labels: Mapping[str, str]) -> str:
    """A group's name: the same for incidents of a route that agree in `group_by`, else each incident's own.

    Notes
    -----
    A label that is absent agrees with an absent one.
    """
    if not route.group_by:
        return f"{route.name}/{incident}"
    agreed = [[name, labels.get(name)] for name in route.group_by]
    return f"{route.name}/{sha256(json.dumps(agreed).encode()).hexdigest()[:12]}"


def message_id(cluster: str, receiver: str, group: str, tells: Iterable[str]) -> str:
    """A message's id: of whom, to whom, and what it tells; 32 hexadecimal digits, whenever and by whom it is made."""
    return digest(cluster, receiver, group, *sorted(tells))[:32]


def digest(*words: str) -> str:
    """What stands for a list of words; 64 hexadecimal digits."""
    return sha256("\n".join(words).encode()).hexdigest()
