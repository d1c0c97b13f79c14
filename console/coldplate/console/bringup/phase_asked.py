"""What the history tells of a training phase: the hall's power second by second, its swing, its racks, what broke."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from coldplate.console.job.spans import Job
from coldplate.console.querying import Asking
from coldplate.wire.fault import FAMILIES, XID_ACTIONS

BEFORE_S = 60
"""The ramp begins with what the hall drew before."""

SERIES_S_MAX = 3600
RACKS_S_MAX = 600
"""Of racks' meters, where the hall has none, less is read."""

WINDOW_S = 15
WHOLE_RATIO = 0.98
"""A second of which fewer meters have told is left out: frames come a few seconds apart, and a gap is no ramp."""

NAMED_MAX = 20

_IN = "(SELECT gpu FROM job_spans WHERE job = %(job)s)"
_DEVICES = f"(SELECT device FROM inventory FINAL WHERE kind = 'gpu' AND id IN {_IN})"
_T = "t > fromUnixTimestamp64Milli(toInt64(%(begin)s)) AND t <= fromUnixTimestamp64Milli(toInt64(%(end)s))"

_POWER = f"""
SELECT toUnixTimestamp64Milli(t) AS ms, sum({{metric}}), count({{metric}}) AS n FROM {{table}} WHERE {_T}
GROUP BY ms HAVING n > 0 ORDER BY ms
"""
_METERS = (("hall_samples", "hall_power_w", SERIES_S_MAX), ("rack_samples", "rack_power_w", RACKS_S_MAX), ("gpu_samples", "power_w", RACKS_S_MAX))  # fmt: skip
_SWING = f"""
SELECT sum(w) AS swing_w, sum(w * hz) / sum(w) FROM
(
    SELECT device, argMax(swing_w, t) AS w, argMax(swing_hz, t) AS hz FROM gpu_samples
    WHERE {_T} AND device IN {_DEVICES} AND swing_w IS NOT NULL AND swing_hz IS NOT NULL GROUP BY device
)
WHERE hz > 0 AND w > 0 GROUP BY round(log(hz) / 0.06) ORDER BY swing_w DESC LIMIT 1
"""
_RACKS = f"""
SELECT i.rack, count(), max(s.v.1), min(s.v.2), countIf(bitAnd(ifNull(s.v.3, 0), 224) != 0) FROM
(
    SELECT device, argMax(tuple(gpu_c, margin_c, clock_event_reasons), t) AS v FROM gpu_samples
    WHERE {_T} AND device IN {_DEVICES} GROUP BY device
) AS s
INNER JOIN (SELECT device, rack FROM inventory FINAL WHERE kind = 'gpu') AS i ON i.device = s.device
GROUP BY i.rack
"""
_BROKEN = f"""
SELECT kind, subject, severity, toUnixTimestamp64Milli(opened_at), cause FROM incidents_now
WHERE opened_at > fromUnixTimestamp64Milli(toInt64(%(begin)s)) AND opened_at <= fromUnixTimestamp64Milli(toInt64(%(end)s))
    AND rack IN (SELECT rack FROM inventory FINAL WHERE kind = 'gpu' AND id IN {_IN})
ORDER BY opened_at
"""

STOPPING = frozenset({*FAMILIES["errors"], *FAMILIES["silence"]})
HARMLESS = frozenset({"ignore", "restart-app"})


@dataclass(frozen=True, slots=True)
class Warm:
    """A rack's GPUs of the job: how many told, the hottest, the least margin (None where absent), how many are held down."""

    rack: str
    gpus: int
    gpu_c: float | None
    margin_c: float | None
    throttled: int


@dataclass(frozen=True, slots=True)
class Broken:
    """An incident that stops a job, or its device."""

    kind: str
    subject: str
    severity: str
    opened_ms: int
    cause: str


@dataclass(frozen=True)
class Seen:
    """All of it.

    Parameters
    ----------
    job, now_ms
        Which, until when.
    source
        What told power: a table of samples; "" when none did.
    power_w
        Unix milliseconds and watts, whole seconds alone.
    swing_w, swing_hz
        The strongest swing in step: amplitude of its GPUs together, and its frequency; None without any.
    racks
        The warmest first.
    broken
        Of each device the first, in order of time.
    """

    job: Job
    now_ms: int
    source: str
    power_w: Sequence[tuple[int, float]]
    swing_w: float | None
    swing_hz: float | None
    racks: Sequence[Warm]
    broken: Sequence[Broken]


def seen(asking: Asking, job: Job, now_ms: int) -> Seen:
    """Of a job until a moment.

    Raises
    ------
    Failure
        The history cannot be asked.
    """
    end_ms = min(now_ms, job.end_ms) if not job.running else now_ms
    source, power_w = _power(asking, job, end_ms)
    given = {"job": job.name, "begin": end_ms - 1000 * WINDOW_S, "end": end_ms}
    swing = asking.query(_SWING, given).rows
    swing_w, swing_hz = (float(v) for v in swing[0]) if swing else (None, None)
    racks = [
        Warm(str(rack), int(n), _known(gpu_c), _known(margin_c), int(held))
        for rack, n, gpu_c, margin_c, held in asking.query(_RACKS, given).rows
    ]
    racks.sort(key=lambda r: (999.0 if r.margin_c is None else r.margin_c, -(r.gpu_c or 0.0)))
    rows = asking.query(_BROKEN, {"job": job.name, "begin": job.begin_ms, "end": end_ms}).rows
    return Seen(job, end_ms, source, power_w, swing_w, swing_hz, racks, _stopping(rows))


def _power(asking: Asking, job: Job, end_ms: int) -> tuple[str, list[tuple[int, float]]]:
    for table, metric, most_s in _METERS:
        begin_ms = max(job.begin_ms - 1000 * BEFORE_S, end_ms - 1000 * most_s)
        rows = asking.query(_POWER.format(table=table, metric=metric), {"begin": begin_ms, "end": end_ms}).rows  # fmt: skip
        if rows:
            most = max(int(n) for _, _, n in rows)
            return table, [(int(t), float(w)) for t, w, n in rows if n >= WHOLE_RATIO * most]
    return "", []


def _stopping(rows: Sequence[Sequence[Any]]) -> list[Broken]:
    """Those that end a step of training: critical ones, losses, errors that need a reset or a hand."""
    out: dict[str, Broken] = {}
    for kind, subject, severity, opened_ms, cause in rows:
        xid = str(kind).removeprefix("xid-")
        stops = severity == "critical" or kind in STOPPING
        if xid != kind and xid.isdigit():
            stops = XID_ACTIONS.get(int(xid), "") not in HARMLESS
        if stops:
            out.setdefault(str(subject), Broken(str(kind), str(subject), str(severity), int(opened_ms), str(cause)))  # fmt: skip
    return list(out.values())


def _known(value: Any) -> float | None:
    return None if value is None else float(value)
