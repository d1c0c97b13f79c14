"""demo-summary.json: the demo's result as figures, and whether they are good.

Times are taken where nobody can flatter them: a tick from the samples in the history, an incident's and an event's
arrival from the broker's own append time.
"""

from importlib.metadata import version
from typing import Any

from coldplate.console.demo.run import Outcome
from coldplate.console.demo.watch import Told
from coldplate.console.output import rfc3339
from coldplate.console.stack import kafka_jars
from coldplate.wire.incident import Severity
from coldplate.wire.ports import History

_SHOWN_SQL = """
SELECT toUnixTimestamp64Milli(min(t)) FROM cdu_samples
WHERE device = (SELECT device FROM inventory FINAL WHERE id = %(cdu)s) AND t >= fromUnixTimestamp64Milli(%(at)s)
AND flow_lpm < 0.9 * (
    SELECT avg(flow_lpm) FROM cdu_samples
    WHERE device = (SELECT device FROM inventory FINAL WHERE id = %(cdu)s)
    AND t < fromUnixTimestamp64Milli(%(at)s) AND t >= fromUnixTimestamp64Milli(%(from)s))
HAVING count() > 0
"""
_THROTTLED_SQL = """
SELECT toUnixTimestamp64Milli(min(t)) FROM gpu_samples
WHERE device IN (SELECT device FROM inventory FINAL WHERE kind = 'gpu' AND rack = %(rack)s)
AND t >= fromUnixTimestamp64Milli(%(at)s) AND bitAnd(clock_event_reasons, 0x60) != 0
HAVING count() > 0
"""
"""0x20 and 0x40: software and hardware thermal slowdown."""


def summarise(outcome: Outcome, history: History) -> dict[str, Any]:
    """The figures; nothing is judged yet."""
    story, sight = outcome.progress.story, outcome.progress.sight
    started_ms = outcome.progress.started_ms or 0
    fault_ms = started_ms + round(1000 * story.fault_at_s)
    happened = outcome.ran_s > story.fault_at_s
    told = list(sight.incidents.values())
    pages = [t for t in told if t.last.severity.pages]
    cause = next((t for t in pages if t.last.subject == story.guilty), None)
    given = {"cdu": story.guilty, "at": fault_ms, "from": started_ms, "rack": story.guilty.partition("/")[0]}  # fmt: skip
    shown_ms = _one(history, _SHOWN_SQL, given) if happened else None
    throttled_ms = _one(history, _THROTTLED_SQL, given) if happened else None
    forecast_ms = cause.forecast.throttle_at_ms if cause and cause.forecast else None
    books = outcome.books
    return {
        "frames_produced": books.produced,
        "frames_stored": books.stored,
        "frames_lost": books.lost,
        "frames_duplicated": books.duplicated,
        "rows": books.rows,
        "values": books.values,
        "incidents": [_incident(t) for t in pages],
        "info_incidents": [_incident(t) for t in told if t.last.severity is Severity.INFO],
        "event_to_incident_s": _event_delay_s(outcome),
        "fault_at": rfc3339(fault_ms) if happened else None,
        "detected_after_s": _seconds(shown_ms, cause.first_ms if cause else None),
        "throttle_forecast_s": _seconds(fault_ms, forecast_ms),
        "throttle_seen_s": _seconds(fault_ms, throttled_ms),
        "duration_s": round(outcome.ran_s, 1),
        "start_s": round(outcome.start_s, 1),
        "interrupted": outcome.interrupted,
        "versions": _versions(history),
    }


def verdict(outcome: Outcome, summary: dict[str, Any]) -> list[str]:
    """What is wrong with the result, a line each; empty when it is as it must be."""
    out = [
        f"{summary[f'frames_{name}']} frames {name}"
        for name in ("lost", "duplicated")
        if summary[f"frames_{name}"]
    ]
    if not summary["frames_produced"]:
        out.append("no frame was produced")
    allowed = outcome.progress.story.pages_allowed(outcome.ran_s)
    found = [(i["kind"], i["subject"]) for i in summary["incidents"]]
    if found not in allowed:
        out.append(f"paging incidents are {found}, expected {allowed[0]}")
    return out


def _incident(told: Told) -> dict[str, Any]:
    i = told.last
    return {
        "id": i.id, "kind": i.kind, "subject": i.subject, "severity": i.severity.value,
        "opened_at": rfc3339(i.opened_ms), "told_at": rfc3339(told.first_ms), "closed_at": rfc3339(i.closed_ms), "cause": i.cause,
        "evidence_count": len(i.evidence), "affected_count": len(i.affected),
    }  # fmt: skip


def _event_delay_s(outcome: Outcome) -> float | None:
    """From the XID's record in Kafka to its incident's."""
    sight = outcome.progress.sight
    for told in sight.incidents.values():
        kind, _, code = told.first.kind.partition("-")
        at_ms = sight.events.get((kind, told.first.subject, int(code))) if kind == "xid" else None
        if at_ms is not None:
            return _seconds(at_ms, told.first_ms)
    return None


def _one(history: History, sql: str, given: dict[str, Any]) -> int | None:
    _, rows = history.query(sql, given)
    return int(rows[0][0]) if rows else None


def _seconds(since_ms: int | None, until_ms: int | None) -> float | None:
    return None if since_ms is None or until_ms is None else round((until_ms - since_ms) / 1000, 3)


def _versions(history: History) -> dict[str, str]:
    _, rows = history.query("SELECT version()")
    return {
        "kafka": kafka_jars.version(),
        "clickhouse": str(rows[0][0]),
        "faust": version("faust-streaming"),
        "coldplate": version("coldplate"),
    }
