"""Why an incident is what it is: everything the history has of it, read for one person who asks."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from coldplate.console.closing import AFTER, Condition, conditions
from coldplate.console.context import Context
from coldplate.console.course import Course, course
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.querying import Asking
from coldplate.sinks.webhooks.config import Links
from coldplate.sinks.webhooks.message import Text
from coldplate.sinks.webhooks.telling.cause import cause_of
from coldplate.sinks.webhooks.telling.certainty import CONSEQUENCES
from coldplate.sinks.webhooks.telling.evidence import FORECAST, deciding, line_of
from coldplate.sinks.webhooks.text import text_of
from coldplate.wire.incident import Evidence, Incident, State
from coldplate.wire.metric import CATALOGUE, KIND_WORDS

BEFORE_MS, AFTER_MS = 600_000, 120_000
EARLY_MS = 3_600_000
"""Anomalies of its members are looked for from so long before its first tick."""

ANOMALIES_MAX, IDS_MAX = 2000, 6

_RECORDS = """
SELECT step, state, kind, subject, rack, severity, toUnixTimestamp64Milli(opened_at) AS opened_ms,
    toUnixTimestamp64Milli(updated_at) AS updated_ms, toUnixTimestamp64Milli(closed_at) AS closed_ms, cause, affected, evidence,
    toUnixTimestamp64Milli(throttle_at) AS throttle_at_ms, toUnixTimestamp64Milli(throttle_seen_at) AS throttle_seen_ms,
    toUnixTimestamp64Milli(first_tick_at) AS first_tick_ms, why
FROM incidents FINAL WHERE id = %(id)s ORDER BY step
"""
_ANOMALIES = """
SELECT toUnixTimestamp64Milli(t) AS t_ms, detector, kind, subject, fired, note
FROM anomalies FINAL
WHERE t >= fromUnixTimestamp64Milli(toInt64(%(begin)s)) AND t <= fromUnixTimestamp64Milli(toInt64(%(end)s))
    AND subject IN %(subjects)s AND detector IN %(detectors)s
ORDER BY t, id LIMIT %(limit)s
"""
_JOBS = """
SELECT job FROM job_gpus
WHERE gpu IN (SELECT id FROM inventory FINAL WHERE kind = 'gpu' AND (id IN %(names)s OR node IN %(names)s OR rack IN %(names)s))
    AND since <= fromUnixTimestamp64Milli(toInt64(%(end)s))
    AND (until IS NULL OR until > fromUnixTimestamp64Milli(toInt64(%(begin)s)))
GROUP BY job ORDER BY uniqExact(gpu) DESC, job LIMIT 1000
"""
_PLACE = "SELECT kind, device, hall, `row`, rack, node, serial FROM inventory FINAL WHERE id = %(id)s LIMIT 1"


@dataclass(frozen=True, slots=True)
class Step:
    """One change of an incident.

    Parameters
    ----------
    number, t_ms, why
        Which, when, and what it was.
    renamed
        The kind and subject it had before; "" when those stayed.
    """

    number: int
    t_ms: int
    state: str
    severity: str
    affected: int
    why: str
    renamed: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A detector that spoke, or fell silent, on a member."""

    t_ms: int
    detector: str
    kind: str
    subject: str
    fired: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """All of it.

    Parameters
    ----------
    text
        What receivers are told.
    series
        Of the deciding number; None where there is no such series.
    seen
        What detectors said of its members, in order of time.
    consequences
        Evidence that was taken for what the cause does to others.
    would_close_when
        Empty once it is closed.
    """

    incident: Incident
    text: Text
    series: Course | None
    steps: Sequence[Step]
    seen: Sequence[Seen]
    consequences: Sequence[Evidence]
    would_close_when: Sequence[Condition]

    def told(self) -> dict[str, Any]:
        """For a program."""
        return {
            "incident": msgspec.to_builtins(self.incident),
            "text": msgspec.to_builtins(self.text),
            "series": None if self.series is None else self.series.told(),
            "steps": [msgspec.to_builtins(s) for s in self.steps],
            "anomalies": [msgspec.to_builtins(s) for s in self.seen],
            "consequences": [msgspec.to_builtins(e) for e in self.consequences],
            "would_close_when": {
                "rule": AFTER if self.incident.state is State.OPEN else "",
                "conditions": [c.told() for c in self.would_close_when],
            },
        }


def explain(context: Context, asking: Asking, word: str, now_ms: int | None = None) -> Explained:
    """Read and explain the incident whose id begins with `word`.

    Raises
    ------
    Failure
        None or several begin so, or the history cannot be asked.
    """
    now_ms = round(time.time() * 1000) if now_ms is None else now_ms
    records = _records(asking, _id_of(asking, word))
    last = records[-1]
    end_ms = now_ms if last.closed_ms is None else last.closed_ms
    place = _place(asking, last.subject)
    seen = _seen(asking, last, end_ms)
    labels = {k: str(place[k]) for k in ("hall", "row", "rack", "node") if place.get(k)}
    text = text_of(
        last,
        labels,
        now_ms,
        links=Links(),
        serial=str(place.get("serial", "")),
        jobs=_jobs(asking, last, end_ms),
    )
    holding = {(s.subject, s.detector): s.fired for s in seen}
    is_open = last.state is State.OPEN
    return Explained(
        last, text, _series(asking, last, end_ms, now_ms), _steps(records), seen,
        [e for e in last.evidence if e.detector in (*CONSEQUENCES, FORECAST) or e.subject != last.subject],
        conditions(context, last.evidence, holding) if is_open else [],
    )  # fmt: skip


def consequence_lines(explained: Explained, most: int) -> list[str]:
    """Evidence in words, and how much more there is."""
    every = explained.consequences
    more = [f"{len(every) - most:,} more"] if len(every) > most else []
    return [*(line_of(e) for e in every[:most]), *more]


def _id_of(asking: Asking, word: str) -> str:
    sql = "SELECT id, any(kind), any(subject) FROM incidents WHERE startsWith(id, %(word)s) GROUP BY id ORDER BY max(updated_at) DESC LIMIT %(most)s"
    found = asking.query(sql, {"word": word, "most": IDS_MAX}).rows if word else []
    if len(found) == 1 or any(id_ == word for id_, _, _ in found):
        return word if len(found) > 1 else str(found[0][0])
    if not found:
        newest = asking.query("SELECT id FROM incidents_now ORDER BY updated_at DESC LIMIT 3").rows
        hint = (
            f"the newest are {', '.join(str(i) for (i,) in newest)}"
            if newest
            else "there is none yet"
        )
        raise Failure(f"no incident's id begins with {word!r}; {hint}", BAD_INPUT)
    several = ", ".join(f"{id_} ({kind} on {subject})" for id_, kind, subject in found)
    raise Failure(
        f"several incidents begin with {word!r}: {several}; give more of the id", BAD_INPUT
    )


def _records(asking: Asking, id_: str) -> list[Incident]:
    answer = asking.query(_RECORDS, {"id": id_})
    out = []
    for row in answer.rows:
        fields = dict(zip(answer.columns, row, strict=True))
        fields["evidence"] = [msgspec.json.decode(e) for e in fields["evidence"]]
        out.append(msgspec.convert({**fields, "id": id_, "cluster": ""}, Incident))
    return out


def _place(asking: Asking, subject: str) -> dict[str, Any]:
    answer = asking.query(_PLACE, {"id": subject})
    return dict(zip(answer.columns, answer.rows[0], strict=True)) if answer.rows else {}


def _seen(asking: Asking, last: Incident, end_ms: int) -> list[Seen]:
    members = {(e.subject, e.detector) for e in last.evidence if e.detector != FORECAST}
    if not members:
        return []
    given = {
        "begin": last.first_tick_ms - EARLY_MS, "end": end_ms, "limit": ANOMALIES_MAX,
        "subjects": sorted({s for s, _ in members}), "detectors": sorted({d for _, d in members}),
    }  # fmt: skip
    rows = asking.query(_ANOMALIES, given).rows
    return [
        Seen(int(t_ms), str(detector), str(kind), str(subject), bool(fired))
        for t_ms, detector, kind, subject, fired, _ in rows
        if (subject, detector) in members
    ]


def _jobs(asking: Asking, last: Incident, end_ms: int) -> list[str]:
    names = list(last.affected) or [last.subject]
    given = {"names": names, "begin": last.opened_ms, "end": end_ms}
    return [str(job) for (job,) in asking.query(_JOBS, given).rows]


def _steps(records: Sequence[Incident]) -> list[Step]:
    before: Mapping[int, Incident] = dict(enumerate(records, 1))
    out = []
    for n, r in enumerate(records):
        was = before.get(n)
        renamed = was is not None and (was.kind, was.subject) != (r.kind, r.subject)
        name = f"{was.kind} on {was.subject}" if was is not None and renamed else ""
        out.append(
            Step(
                r.step, r.updated_ms, r.state.value, r.severity.value, len(r.affected), r.why, name
            )
        )
    return out


def _series(asking: Asking, last: Incident, end_ms: int, now_ms: int) -> Course | None:
    wanted = cause_of(last.kind).metric
    first = deciding(last.evidence, wanted)
    for subject, metric in (
        ((first.subject, first.metric), (last.subject, wanted))
        if first
        else ((last.subject, wanted),)
    ):
        place = _place(asking, subject)
        kind = KIND_WORDS.get(str(place.get("kind")))
        if kind is not None and any(m.name == metric for m in CATALOGUE[kind]):
            ends = min(end_ms + AFTER_MS, now_ms)
            begin = min(last.first_tick_ms, last.opened_ms) - BEFORE_MS
            return course(
                asking,
                kind,
                subject,
                int(place["device"]),
                metric,
                begin,
                max(ends, begin + 1000),
                now_ms=now_ms,
            )
    return None
