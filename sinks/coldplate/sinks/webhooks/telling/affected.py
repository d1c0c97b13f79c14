"""Who suffers, in one line however many they are: counted by what they are, with the most urgent one named."""

from collections import Counter
from collections.abc import Sequence

from coldplate.sinks.webhooks.telling.moment import length, time_only
from coldplate.sinks.webhooks.telling.plain import clean, named
from coldplate.wire.incident import Incident, State

_PLURAL = {
    "gpu": "GPUs",
    "node": "nodes",
    "cdu": "CDUs",
    "rack": "racks",
    "row": "rows",
    "hall": "halls",
}
_SINGULAR = {
    "gpu": "GPU",
    "node": "node",
    "cdu": "CDU",
    "rack": "rack",
    "row": "row",
    "hall": "hall",
}
JOBS_MAX = 3


def affected_of(incident: Incident, now_ms: int, jobs: Sequence[str] = ()) -> str:
    """How many of what, where, the first of them with its time left, and whose jobs."""
    parts = [_who(incident.affected)]
    if urgent := _urgent(incident, now_ms):
        parts.append(f"({urgent})")
    said = " ".join(parts)
    if jobs:
        names = ", ".join(clean(j, 60) for j in jobs[:JOBS_MAX])
        more = f" and {len(jobs) - JOBS_MAX:,} more" if len(jobs) > JOBS_MAX else ""
        said += f"; {'job' if len(jobs) == 1 else 'jobs'} {names}{more}"
    return said


def kind_of(subject: str) -> str:
    """What an id is of, as far as its last part says."""
    return subject.rpartition("/")[2].partition("-")[0]


def _who(affected: Sequence[str]) -> str:
    if not affected:
        return "nothing else so far"
    if len(affected) == 1:
        return named(affected[0])
    counts = Counter(kind_of(subject) for subject in affected)
    kinds = [
        f"{number:,} {(_SINGULAR if number == 1 else _PLURAL).get(kind, 'devices')}"
        for kind, number in counts.most_common(4)
    ]
    racks = {subject.partition("/")[0] for subject in affected}
    where = f" of {named(next(iter(racks)))}" if len(racks) == 1 else ""
    if len(racks) > 1 and set(counts) != {"rack"}:
        where = f" in {len(racks):,} racks"
    return f"{', '.join(kinds)}{where}"


def _urgent(incident: Incident, now_ms: int) -> str:
    first = named(incident.affected[0]) if incident.affected else named(incident.subject)
    if incident.throttle_seen_ms is not None:
        seen = time_only(incident.throttle_seen_ms)
        over = incident.state is State.CLOSED
        return f"throttling was seen at {seen}" if over else f"throttling since {seen}"
    at_ms = incident.throttle_at_ms
    if at_ms is None or incident.state is State.CLOSED:
        return ""
    if at_ms <= now_ms:
        return f"first to throttle: {first}, was due {length(now_ms - at_ms)} ago"
    return f"first to throttle: {first} in {length(at_ms - now_ms)}, at {time_only(at_ms)}"
