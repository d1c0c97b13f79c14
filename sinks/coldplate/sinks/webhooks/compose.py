"""Makes messages of what receivers are to be told in one turn: one a group and receiver, of a bounded size."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from coldplate.sinks.webhooks.grouping import message_id
from coldplate.sinks.webhooks.kept import Group
from coldplate.sinks.webhooks.life import RANK
from coldplate.sinks.webhooks.look import Want
from coldplate.sinks.webhooks.message import Message, Text, Told
from coldplate.wire.incident import Incident

TOLD_MAX = 50
"""Incidents in a message; what is more goes into further ones of the group."""

AFFECTED_MAX = 256
EVIDENCE_MAX = 16

Texts = Callable[[Incident, Mapping[str, str], int], Text]


@dataclass(frozen=True, slots=True)
class Known:
    """An incident as it is told of.

    Parameters
    ----------
    incident, labels
        Now.
    acked_by
        Who takes care of it.
    """

    incident: Incident
    labels: Mapping[str, str]
    acked_by: str


class Composer:
    """Makes messages.

    Parameters
    ----------
    cluster
        Whose incidents.
    texts
        Words for an incident with its labels at a time.
    """

    def __init__(self, cluster: str, texts: Texts) -> None:
        self._cluster, self._texts = cluster, texts

    def compose(
        self,
        wants: Iterable[Want],
        known: Callable[[str], Known],
        group: Callable[[str, str], Group],
        now_ms: int,
    ) -> Iterator[Message]:
        """Messages in the order in which they are to be sent.

        Parameters
        ----------
        wants
            In the order in which they were found; an incident's own order is kept.
        known
            An incident by its id.
        group
            The state of a group to a receiver, by both names; it is counted up.
        """
        by_group: dict[tuple[str, str], list[Want]] = {}
        for want in wants:
            by_group.setdefault((want.receiver, want.group), []).append(want)
        for (receiver, name), members in by_group.items():
            state = group(receiver, name)
            for layer in _layers(members):
                layer.sort(key=lambda w: _urgency(known(w.incident).incident))
                for at in range(0, len(layer), TOLD_MAX):
                    yield self._message(layer[at : at + TOLD_MAX], known, state, now_ms)

    def _message(
        self, wants: Sequence[Want], known: Callable[[str], Known], group: Group, now_ms: int
    ) -> Message:
        first = wants[0]
        tells = (f"{w.incident} {w.phase} {w.mark}" for w in wants)
        number, group.number, group.told_ms = group.number, group.number + 1, now_ms
        return Message(
            id=message_id(self._cluster, first.receiver, first.group, tells),
            cluster=self._cluster, receiver=first.receiver, route=first.route, group=first.group,
            number=number, t_ms=now_ms,
            told=tuple(self._told(w, known(w.incident), now_ms) for w in wants),
            note="; ".join(dict.fromkeys(w.note for w in wants if w.note))[:500],
        )  # fmt: skip

    def _told(self, want: Want, known: Known, now_ms: int) -> Told:
        incident = known.incident
        text = self._texts(incident, known.labels, now_ms)
        if len(incident.affected) > AFFECTED_MAX or len(incident.evidence) > EVIDENCE_MAX:
            incident = msgspec.structs.replace(
                incident,
                affected=incident.affected[:AFFECTED_MAX],
                evidence=incident.evidence[:EVIDENCE_MAX],
            )
        return Told(incident, want.phase, known.labels, text, known.acked_by)


def _layers(wants: Iterable[Want]) -> list[list[Want]]:
    """Wants such that each incident stands once in a layer: what opened and is over is told in two messages."""
    layers: list[list[Want]] = []
    seen: dict[str, int] = {}
    for want in wants:
        at = seen[want.incident] = seen.get(want.incident, -1) + 1
        if at == len(layers):
            layers.append([])
        layers[at].append(want)
    return layers


def _urgency(incident: Incident) -> tuple[int, int, str]:
    return (-RANK[incident.severity], incident.opened_ms, incident.id)
