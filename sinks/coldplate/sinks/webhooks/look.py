"""One look at one incident: whom to tell what of it now, what a silence keeps back, and when to look again.

A look is a function of what is remembered and the time. A second look at the same time finds nothing to do, so looking
too early or once more is harmless.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from coldplate.sinks.webhooks.config import AlertmanagerApi, Alerts, Route
from coldplate.sinks.webhooks.grouping import group_of
from coldplate.sinks.webhooks.kept import Had, Kept, Wait
from coldplate.sinks.webhooks.life import RANK
from coldplate.sinks.webhooks.message import Phase
from coldplate.sinks.webhooks.routing import Way, ways
from coldplate.wire.incident import Incident, Severity
from coldplate.wire.inventory import Inventory
from coldplate.wire.silence import Silence

PART_OF = "Part of incident "
"""What the cause of an incident begins with that became part of another (detection's words)."""

REPLAY_MS = 600_000
"""Records older than this are read again, not new: nobody is told of what was over then."""

SETTLE_MS = 5_000
"""How long what is read again waits for the records that follow it."""

GROWN = 10
"""An incident is another when it harms so many times as many devices."""

FORGET_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Want:
    """A receiver is to be told something now.

    Parameters
    ----------
    incident
        Its id.
    receiver, route, group
        To whom.
    phase
        What.
    mark
        Tells this telling from others of its phase.
    note
        Why now.
    """

    incident: str
    receiver: str
    route: str
    group: str
    phase: Phase
    mark: str
    note: str = ""


@dataclass(slots=True)
class Look:
    """What came of a look.

    Parameters
    ----------
    wants
        In the order in which they are to be told.
    held
        What the silence keeps back; None when nothing was due that it had not kept back before.
    dropped
        Nobody is told, because no route leads anywhere.
    next_ms
        When to look again if nothing happens; None for never.
    """

    wants: list[Want] = field(default_factory=list)
    held: Phase | None = None
    dropped: bool = False
    next_ms: int | None = None

    def again(self, at_ms: int | None) -> None:
        """Look again at a time, or before."""
        if at_ms is not None:
            self.next_ms = at_ms if self.next_ms is None else min(self.next_ms, at_ms)


class Looker:
    """Looks at incidents.

    Parameters
    ----------
    alerts
        Receivers and routes.
    inventory
        For places; None takes what ids tell.
    """

    def __init__(self, alerts: Alerts, inventory: Inventory | None) -> None:
        self._routes, self._inventory = alerts.routes, inventory
        self._by_name = {r.name: r for r in alerts.routes}
        self._receivers = {r.name: r for r in alerts.receivers}
        self._refresh_ms = {
            r.name: round(r.refresh_s * 1000)
            for r in alerts.receivers
            if isinstance(r, AlertmanagerApi)
        }

    def look(
        self, kept: Kept, labels: Mapping[str, str], silence: Silence | None, now_ms: int,
        early: Collection[str] = (),
    ) -> Look:  # fmt: skip
        """Look at an incident, and remember in `kept` what was decided.

        Parameters
        ----------
        silence
            That holds now and is about it.
        early
            Receivers that are told of its group now, so of it too.
        """
        out = Look()
        incident = kept.life.incident
        if incident is None:
            kept.over_ms = now_ms if kept.over_ms is None else kept.over_ms
            out.again(kept.over_ms + FORGET_MS)
        elif kept.life.open:
            kept.over_ms = None
            _Open(self, kept, incident, labels, silence, now_ms, out, early).look()
        else:
            self._over(kept, incident, labels, silence, now_ms, out)
        return out

    def route(self, name: str) -> Route:
        """A route's times, the usual ones for a route that the configuration has lost."""
        return self._by_name.get(name) or Route(name=name, to=())

    def ways(
        self, incident: Incident, labels: Mapping[str, str], now_ms: int
    ) -> tuple[list[Way], int | None]:
        """Whom to tell of it now, and when that changes."""
        found = ways(self._routes, incident, labels, now_ms, self._inventory)
        return [w for w in found.now if w.receiver in self._receivers], found.later_ms

    def knows(self, receiver: str) -> bool:
        """Whether the configuration has a receiver still."""
        return receiver in self._receivers

    def refresh_ms(self, receiver: str) -> int | None:
        """How often a receiver wants to hear of what it knows."""
        return self._refresh_ms.get(receiver)

    def _over(
        self, kept: Kept, incident: Incident, labels: Mapping[str, str], silence: Silence | None,
        now_ms: int, out: Look,
    ) -> None:  # fmt: skip
        if silence is None and not kept.quiet:
            self._tell_short(kept, incident, labels, now_ms, out)
        kept.waits = {}
        for receiver, had in kept.had.items():
            known = self._receivers.get(receiver)
            if had.is_open and known is not None and known.closings:
                mark, note = str(had.opening), _why_over(kept, incident)
                out.wants.append(
                    Want(incident.id, receiver, had.route, had.group, Phase.CLOSED, mark, note)
                )
            had.is_open = False
        kept.looked, kept.routed = kept.life.opening, None
        kept.held, kept.quiet = {}, ""
        if kept.over_ms is None:
            ended_ms = kept.life.closed_ms or now_ms
            kept.over_ms = now_ms if kept.had else min(now_ms, ended_ms)
        out.again(kept.over_ms + FORGET_MS)

    def _tell_short(
        self, kept: Kept, incident: Incident, labels: Mapping[str, str], now_ms: int, out: Look
    ) -> None:
        """What paged was over before anybody was told: say so, for it may come again."""
        opening, ended_ms = kept.life.opening, kept.life.closed_ms or now_ms
        waits = kept.waits
        if kept.looked != opening and now_ms - ended_ms <= REPLAY_MS:
            found, _ = self.ways(incident, labels, now_ms)
            waits = {w.receiver: wait_of(kept, w, incident, labels, now_ms) for w in found} | waits
        paged = any(
            t.is_open and t.step >= opening and t.rank >= RANK[Severity.WARNING]
            for t in kept.life.turns
        )
        for receiver, wait in waits.items() if paged else ():
            had = kept.had.get(receiver)
            if had is not None and had.is_open:
                continue
            kept.had[receiver] = had_of(kept, wait, incident, now_ms)
            note = "reopened, and over already" if opening else "over already"
            out.wants.append(
                Want(
                    incident.id, receiver, wait.route, wait.group, Phase.OPENED, str(opening), note
                )
            )


def wait_of(
    kept: Kept, way: Way, incident: Incident, labels: Mapping[str, str], due_ms: int
) -> Wait:
    """A receiver that is to be told; in the group in which it was told before."""
    had = kept.had.get(way.receiver)
    group = had.group if had is not None else group_of(way.route, incident.id, labels)
    return Wait(way.route.name, group, due_ms)


def had_of(kept: Kept, wait: Wait, incident: Incident, now_ms: int) -> Had:
    """What a receiver knows that is told of an incident as it is."""
    return Had(
        route=wait.route, group=wait.group, is_open=True, opening=kept.life.opening,
        rank=RANK[incident.severity], kind=incident.kind, subject=incident.subject,
        affected=len(incident.affected), news_ms=now_ms, asked_ms=now_ms, fresh_ms=now_ms,
    )  # fmt: skip


def _why_over(kept: Kept, incident: Incident) -> str:
    if incident.cause.startswith(PART_OF):
        other = incident.cause.removeprefix(PART_OF).partition(":")[0]
        return f"part of incident {other}"
    return f"closed by {kept.life.closed_by}" if kept.life.closed_by else ""


@dataclass(slots=True)
class _Open:
    """A look at an incident that is open."""

    looker: Looker
    kept: Kept
    incident: Incident
    labels: Mapping[str, str]
    silence: Silence | None
    now_ms: int
    out: Look
    early: Collection[str]

    def look(self) -> None:
        kept = self.kept
        found, later_ms = self.looker.ways(self.incident, self.labels, self.now_ms)
        current = {w.receiver for w in found}
        if kept.quiet and self.silence is None:
            # What was kept back is told to those who would be told of it now.
            kept.waits = {r: w for r, w in kept.waits.items() if r in current}
        known = self.looker.knows
        kept.waits = {r: w for r, w in kept.waits.items() if known(r)}
        told = [(r, h) for r, h in kept.had.items() if h.is_open and known(r)]
        asks = not kept.life.acked_by and any(self._ask_ms(h) <= self.now_ms for _, h in told)
        if self._is_new(told) or asks:
            self._wait_for(found)
        if not told and not kept.waits:
            self.out.again(later_ms)
            nobody = not found and later_ms is None and self.incident.severity.pages
            self.out.dropped, kept.dropped = nobody and not kept.dropped, kept.dropped or nobody
        note = self._quiet_note()
        due = self._due(told, current)
        if self.silence is not None:
            self._hold(due)
        else:
            for receiver, phase, mark in due:
                self._tell(receiver, phase, mark, note)
            kept.quiet = ""
        self._refresh()
        kept.looked = kept.life.opening

    def _is_new(self, told: list[tuple[str, Had]]) -> bool:
        """Whether others may have to be told: nobody was, or it is worse, or has another cause."""
        rank, cause = RANK[self.incident.severity], (self.incident.kind, self.incident.subject)
        before = self.kept.routed
        self.kept.routed = (max(rank, before[0]) if before else rank, *cause)
        nobody = not told and not self.kept.waits
        return nobody or before is None or rank > before[0] or cause != before[1:]

    def _wait_for(self, found: list[Way]) -> None:
        kept = self.kept
        age_ms = self.now_ms - self.incident.updated_ms
        old = kept.looked is None and age_ms > REPLAY_MS
        for way in found:
            had = kept.had.get(way.receiver)
            if way.receiver in kept.waits or (had is not None and had.is_open):
                continue
            wait_ms = round(way.route.group_wait_s * 1000)
            due_ms = self.now_ms + (max(wait_ms, SETTLE_MS) if old else wait_ms)
            wait = wait_of(kept, way, self.incident, self.labels, due_ms)
            kept.waits = {**kept.waits, way.receiver: wait}

    def _due(
        self, told: list[tuple[str, Had]], current: Collection[str]
    ) -> list[tuple[str, Phase, str]]:
        """Receiver, phase and mark of all that is to be told now; the rest is looked at again."""
        due = []
        for receiver, wait in self.kept.waits.items():
            if wait.due_ms <= self.now_ms or receiver in self.early or self.silence is not None:
                due.append((receiver, Phase.OPENED, str(self.kept.life.opening)))
            else:
                self.out.again(wait.due_ms)
        for receiver, had in told:
            had.opening = self.kept.life.opening
            phase, mark = self._of(had)
            if phase is Phase.REMINDER and receiver not in current:
                # It is somebody else's shift.
                had.asked_ms = self.now_ms
                self.out.again(self._ask_ms(had))
            elif phase is not None:
                due.append((receiver, phase, mark))
        return due

    def _of(self, had: Had) -> tuple[Phase | None, str]:
        now = self.incident
        step = str(now.step)
        if RANK[now.severity] > had.rank:
            return Phase.UPDATED, step
        changed = (now.kind, now.subject) != (had.kind, had.subject)
        if changed or len(now.affected) >= GROWN * max(had.affected, 1):
            at_ms = had.news_ms + round(self.looker.route(had.route).update_s * 1000)
            if at_ms <= self.now_ms:
                return Phase.UPDATED, step
            self._again(at_ms)
        if not self.kept.life.acked_by:
            at_ms = self._ask_ms(had)
            if at_ms <= self.now_ms:
                return Phase.REMINDER, str(at_ms)
            self._again(at_ms)
        return None, ""

    def _again(self, at_ms: int) -> None:
        # What a silence holds is told when that ends; another time changes nothing.
        if self.silence is None or self.silence.id not in self.kept.held:
            self.out.again(at_ms)

    def _ask_ms(self, had: Had) -> int:
        return had.asked_ms + round(self.looker.route(had.route).remind_s * 1000)

    def _hold(self, due: list[tuple[str, Phase, str]]) -> None:
        silence = self.silence
        if silence is None or not due:
            return
        self.kept.quiet = silence.id
        if silence.id not in self.kept.held:
            words = f"{silence.who} ({silence.reason})"
            self.kept.held = {**self.kept.held, silence.id: words}
            self.out.held = due[0][1]

    def _quiet_note(self) -> str:
        if not self.kept.quiet:
            return ""
        until = datetime.fromtimestamp(self.now_ms / 1000, UTC)
        return f"silenced until {until:%Y-%m-%d %H:%MZ} by {self.kept.held[self.kept.quiet]}"

    def _tell(self, receiver: str, phase: Phase, mark: str, note: str) -> None:
        kept, now = self.kept, self.incident
        if phase is Phase.OPENED:
            wait = kept.waits[receiver]
            kept.waits = {r: w for r, w in kept.waits.items() if r != receiver}
            kept.had[receiver] = had_of(kept, wait, now, self.now_ms)
            if kept.life.opening:
                note = f"reopened; {note}" if note else "reopened"
        had = kept.had[receiver]
        if phase is Phase.UPDATED:
            had.rank = max(had.rank, RANK[now.severity])
            had.kind, had.subject, had.affected = now.kind, now.subject, len(now.affected)
            had.news_ms = self.now_ms
        had.asked_ms = had.fresh_ms = self.now_ms
        if not kept.life.acked_by:
            self.out.again(self._ask_ms(had))
        self.out.wants.append(Want(now.id, receiver, had.route, had.group, phase, mark, note))

    def _refresh(self) -> None:
        """For those that forget: under a silence too, for to them not to hear is to hear that it is over."""
        for receiver, had in self.kept.had.items():
            every_ms = self.looker.refresh_ms(receiver)
            if every_ms is None or not had.is_open:
                continue
            at_ms = had.fresh_ms + every_ms
            if at_ms <= self.now_ms:
                mark = str(at_ms)
                self.out.wants.append(
                    Want(self.incident.id, receiver, had.route, had.group, Phase.REFRESH, mark)
                )
                had.fresh_ms = self.now_ms
            self.out.again(had.fresh_ms + every_ms)
