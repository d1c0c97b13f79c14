"""Events, anomalies, incidents, actions and baselines to the columns of their tables."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from coldplate.wire.action import Action
from coldplate.wire.baseline import Baselines, Learnt
from coldplate.wire.event import Event
from coldplate.wire.incident import Anomaly, Incident

Lists = dict[str, list[Any]]


def event_columns(events: Sequence[Event]) -> Lists:
    """Columns of `events`; times in Unix milliseconds."""
    return {
        "t": [e.t_ms for e in events],
        "id": [e.id for e in events],
        "kind": [e.kind for e in events],
        "subject": [e.subject for e in events],
        "rack": [e.rack for e in events],
        "code": [e.code for e in events],
        "text": [e.text for e in events],
        "data": [_json(e.data) if e.data else "" for e in events],
        "source": [e.source for e in events],
        "boot": [e.boot for e in events],
        "seq": [e.seq for e in events],
    }


def anomaly_columns(anomalies: Sequence[Anomaly]) -> Lists:
    """Columns of `anomalies`; times in Unix milliseconds."""
    return {
        "t": [a.t_ms for a in anomalies],
        "id": [a.id for a in anomalies],
        "detector": [a.detector for a in anomalies],
        "kind": [a.kind for a in anomalies],
        "subject": [a.subject for a in anomalies],
        "rack": [a.rack for a in anomalies],
        "fired": [a.on for a in anomalies],
        "severity": [a.severity.value for a in anomalies],
        "metric": [a.evidence.metric for a in anomalies],
        "value": [a.evidence.value for a in anomalies],
        "threshold": [a.evidence.threshold for a in anomalies],
        "baseline": [a.evidence.baseline for a in anomalies],
        "note": [a.evidence.note for a in anomalies],
        "throttle_at": [a.throttle_at_ms for a in anomalies],
        "arrived_at": [a.arrived_ms for a in anomalies],
    }


def incident_columns(incidents: Sequence[Incident]) -> Lists:
    """Columns of `incidents`; times in Unix milliseconds."""
    return {
        "id": [i.id for i in incidents],
        "step": [i.step for i in incidents],
        "state": [i.state.value for i in incidents],
        "kind": [i.kind for i in incidents],
        "subject": [i.subject for i in incidents],
        "rack": [i.rack for i in incidents],
        "severity": [i.severity.value for i in incidents],
        "opened_at": [i.opened_ms for i in incidents],
        "updated_at": [i.updated_ms for i in incidents],
        "closed_at": [i.closed_ms for i in incidents],
        "cause": [i.cause for i in incidents],
        "affected": [list(i.affected) for i in incidents],
        "evidence": [[_json(e) for e in i.evidence] for i in incidents],
        "throttle_at": [i.throttle_at_ms for i in incidents],
        "throttle_seen_at": [i.throttle_seen_ms for i in incidents],
        "first_tick_at": [i.first_tick_ms for i in incidents],
        "why": [i.why for i in incidents],
    }


def action_columns(actions: Sequence[Action]) -> Lists:
    """Columns of `actions`; times in Unix milliseconds."""
    return {
        "t": [a.t_ms for a in actions],
        "id": [a.id for a in actions],
        "who": [a.who for a in actions],
        "verb": [a.verb.value for a in actions],
        "incident": [a.incident for a in actions],
        "step": [a.step for a in actions],
        "text": [a.text for a in actions],
        "outcome": [a.outcome.value if a.outcome else "" for a in actions],
        "silence_id": [a.silence.id if a.silence else "" for a in actions],
        "silence": [_json(a.silence) if a.silence else "" for a in actions],
        "receiver": [a.receiver for a in actions],
        "message": [a.message for a in actions],
        "phase": [a.phase for a in actions],
    }


def baseline_columns(baselines: Sequence[Baselines]) -> Lists:
    """Columns of `baselines`, a row a device and thing learnt; times in Unix milliseconds."""
    out: Lists = {name: [] for name in (
        "rack", "id", "kind", "detector", "name", "value", "unit", "age_s", "samples", "learnt_at", "t",
    )}  # fmt: skip
    for record, block in ((r, b) for r in baselines for b in r.blocks):
        for entry in block.learnt:
            value = entry.array("value")
            at = np.flatnonzero(np.isfinite(value))
            rows = len(at)
            out["rack"] += [record.rack] * rows
            out["id"] += [block.devices[i] for i in at.tolist()]
            out["kind"] += [block.kind] * rows
            out["detector"] += [entry.detector] * rows
            out["name"] += [entry.name] * rows
            out["value"] += value[at].tolist()
            out["unit"] += [entry.unit] * rows
            out["age_s"] += _or(entry, "age_s", at, None)
            out["samples"] += _or(entry, "samples", at, None)
            out["learnt_at"] += [int(t) for t in _or(entry, "learnt_ms", at, record.t_ms)]
            out["t"] += [record.t_ms] * rows
    return out


def _or(entry: Learnt, what: str, at: NDArray[np.intp], otherwise: float | None) -> list[Any]:
    """What an entry tells at places, or `otherwise`."""
    values = entry.array(what)
    if not len(values):
        return [otherwise] * len(at)
    return [v if np.isfinite(v) else otherwise for v in values[at].tolist()]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
