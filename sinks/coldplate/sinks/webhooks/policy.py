"""Decides who is told what, when, and once: from records and the time to messages, without a clock or a wire of its own.

Records are taken as they come; `due` decides and says what changed, so that it can be written down in one step with the
offsets. Whoever begins without states takes all records there are before the first `due`: what is over by then is not
told, what is open is.

Notes
-----
A turn costs what has changed or is due, not what is open: times lie in a heap. A silence that begins or ends is held against
all open incidents, some 10 us each.
"""

import heapq
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from coldplate.sinks.webhooks.compose import Composer, Known, Texts
from coldplate.sinks.webhooks.config import Alerts
from coldplate.sinks.webhooks.grouping import digest
from coldplate.sinks.webhooks.kept import Group, Kept
from coldplate.sinks.webhooks.labels import labels_of
from coldplate.sinks.webhooks.look import FORGET_MS, Look, Looker, Want
from coldplate.sinks.webhooks.message import Message, Phase
from coldplate.sinks.webhooks.quiet import Quiet
from coldplate.sinks.webhooks.turn import Turn
from coldplate.wire.action import Action, Verb
from coldplate.wire.incident import Incident
from coldplate.wire.inventory import Inventory
from coldplate.wire.silence import Silence

INCIDENT, SILENCE, GROUP = "incident/", "silence/", "group/"
"""What the keys of states begin with."""

GROUP_KEPT_MS = 8 * FORGET_MS
"""A group's count outlives every message of it that may still wait to be sent (a week)."""

log = logging.getLogger(__name__)

_encode = msgspec.msgpack.Encoder().encode
_of_kept = msgspec.msgpack.Decoder(Kept).decode
_of_group = msgspec.msgpack.Decoder(Group).decode


class Policy:
    """What is known of incidents, and who was told.

    Parameters
    ----------
    alerts
        Receivers and routes, as `load.py` has checked them.
    inventory
        For places; None takes what ids tell.
    texts
        Words for an incident with its labels at a time.
    cluster
        Whose records are taken.
    instance
        Name of this alerter, for its actions.
    """

    def __init__(
        self, alerts: Alerts, inventory: Inventory | None, texts: Texts, cluster: str, instance: str
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._cluster, self._who = cluster, f"alerter/{instance}" if instance else "alerter"
        self._inventory = inventory
        self._looker, self._composer = Looker(alerts, inventory), Composer(cluster, texts)
        self._kept: dict[str, Kept] = {}
        self._groups: dict[str, Group] = {}
        self._quiet = Quiet(inventory)
        self._labels: dict[str, tuple[int, Mapping[str, str]]] = {}
        self._waiting: dict[tuple[str, str], set[str]] = {}
        self._members: Counter[str] = Counter()
        self._next: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []
        self._dirty: set[str] = set()
        self._dirty_ms: int | None = None
        self._saved: dict[str, int] = {}
        self._changed: set[str] = set()

    def restore(self, states: Iterable[tuple[str, bytes]]) -> None:
        """What earlier turns wrote down; what cannot be read is told anew, for that is better than never."""
        for key, data in states:
            try:
                if key.startswith(INCIDENT):
                    self._kept[key.removeprefix(INCIDENT)] = _of_kept(data)
                elif key.startswith(GROUP):
                    self._groups[key.removeprefix(GROUP)] = _of_group(data)
                elif key.startswith(SILENCE):
                    self._quiet.restore(key.removeprefix(SILENCE), data)
            except msgspec.DecodeError as error:
                self.counts["states_unreadable"] += 1
                log.warning("state %s cannot be read (%s); it is left out", key, error)
                continue
            self._saved[key] = hash(data)
        for id_, kept in self._kept.items():
            self._index(id_, _groups_of(kept))
            self._at(INCIDENT + id_, 0)
        for name in self._groups:
            self._at(GROUP + name, 0)
        for id_ in self._quiet.ids():
            self._at(SILENCE + id_, 0)

    def take(self, record: Incident | Action, now_ms: int) -> None:
        """A further record; one that is known or is of another cluster changes nothing."""
        if record.cluster != self._cluster:
            self.counts["other_cluster"] += 1
            return
        if isinstance(record, Action) and record.verb in (Verb.SILENCE, Verb.UNSILENCE):
            if (id_ := self._quiet.take(record)) is not None:
                self._at(SILENCE + id_, 0)
                self._changed.add(SILENCE + id_)
        else:
            id_ = record.incident if isinstance(record, Action) else record.id
            kept = self._kept.get(id_) or Kept()
            if not id_ or not kept.life.take(record):
                return
            self._kept[id_] = kept
            self._dirty.add(id_)
        self._dirty_ms = now_ms if self._dirty_ms is None else self._dirty_ms

    def next_ms(self) -> int | None:
        """When `due` has something to do if no record comes before; None for never."""
        while self._heap and self._next.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        at_ms = self._heap[0][0] if self._heap else None
        if self._dirty_ms is None:
            return at_ms
        return self._dirty_ms if at_ms is None else min(at_ms, self._dirty_ms)

    def due(self, now_ms: int) -> Turn:
        """All that is to be told now, and what is to be remembered; offsets are for the caller to add."""
        self._dirty_ms = None
        self._pass_time(now_ms)
        wants: list[Want] = []
        actions: list[Action] = []
        early: dict[str, set[str]] = {}
        while self._dirty:
            todo, self._dirty = sorted(self._dirty), set()
            for id_ in todo:
                found = self._look(id_, now_ms, early.get(id_, set()), actions)
                wants += found
                self._call_early(found, early)
        messages = list(self._composer.compose(wants, self._known, self._group, now_ms))
        self._count(messages, actions)
        return Turn(messages=messages, actions=actions, states=self._states())

    def _pass_time(self, now_ms: int) -> None:
        """Take from the heap what is due."""
        silences = []
        while (at_ms := self.next_ms()) is not None and at_ms <= now_ms:
            _, key = heapq.heappop(self._heap)
            del self._next[key]
            if key.startswith(INCIDENT):
                self._dirty.add(key.removeprefix(INCIDENT))
            elif key.startswith(SILENCE):
                silences.append(key.removeprefix(SILENCE))
            else:
                self._age(key, now_ms)
        for id_ in silences:
            self._turn_silence(id_, now_ms)

    def _turn_silence(self, id_: str, now_ms: int) -> None:
        about = self._quiet.turn(id_, now_ms)
        if (at_ms := self._quiet.next_ms(id_, now_ms)) is not None:
            self._at(SILENCE + id_, at_ms)
        else:
            self._changed.add(SILENCE + id_)
        for incident, kept in self._kept.items() if about else ():
            now = kept.life.incident
            if kept.life.open and now is not None:
                labels = self._labels_of(now)
                if any(self._quiet.is_about(s, now, labels) for s in about):
                    self._dirty.add(incident)

    def _look(self, id_: str, now_ms: int, early: set[str], actions: list[Action]) -> list[Want]:
        kept = self._kept[id_]
        incident = kept.life.incident
        labels: Mapping[str, str] = {} if incident is None else self._labels_of(incident)
        silence = None if incident is None else self._quiet.about(incident, labels)
        before = _groups_of(kept)
        waited = {(r, w.group) for r, w in kept.waits.items()}
        found = self._looker.look(kept, labels, silence, now_ms, early)
        self._note(id_, found, silence, now_ms, actions)
        for key in waited:
            self._waiting[key].discard(id_)
        self._unindex(before)
        self._changed.add(INCIDENT + id_)
        if kept.over_ms is not None and kept.over_ms + FORGET_MS <= now_ms:
            del self._kept[id_]
            self._labels.pop(id_, None)
            self._next.pop(INCIDENT + id_, None)
        else:
            self._index(id_, _groups_of(kept))
            if found.next_ms is not None:
                self._at(INCIDENT + id_, found.next_ms)
            else:
                self._next.pop(INCIDENT + id_, None)
        return found.wants

    def _call_early(self, found: list[Want], early: dict[str, set[str]]) -> None:
        """Whoever waits in a group of which something is told now is told of with it."""
        for want in found:
            if want.phase is Phase.OPENED:
                for other in self._waiting.get((want.receiver, want.group), ()):
                    early.setdefault(other, set()).add(want.receiver)
                    self._dirty.add(other)

    def _note(
        self, id_: str, found: Look, silence: Silence | None, now_ms: int, actions: list[Action]
    ) -> None:
        if found.held is not None and silence is not None:
            actions.append(Action(
                self._cluster, digest(self._cluster, "held", id_, silence.id)[:16], now_ms, self._who,
                Verb.HELD, id_, f"silence {silence.id} of {silence.who}: {silence.reason}",
                silence=silence, phase=found.held.value,
            ))  # fmt: skip
        if found.dropped:
            actions.append(Action(
                self._cluster, digest(self._cluster, "dropped", id_)[:16], now_ms, self._who,
                Verb.DROPPED, id_, "no route leads anywhere", phase=Phase.OPENED.value,
            ))  # fmt: skip

    def _labels_of(self, incident: Incident) -> Mapping[str, str]:
        step, labels = self._labels.get(incident.id, (-1, {}))
        if step != incident.step:
            labels = labels_of(incident, self._inventory)
            self._labels[incident.id] = (incident.step, labels)
        return labels

    def _known(self, id_: str) -> Known:
        life = self._kept[id_].life
        assert life.incident is not None  # only what is known is told
        return Known(life.incident, self._labels_of(life.incident), life.acked_by)

    def _group(self, receiver: str, group: str) -> Group:
        name = f"{receiver}/{group}"
        self._changed.add(GROUP + name)
        if GROUP + name not in self._next:
            self._at(GROUP + name, 0)
        return self._groups.setdefault(name, Group())

    def _age(self, key: str, now_ms: int) -> None:
        """Forget the count of a group that no incident is in, or look again later."""
        name = key.removeprefix(GROUP)
        if (group := self._groups.get(name)) is None:
            return
        if now_ms >= group.told_ms + GROUP_KEPT_MS and not self._members[name]:
            del self._groups[name]
            self._changed.add(key)
        else:
            self._at(key, max(group.told_ms, now_ms - FORGET_MS) + GROUP_KEPT_MS)

    def _index(self, id_: str, groups: set[str]) -> None:
        self._members.update(groups)
        for receiver, wait in self._kept[id_].waits.items():
            self._waiting.setdefault((receiver, wait.group), set()).add(id_)

    def _unindex(self, groups: set[str]) -> None:
        for name in groups:
            self._members[name] -= 1
            if not self._members[name]:
                del self._members[name]

    def _at(self, key: str, at_ms: int) -> None:
        if self._next.get(key) != at_ms:
            self._next[key] = at_ms
            heapq.heappush(self._heap, (at_ms, key))

    def _states(self) -> Mapping[str, bytes | None]:
        """Those that are others than were written down last."""
        out: dict[str, bytes | None] = {}
        for key in sorted(self._changed):
            data = self._state(key)
            if data is None:
                if self._saved.pop(key, None) is not None:
                    out[key] = None
            elif self._saved.get(key) != (digest_ := hash(data)):
                out[key], self._saved[key] = data, digest_
        self._changed.clear()
        return out

    def _state(self, key: str) -> bytes | None:
        if key.startswith(INCIDENT):
            kept = self._kept.get(key.removeprefix(INCIDENT))
            return None if kept is None else _encode(kept)
        if key.startswith(SILENCE):
            return self._quiet.state(key.removeprefix(SILENCE))
        group = self._groups.get(key.removeprefix(GROUP))
        return None if group is None else _encode(group)

    def _count(self, messages: list[Message], actions: list[Action]) -> None:
        for message in messages:
            self.counts.update(told.phase.value for told in message.told)
        self.counts["messages"] += len(messages)
        self.counts.update(action.verb.value for action in actions)


def _groups_of(kept: Kept) -> set[str]:
    return set(_names(kept))


def _names(kept: Kept) -> Iterator[str]:
    for receiver, had in kept.had.items():
        yield f"{receiver}/{had.group}"
    for receiver, wait in kept.waits.items():
        yield f"{receiver}/{wait.group}"
