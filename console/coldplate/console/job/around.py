"""What happened around a job: incidents that touched it, errors and losses of its GPUs, and whom it shared them with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from coldplate.console.job.spans import Job

INCIDENTS_MAX, EVENTS_MAX, NAMED_MAX = 50, 1000, 5

_IN = "(SELECT gpu FROM job_spans WHERE job = %(job)s)"
_TIME = "fromUnixTimestamp64Milli(toInt64(%({})s), 'UTC')"
# Of a GPU all that it hangs on, for a pump that stands touches every job of its rack.
_NAMES = f"""
SELECT arrayJoin([id, node, rack, row, hall]) FROM inventory FINAL WHERE kind = 'gpu' AND id IN {_IN}
UNION ALL SELECT id FROM inventory FINAL WHERE kind = 'cdu' AND rack IN
    (SELECT rack FROM inventory FINAL WHERE kind = 'gpu' AND id IN {_IN})
UNION ALL SELECT gpu FROM job_spans WHERE job = %(job)s
"""
_INCIDENTS = f"""
SELECT n.id, n.kind, n.subject, n.severity, n.state, n.opened_at, n.closed_at, n.cause, t.touched, t.names
FROM incidents_now AS n
INNER JOIN
(
    SELECT id, uniqExact(name) AS touched, arraySlice(arraySort(groupUniqArray(name)), 1, {NAMED_MAX}) AS names
    FROM (SELECT id, arrayJoin(arrayPushFront(affected, subject)) AS name FROM incidents WHERE opened_at < {_TIME.format("end")})
    WHERE name != '' AND name IN ({_NAMES})
    GROUP BY id
) AS t ON t.id = n.id
WHERE n.opened_at < {_TIME.format("end")} AND (n.closed_at IS NULL OR n.closed_at > {_TIME.format("begin")})
ORDER BY indexOf(['critical', 'warning', 'ticket', 'info'], n.severity), n.opened_at
"""
_EVENTS = f"""
SELECT kind, code, subject, min(t), count() FROM events FINAL
WHERE t >= {_TIME.format("begin")} AND t < {_TIME.format("end")} AND kind IN ('xid', 'gpu_lost') AND subject IN {_IN}
GROUP BY kind, code, subject ORDER BY min(t) LIMIT {EVENTS_MAX}
"""
_OTHERS = f"""
SELECT gpu, job, toUnixTimestamp64Milli(since), toUnixTimestamp64Milli(until)
FROM job_gpus
WHERE gpu IN {_IN} AND job != %(job)s AND since < {_TIME.format("end")} AND (until IS NULL OR until > {_TIME.format("begin")})
"""

Query = Any
"""`Asking.query`, of one of several connections."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One that touched the job while it ran."""

    id: str
    kind: str
    subject: str
    severity: str
    state: str
    opened_at: datetime
    closed_at: datetime | None
    cause: str
    touched: int
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class Happened:
    """An XID, or the loss of a GPU: the first time, and how often."""

    kind: str
    code: int | None
    gpu: str
    t: datetime
    times: int


@dataclass(frozen=True, slots=True)
class Sharing:
    """Whom a job shared GPUs with.

    Parameters
    ----------
    jobs
        Names of the others.
    shares
        By GPU, what of it the job had: half, where another had it all the time too.
    """

    jobs: Sequence[str]
    shares: Mapping[str, float]


def read_incidents(query: Query, job: Job) -> list[Incident]:
    """Those that were open in one of its runs, the gravest first."""
    found = [Incident(*r) for r in query(_INCIDENTS, _given(job)).rows]
    runs = job.runs()
    return [i for i in found if any(_open_in(i, *run) for run in runs)]


def _open_in(i: Incident, begin_ms: int, end_ms: int) -> bool:
    closed_ms = end_ms if i.closed_at is None else i.closed_at.timestamp() * 1000
    return i.opened_at.timestamp() * 1000 < end_ms and closed_ms > begin_ms


def read_events(query: Query, job: Job) -> list[Happened]:
    """On GPUs of the job while it had them."""
    by_gpu: dict[str, list[tuple[int, int]]] = {}
    for s in job.spans:
        # A GPU that falls off the bus takes its job with it, sometimes before anybody tells.
        by_gpu.setdefault(s.gpu, []).append((s.begin_ms, s.end_ms + 1000))
    found = [Happened(*r) for r in query(_EVENTS, _given(job)).rows]
    return [
        h for h in found
        if any(a <= h.t.timestamp() * 1000 <= b for a, b in by_gpu.get(h.gpu, ()))
    ]  # fmt: skip


def lost(incidents: Sequence[Incident], events: Sequence[Happened], job: Job) -> list[str]:
    """GPUs that were lost, by the driver's word or by detection's."""
    mine = set(job.gpus)
    told = {h.gpu for h in events if h.kind == "gpu_lost"}
    return sorted(
        told | {i.subject for i in incidents if i.kind == "gpu-lost" and i.subject in mine}
    )


def read_sharing(query: Query, job: Job) -> Sharing:
    """Nobody, when agents told that it had its GPUs alone; that question is dear, and then not asked."""
    if not job.shared:
        return Sharing([], {})
    others: dict[str, list[tuple[int, int]]] = {}
    names: set[str] = set()
    mine = {s.gpu: s for s in job.spans}
    for gpu, name, begin, end in query(_OTHERS, _given(job)).rows:
        span = mine.get(gpu)
        if span is not None and begin < span.end_ms and (end or job.end_ms) > span.begin_ms:
            others.setdefault(gpu, []).append((begin, end or job.end_ms))
            names.add(str(name))
    of_gpu: dict[str, list[tuple[int, int]]] = {}
    for s in job.spans:
        of_gpu.setdefault(s.gpu, []).append((s.begin_ms, s.end_ms))
    return Sharing(sorted(names), {g: _share(of_gpu[g], spans) for g, spans in others.items()})


def _share(own: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]) -> float:
    """Mean of one over the number of jobs."""
    total = share = 0.0
    cuts = sorted({t for spans in (own, others) for span in spans for t in span})
    for a, b in pairwise(cuts):
        if any(x <= a and b <= y for x, y in own):
            total += b - a
            share += (b - a) / (1 + sum(x <= a and b <= y for x, y in others))
    return share / total if total else 1.0


def _given(job: Job) -> dict[str, Any]:
    return {"job": job.name, "begin": job.begin_ms, "end": job.end_ms}
