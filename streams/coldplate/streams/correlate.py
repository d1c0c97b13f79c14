"""From anomalies to incidents: one cause, one incident, opened, updated, closed.

What can share a cause is collected in one case (case.py): coolant trouble of a rack (its pumps, its flow,
the margins and thermal slowdowns of its GPUs), power brakes of a rack, silence in a rack, one XID of one GPU.
The most specific anomaly names the cause; the id stays that of the first, so that a GPU which complains
before its CDU does not make two incidents.

Pure but for its own state: event time comes with the anomalies and from the engine.
"""

import math
from collections.abc import Iterable, Sequence

from coldplate.streams.case import OF_GPUS, Case, Group, worse
from coldplate.streams.coolant import Heat, heat_of_rack
from coldplate.streams.engine import Engine
from coldplate.streams.xid import meaning
from coldplate.wire.event import Event
from coldplate.wire.incident import Anomaly, Evidence, Incident, Severity, State

CLOSE_AFTER_MS = 5_000
"""Nothing holds for so long, then the incident closes."""

REOPEN_WITHIN_MS = 60_000
"""The same trouble so soon again is the same incident (flap damping)."""

XID_QUIET_MS = 180_000
"""NVIDIA Fleet Intelligence groups the XIDs of a node until 3 minutes of silence."""

FORECAST_MOVED_MS = 2_000
"""A forecast that moved less is not worth a record."""

_WATER = ("pump-stop", "flow-loss")
_NAMES_CAUSE = ("pump-stop", "flow-loss", "power-brake", "silent-rack", "silent-cdu", "silent-node")


def group_of(kind: str, subject: str, rack: str) -> Group:
    """What an anomaly or incident of this kind is collected with."""
    if kind.startswith("silent"):
        return ("silence", rack)
    if kind.startswith("xid"):
        return (kind, subject)
    return ("power-brake", rack) if kind == "power-brake" else ("coolant", rack)


def _precision(kind: str) -> int:
    return _NAMES_CAUSE.index(kind) if kind in _NAMES_CAUSE else len(_NAMES_CAUSE)


class Correlator:
    """Open incidents and what belongs to them.

    Parameters
    ----------
    engine
        Gives the newest values for forecasts, and who is whose parent.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cases: dict[Group, Case] = {}

    @property
    def open_cases(self) -> Sequence[Case]:
        """Cases that are open now."""
        return [c for c in self._cases.values() if c.closed_ms is None]

    def restore(self, incidents: Iterable[Incident]) -> None:
        """Take over incidents that were open when the worker before us ended.

        What held then holds until a detector says otherwise, and the baselines in their evidence go back into
        the detectors: what was normal before the fault must not be learnt anew from the fault.
        """
        for incident in incidents:
            if incident.state is State.OPEN:
                group = group_of(incident.kind, incident.subject, incident.rack)
                case = self._cases[group] = Case.restored(group, incident)
                for subject, detector in case.active:
                    self._engine.resume(subject, detector)
                for e in incident.evidence:
                    if e.baseline is not None:
                        self._engine.seed(e.subject, e.metric, e.baseline)

    def hold(self, anomalies: Iterable[Anomaly]) -> None:
        """Anomalies that held when the worker before us ended, of incidents taken over."""
        for anomaly in anomalies:
            case = self._cases.get(group_of(anomaly.kind, anomaly.subject, anomaly.rack))
            if case is not None:
                case.active[anomaly.subject, anomaly.detector] = anomaly

    def event(self, event: Event) -> list[Incident]:
        """An urgent event; an XID opens an incident by its meaning."""
        if event.kind != "xid" or event.code is None:
            return []
        what, action, severity = meaning(event.code)
        evidence = Evidence(
            "xid", event.subject, "xid", event.t_ms, float(event.code), note=event.text
        )
        anomaly = Anomaly(
            event.cluster, "xid", f"xid-{event.code}", event.subject, event.rack,
            event.t_ms, True, severity, evidence,
        )  # fmt: skip
        case, why = self._take(anomaly)
        case.cause = f"XID {event.code} on {event.subject}: {what}; {action}."
        case.updated_ms = max(case.updated_ms, event.t_ms)
        return [case.record(why)] if why else []

    def update(self, anomalies: Iterable[Anomaly]) -> list[Incident]:
        """Take changes, in order of event time; returns the records to publish.

        Call it also when there are none: time passes, forecasts move, incidents close.
        """
        out: list[Incident] = []
        reasons: dict[Group, list[str]] = {}
        for anomaly in anomalies:
            case, why = self._take(anomaly)
            if why:
                reasons.setdefault(case.group, []).append(why)
        for group, case in list(self._cases.items()):
            if case.closed_ms is None and group[0] == "coolant":
                reasons.setdefault(group, []).extend(self._look_at_coolant(case))
            elif reasons.get(group):
                case.cause = _sentence(case, None)
            if (closing := self._close(case)) is not None:
                reasons.setdefault(group, []).append(closing)
            if reasons.get(group):
                case.updated_ms = max(case.updated_ms, self._engine.newest_ms)
                out.append(case.record("; ".join(dict.fromkeys(reasons[group]))))
        self._forget()
        return out

    def _take(self, anomaly: Anomaly) -> tuple[Case, str]:
        """Put a change where it belongs; says what it did to the incident ("" for nothing)."""
        group = group_of(anomaly.kind, anomaly.subject, anomaly.rack)
        key = (anomaly.subject, anomaly.detector)
        case = self._cases.get(group)
        if not anomaly.on:
            if case is None:
                return Case.opened_by(group, anomaly), ""
            case.active.pop(key, None)
            return case, ""
        why = ""
        over_ms = None if case is None else case.closed_ms
        if case is None or (over_ms is not None and anomaly.t_ms - over_ms > REOPEN_WITHIN_MS):
            case = self._cases[group] = Case.opened_by(group, anomaly)
            why = f"opened by {anomaly.detector} on {anomaly.subject}"
        elif over_ms is not None:
            case.reopen()
            why = f"reopened by {anomaly.detector} on {anomaly.subject}"
        elif _precision(anomaly.kind) < _precision(case.kind):
            why = f"cause now {anomaly.kind} on {anomaly.subject}"
        if _precision(anomaly.kind) < _precision(case.kind):
            case.kind, case.subject = anomaly.kind, anomaly.subject
        case.quiet_ms = None
        case.active[key] = anomaly
        case.first_ms = min(case.first_ms, anomaly.evidence.t_ms)
        if anomaly.kind == "power-brake" and anomaly.subject not in case.affected:
            case.affected = (*case.affected, anomaly.subject)
            case.subject = _common(case.affected, case.rack)
        if anomaly.detector not in OF_GPUS:
            why = why or f"{anomaly.detector} on {anomaly.subject}"
            case.causes[key] = anomaly.evidence
        if anomaly.detector == "thermal-slowdown" and case.throttle_seen_ms is None:
            case.throttle_seen_ms = anomaly.evidence.t_ms
            why = why or f"{anomaly.subject} throttles"
        return case, why

    def _look_at_coolant(self, case: Case) -> list[str]:
        """Refresh forecast, victims, severity and sentence; says what is worth a record."""
        heat = heat_of_rack(self._engine, case.rack, case.first_ms)
        hot = {a.subject: a.evidence for a in case.active.values() if a.detector == "margin"}
        hot |= {
            a.subject: a.evidence for a in case.active.values() if a.detector == "thermal-slowdown"
        }
        told = {e.subject: e for e in heat.evidence}
        victims = tuple(told.values()) + tuple(e for s, e in hot.items() if s not in told)
        caused = case.kind in _WATER
        if not caused:
            # Without a cause in the water only the GPUs that complain themselves are affected.
            victims = tuple(told.get(s, e) for s, e in hot.items())
            self._name_by_gpus(case, [e.subject for e in victims])
        throttle_at = heat.throttle_at_ms if caused else None
        why = []
        if throttle_at is not None and case.throttle_seen_ms is None:
            moved = abs(throttle_at - (case.throttle_at_ms or 0))
            if moved > FORECAST_MOVED_MS:
                why.append("forecast moved" if case.throttle_at_ms else "forecast made")
                case.throttle_at_ms = throttle_at
        if victims:
            new = set(case.affected) | {e.subject for e in victims}
            if len(new) > len(case.affected):
                why.append(f"{len(new)} GPUs affected")
            order = [e.subject for e in victims]
            case.affected = (*order, *(s for s in case.affected if s not in set(order)))
            case.victims = victims
            case.worst = max(case.worst, victims, key=len)
        severity = self._severity(case, heat)
        if severity is not case.severity:
            why.append(f"now {severity.value}")
            case.severity = severity
        case.least_lpm = min(case.least_lpm, heat.flow_lpm)
        case.cause = _sentence(case, heat)
        return why

    def _severity(self, case: Case, heat: Heat) -> Severity:
        harm = case.throttle_seen_ms is not None or heat.throttle_at_ms is not None
        base = Severity.CRITICAL if harm else Severity.WARNING
        return base if case.step == 0 else worse(case.severity, base)

    def _name_by_gpus(self, case: Case, gpus: Sequence[str]) -> None:
        """Without a cause in the water, the subject is what the complaining GPUs have in common."""
        if case.kind != "unknown" or not gpus:
            return
        case.subject = _common(gpus, case.rack)

    def _close(self, case: Case) -> str | None:
        now_ms = self._engine.newest_ms
        if case.closed_ms is not None:
            return None
        wait_ms = XID_QUIET_MS if case.kind.startswith("xid") else CLOSE_AFTER_MS
        if case.kind.startswith("xid"):
            # An event has no end: it is over when it has not come again.
            case.quiet_ms = max((a.t_ms for a in case.active.values()), default=case.updated_ms)
        elif case.active:
            return None
        elif case.quiet_ms is None:
            case.quiet_ms = now_ms
        if now_ms - (case.quiet_ms or now_ms) < wait_ms:
            return None
        case.active.clear()
        case.victims = case.worst
        case.closed_ms = now_ms
        case.cause = _sentence(case, None)
        return "closed: nothing holds any more"

    def _forget(self) -> None:
        now_ms = self._engine.newest_ms
        for group, case in list(self._cases.items()):
            if case.closed_ms is not None and now_ms - case.closed_ms > REOPEN_WITHIN_MS:
                del self._cases[group]


def _common(gpus: Sequence[str], rack: str) -> str:
    """What GPUs of a rack have in common: the GPU, the node, or the rack."""
    nodes = {g.rpartition("/")[0] for g in gpus}
    if len(gpus) == 1:
        return gpus[0]
    return nodes.pop() if len(nodes) == 1 else rack


def _sentence(case: Case, heat: Heat | None) -> str:
    """One sentence: what, where, how much, what follows; in the past when it is over."""
    if case.kind.startswith("xid"):
        return case.cause
    flow = _flow(case, heat)
    count, over = len(case.affected), case.closed_ms is not None
    heats = f"{count} GPUs {'lost' if over else 'lose'} their margin" if count else ""
    if case.kind == "pump-stop":
        pump = next((e.metric[4] for e in case.causes.values() if e.metric.startswith("pump")), "?")
        parts = [f"Pump {pump} of {case.subject} stopped", flow, heats]
    elif case.kind == "flow-loss":
        parts = [f"{case.subject} lost coolant flow", flow, heats]
    elif case.kind == "power-brake":
        parts = [f"Hardware power brake on {count} GPUs of {case.rack}"]
    elif case.kind.startswith("silent"):
        parts = [
            f"{case.subject} sent nothing" if over else f"{case.subject} sends nothing any more"
        ]
    else:
        parts = [f"{case.subject} is near its thermal limit, cause not known", heats]
    return "; ".join(p for p in parts if p) + "."


def _flow(case: Case, heat: Heat | None) -> str:
    """How much flow is left, or was left at worst."""
    evidence = next((e for e in case.causes.values() if e.metric == "flow_lpm"), None)
    usual = f" of {evidence.baseline:.0f}" if evidence and evidence.baseline is not None else ""
    if heat is None:
        return (
            f"flow fell to {case.least_lpm:.0f}{usual} l/min" if case.least_lpm < math.inf else ""
        )
    return f"flow {heat.flow_lpm:.0f}{usual} l/min" if heat.flow_lpm == heat.flow_lpm else ""
