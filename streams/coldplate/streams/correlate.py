"""From anomalies to incidents: one cause, one incident, opened, updated, closed.

Which anomalies can have one cause says the table of causes (causes.py): the most precise names the incident, what it
explains is evidence. When the cause becomes clearer the incident is renamed; the id stays that of the first anomaly, so
that a GPU which complains before its CDU does not make two incidents. Incidents that turn out to have one cause become
one: the oldest goes on, the others close and say where they went. What several racks show at the same time is one
incident of their row or hall.

Pure but for its own state: event time comes with the anomalies and from the engine.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence

from coldplate.streams.book import Book
from coldplate.streams.case import (
    FORECAST,
    OF_GPUS,
    Case,
)
from coldplate.streams.causes import alike, key_of, rank_of, rule_of
from coldplate.streams.engine import Engine
from coldplate.streams.happened import anomaly_of, holds_ms
from coldplate.streams.naming import name_of, sentence_of
from coldplate.streams.outlook import is_due, look_at
from coldplate.streams.relate import JOB_KINDS, REOPEN_WITHIN_MS, Relations
from coldplate.streams.restored import anomaly_behind
from coldplate.streams.silence import KEPT
from coldplate.streams.topology import Level, Topology
from coldplate.wire.event import Event
from coldplate.wire.incident import Anomaly, Incident, Severity

CLOSE_AFTER_MS = 5_000
"""Nothing holds for so long, then the incident closes."""

REASONS_MAX = 5
"""Of a record; what happens to a whole hall has a thousand."""

JOIN_MS = 60_000
"""What begins in several racks within this may have one cause; what gathers in a rack for longer does not gather racks."""

CASES_MAX = 8_192
"""Ten times the wear that a hall of 100,000 GPUs has open after a month."""

UNNAMED = "unknown"
PART_OF = "Part of incident"
"""What the cause of a closed incident begins with that became part of another, whose id follows."""

log = logging.getLogger(__name__)


class Correlator:
    """Open incidents and what belongs to them.

    Parameters
    ----------
    engine
        Gives the newest values for forecasts, and who is whose parent.
    cases_max
        Incidents at a time; beyond, only what pages is opened, and the rest is counted.
    """

    def __init__(self, engine: Engine, *, cases_max: int = CASES_MAX) -> None:
        self._engine, self._cases_max = engine, cases_max
        self._topology = Topology(engine.fleet)
        self._relations = Relations(engine, self._topology)
        self._book = Book(self._topology)
        self._reasons: dict[str, list[str]] = {}
        self._gone: list[Case] = []
        self._looked_ms = -1
        self.counts: Counter[str] = Counter()
        """`merged`: incidents that became part of another; `dropped`: anomalies for which there was no room."""

    @property
    def open_cases(self) -> Sequence[Case]:
        """Cases that are open now."""
        return self._book.open

    def restore(self, incidents: Iterable[Incident]) -> None:
        """Take over incidents that were open when the worker before us ended.

        What held then holds until a detector says otherwise, and the baselines in their evidence go back into
        the detectors: what was normal before the fault must not be learnt anew from the fault.
        """
        for incident in incidents:
            if incident.state.value != "open":
                continue
            case = Case.restored(incident)
            for e in incident.evidence:
                if e.detector != FORECAST:
                    anomaly = anomaly_behind(incident, e, self._topology)
                    holds = holds_ms(e.detector)
                    case.take(
                        anomaly, self._topology, ends_ms=None if holds is None else e.t_ms + holds
                    )
                    self._engine.resume(e.subject, e.detector)
                if e.baseline is not None:
                    self._engine.seed(e.subject, e.metric, e.baseline)
            if case.sights:
                case.severity, case.first_ms = incident.severity, incident.first_tick_ms
                case.updated_ms = incident.updated_ms
                self._book.add(case)

    def hold(self, anomalies: Iterable[Anomaly]) -> None:
        """Anomalies that held when the worker before us ended, of incidents taken over."""
        for anomaly in sorted(anomalies, key=_order):
            case = self._book.holder((anomaly.subject, anomaly.detector)) or self._home(anomaly)
            if case is not None and case.open:
                case.take(anomaly, self._topology)
                self._book.hold(case, (anomaly.subject, anomaly.detector), anomaly.rack)

    def event(self, event: Event) -> list[Incident]:
        """An urgent event: an anomaly at once."""
        anomaly = anomaly_of(event)
        if anomaly is None:
            return []
        self._take(anomaly)
        return self._publish()

    def update(self, anomalies: Iterable[Anomaly]) -> list[Incident]:
        """Take changes, in order of event time; returns the records to publish.

        Call it also when there are none: time passes, forecasts move, incidents close.
        """
        for anomaly in sorted(anomalies, key=_order):
            self._take(anomaly)
        return self._publish()

    def _take(self, anomaly: Anomaly) -> None:
        """Put a change where it belongs, and note what that does to incidents."""
        member = (anomaly.subject, anomaly.detector)
        if not anomaly.on:
            case = self._book.release(member)
            if case is not None and anomaly.evidence.note == KEPT and not case.kept:
                case.kept = True
                self._note(case, "")
            return
        ends_ms, holds = None, holds_ms(anomaly.detector)
        if holds is not None:
            ends_ms = anomaly.t_ms + holds
        if (case := self._book.holder(member)) is not None:
            why = f"{anomaly.detector} on {anomaly.subject} again" if holds else ""
        else:
            found = self._home(anomaly)
            if found is None and len(self._book) >= self._cases_max and not anomaly.severity.pages:
                self.counts["dropped"] += 1
                return
            new = found is None or self._was_unnamed(found, anomaly)
            case = Case.opened_by(anomaly) if found is None or new else found
            why = self._why(case, anomaly, opens=new)
            if found is not None and new:
                self._absorb(case, [found])
            if not case.open:
                case.reopen()
        case.take(anomaly, self._topology, ends_ms=ends_ms)
        self._book.hold(case, member, anomaly.rack)
        if anomaly.detector == "thermal-slowdown" and case.throttle_seen_ms is None:
            case.throttle_seen_ms = anomaly.evidence.t_ms
            why = why or f"{anomaly.subject} throttles"
        self._note(case, why)
        if why.startswith("opened"):
            self._join(case)

    def _why(self, case: Case, anomaly: Anomaly, *, opens: bool) -> str:
        what = f"{anomaly.detector} on {anomaly.subject}"
        if opens:
            return f"opened by {what}"
        if not case.open:
            return f"reopened by {what}"
        return "" if anomaly.detector in OF_GPUS else what

    def _home(self, anomaly: Anomaly) -> Case | None:
        """The case that an anomaly belongs to, after those that it explains have become one; None when it is new."""
        key = key_of(anomaly.kind, anomaly.detector)
        everywhere = anomaly.kind in JOB_KINDS or rule_of(key).gathers is Level.HALL
        near = self._book.near(anomaly.subject, anomaly.rack, everywhere=everywhere)
        ties = [
            (since, c) for c in near if (since := self._relations.since(c, anomaly)) is not None
        ]
        best = max(ties, key=lambda t: (t[1].open, t[0], -rank_of(t[1].top.key)), default=None)
        explained = [c for c in near if self._relations.takes_over(anomaly, c)]
        if best is not None:
            explained.append(best[1])
        found = list({c.id: c for c in explained}.values())
        return self._merge(found) if found else None

    @staticmethod
    def _was_unnamed(case: Case, anomaly: Anomaly) -> bool:
        """Whether a case is a ticket about something unusual, and what is found now has a name, later.

        What paged nobody is no message to be corrected: who is called is called for what was found, since then.
        """
        named = key_of(anomaly.kind, anomaly.detector) != UNNAMED
        quiet = case.open and case.top.key == UNNAMED and not case.severity.pages
        return named and quiet and anomaly.t_ms - case.opened_ms > JOIN_MS

    def _merge(self, cases: Sequence[Case]) -> Case:
        """Make one of several: the one that was told of first goes on."""
        first, *others = sorted(cases, key=lambda c: (not c.open, not c.step, c.opened_ms, c.id))
        return self._absorb(first, others)

    def _absorb(self, first: Case, others: Sequence[Case]) -> Case:
        """Make others part of a case; who was told of one of them is told where it went."""
        for other in others:
            if not other.open:
                continue
            first.swallow(other, self._topology)
            self._book.forget(other)
            self._book.add(first)
            self._reasons.pop(other.id, None)
            if other.step:
                self.counts["merged"] += 1
                other.closed_ms = self._now(first)
                other.updated_ms = max(other.updated_ms, other.closed_ms)
                other.cause = f"{PART_OF} {first.id}: {other.cause}"
                self._gone.append(other)
                self._note(first, f"incident {other.id} is part of it")
        return first

    def _note(self, case: Case, why: str) -> None:
        reasons = self._reasons.setdefault(case.id, [])
        if why:
            reasons.append(why)

    def _now(self, case: Case) -> int:
        return max(self._engine.newest_ms, case.updated_ms)

    def _publish(self) -> list[Incident]:
        """Rename, join what is wide, look ahead, close; the records of all that is worth one."""
        for case_id in list(self._reasons):
            self._rename_and_join(case_id)
        moved = self._engine.newest_ms != self._looked_ms
        self._looked_ms = self._engine.newest_ms
        out = []
        for case in self._book:
            reasons = self._reasons.get(case.id)
            if case.open:
                due = reasons is not None or (moved and is_due(case, self._engine.newest_ms))
                why = look_at(case, self._engine, self._topology) if due else []
                if (closing := self._close(case)) is not None:
                    why.append(closing)
                if why and reasons is None:
                    reasons = []
                if reasons is not None:
                    reasons += why
            if reasons:
                case.updated_ms = self._now(case) if not self._by_event(case) else case.updated_ms
                case.jobs = self._relations.jobs(case) or case.jobs
                out.append(case.record(_told(reasons)))
            if not case.open and self._engine.newest_ms - (case.closed_ms or 0) > REOPEN_WITHIN_MS:
                self._book.forget(case)
        out += [c.record(c.cause.partition(":")[0].lower()) for c in self._gone]
        self._gone, self._reasons = [], {}
        return out

    def _by_event(self, case: Case) -> bool:
        """Whether only events are part of it, whose time is not that of the frames."""
        return case.open and all(m in case.ends_ms for m in case.active)

    def _rename_and_join(self, case_id: str) -> None:
        case = self._book.get(case_id)
        if case is None or not case.open:
            return
        self._rename(case)
        if (wide := self._join(case)) is not None:
            self._rename(wide)

    def _join(self, case: Case) -> Case | None:
        """Make one of the cases that enough racks have at the same time."""
        rule = rule_of(key_of(case.kind))
        same = [
            c for c in self._book.of_kinds(alike(case.kind))
            if abs(c.top.seen_ms - case.top.seen_ms) <= min(rule.gather_ms, JOIN_MS) or c is case
        ]  # fmt: skip
        racks = {r for c in same for r in c.racks}
        if len(same) < 2 or len(racks) < max(2, rule.racks_min):
            return None
        wide = self._merge(same)
        self._note(wide, f"{len(racks)} racks at the same time")
        return wide

    def _rename(self, case: Case) -> None:
        name = name_of(case, self._topology)
        if (name.kind, name.subject) == (case.kind, case.subject):
            return
        if case.step:
            self._note(case, f"cause now {name.kind} on {name.subject}")
        case.kind, case.subject, case.rack = name.kind, name.subject, name.rack or case.rack
        if self._topology.level(case.subject) > Level.RACK:
            case.rack = ""
            if case.severity.pages:
                case.severity = Severity.CRITICAL
        self._book.add(case)

    def _close(self, case: Case) -> str | None:
        now_ms = self._engine.newest_ms
        for member, ends_ms in list(case.ends_ms.items()):
            if now_ms >= ends_ms:
                self._book.release(member)
                case.quiet_ms = now_ms - CLOSE_AFTER_MS
        if case.holds:
            case.quiet_ms = None
            return None
        if case.quiet_ms is None:
            case.quiet_ms = now_ms
        if now_ms - case.quiet_ms < CLOSE_AFTER_MS:
            return None
        case.victims = case.worst
        case.closed_ms = now_ms
        case.cause = sentence_of(case, None, self._topology)
        return "closed: nothing holds any more"


def _told(reasons: Sequence[str]) -> str:
    """What changed, shortly."""
    every = list(dict.fromkeys(reasons))
    # What names the cause is told last and is worth more than who else complained.
    kept = every if len(every) <= REASONS_MAX else [every[0], *every[1 - REASONS_MAX :]]
    more = [f"{len(every) - len(kept)} more"] if len(kept) < len(every) else []
    return "; ".join([*kept, *more])


def _order(anomaly: Anomaly) -> tuple[int, bool, int, str, str]:
    """Of what came in one second the most precise first, so that the order of arrival does not matter."""
    rank = rank_of(key_of(anomaly.kind, anomaly.detector))
    return (anomaly.t_ms, not anomaly.on, rank, anomaly.subject, anomaly.detector)
