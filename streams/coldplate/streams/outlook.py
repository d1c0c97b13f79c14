"""What follows from an open incident: who is harmed, when the first GPU throttles, how severe that makes it."""

from collections.abc import Sequence

from coldplate.streams.case import AFFECTED_MAX, OF_GPUS, Case, worse
from coldplate.streams.causes import rule_of
from coldplate.streams.coolant import Heat, heat_of
from coldplate.streams.engine import Engine
from coldplate.streams.naming import sentence_of
from coldplate.streams.topology import Topology
from coldplate.wire.incident import Anomaly, Evidence, Severity

FORECAST_MOVED_MS = 2_000
"""A forecast that moved less is not worth a record."""

NEAR_MS = 900_000
"""Who is called now can still do something about a throttling that is so near, and nothing else comes first."""

NEWS_MS, LOOK_EVERY_MS = 300_000, 30_000
"""What has not changed for so long is forecast every so often only: wear stays open for weeks, and a forecast costs
milliseconds."""


def is_due(case: Case, now_ms: int) -> bool:
    """Whether it is time to look ahead again: each tick while it is news, else now and then."""
    if not (rule_of(case.top.key).heats or any(d in OF_GPUS for _, d in case.active)):
        return False
    news_ms = max(s.latest_ms for s in case.sights.values())
    return now_ms - news_ms <= NEWS_MS or now_ms - case.looked_ms >= LOOK_EVERY_MS


def look_at(case: Case, engine: Engine, topology: Topology) -> list[str]:
    """Refresh forecast, victims, severity and sentence; says what is worth a record."""
    case.looked_ms = engine.newest_ms
    heats = rule_of(case.top.key).heats
    complaining = [a for a in case.active.values() if a.detector in OF_GPUS]
    heat = None
    why: list[str] = []
    if heats or complaining:
        heat = heat_of(engine, list(case.racks), case.first_ms)
        _note_victims(case, heat, complaining, heats=heats)
        why += _forecast(case, heat) if heats else []
        case.least_lpm = min(case.least_lpm, heat.flow_lpm)
    why += _note_affected(case)
    severity = worse(case.severity, _harm(case, engine.newest_ms))
    if severity is not case.severity:
        why.append(f"now {severity.value}")
        case.severity = severity
    case.cause = sentence_of(case, heat, topology)
    return why


def _note_victims(case: Case, heat: Heat, complaining: Sequence[Anomaly], *, heats: bool) -> None:
    """Without a cause in the water only the GPUs that complain themselves are affected."""
    hot: dict[str, Evidence] = {}
    for detector in OF_GPUS:
        hot |= {a.subject: a.evidence for a in complaining if a.detector == detector}
    told = {e.subject: e for e in heat.evidence}
    if heats:
        case.victims = (*told.values(), *(e for s, e in hot.items() if s not in told))
    else:
        case.victims = tuple(told.get(s, e) for s, e in hot.items())
    case.worst = max(case.worst, case.victims, key=len)


def _forecast(case: Case, heat: Heat) -> list[str]:
    throttle_at = heat.throttle_at_ms
    if throttle_at is None or case.throttle_seen_ms is not None:
        return []
    if abs(throttle_at - (case.throttle_at_ms or 0)) <= FORECAST_MOVED_MS:
        return []
    why = "forecast moved" if case.throttle_at_ms else "forecast made"
    case.throttle_at_ms = throttle_at
    return [why]


def _note_affected(case: Case) -> list[str]:
    """Victims first, then whoever else is part of it."""
    order = [e.subject for e in case.victims]
    members = sorted(s for s, _ in case.members if s != case.subject)
    every = dict.fromkeys((*order, *case.affected, *members))
    every.pop(case.subject, None)
    if len(every) > AFFECTED_MAX:
        every = dict.fromkeys(list(case.racks)[:AFFECTED_MAX])
    grown = bool(case.victims) and len(every) > len(case.affected)
    case.affected = tuple(every)
    return [f"{len(every)} affected"] if grown else []


def _harm(case: Case, now_ms: int) -> Severity:
    """A throttling that is seen or near is critical; what wear does in weeks is not."""
    at_ms = case.throttle_at_ms
    near = at_ms is not None and at_ms - now_ms <= NEAR_MS
    return Severity.CRITICAL if near or case.throttle_seen_ms is not None else Severity.INFO
