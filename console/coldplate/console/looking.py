"""How a rack or a GPU is, now or at a time in the past: its newest samples, its past hour, its neighbours, what is open on it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from coldplate.console.course import Course, course
from coldplate.console.querying import Asking
from coldplate.sinks.tables import SAMPLE_TABLES
from coldplate.wire.metric import Kind

STALE_MS = 15_000
"""Data older than this is said to be stale."""

LOOK_MS, HOUR_MS, DAY_MS = 300_000, 3_600_000, 86_400_000
INCIDENTS_MAX, JOBS_MAX = 8, 1000
LEAST_W = 200.0
"""Below, a kelvin of the sensor is a seventh of the rise: no resistance is told."""

Values = Mapping[str, float]

_AT = "fromUnixTimestamp64Milli(toInt64(%(at)s))"
_NEWEST = """
SELECT device, toUnixTimestamp64Milli(t) AS t_ms, {columns}
FROM {table}
WHERE device IN %(devices)s AND t > fromUnixTimestamp64Milli(toInt64(%(since)s)) AND t <= {at}
ORDER BY t DESC LIMIT 1 BY device
"""
# Slow metrics come one by one: of each the newest that is there.
_SLOW = """
SELECT device, toUnixTimestamp64Milli(max(t)) AS t_ms, {columns}
FROM {table}
WHERE device IN %(devices)s AND t > fromUnixTimestamp64Milli(toInt64(%(since)s)) AND t <= {at}
GROUP BY device
"""
_RESISTANCE = """
SELECT g.device, quantileExact(0.5)((g.gpu_c_mean - c.supply_c) / g.power_w_mean)
FROM gpu_1m AS g
INNER JOIN
(
    SELECT t, avg(supply_c_mean) AS supply_c FROM cdu_1m
    WHERE device IN %(cdus)s AND t >= toDateTime(%(since_s)s) AND t <= toDateTime(%(at_s)s) AND supply_c_count > 0 GROUP BY t
) AS c ON c.t = g.t
WHERE g.device IN %(devices)s AND g.t >= toDateTime(%(since_s)s) AND g.t <= toDateTime(%(at_s)s) AND g.power_w_mean >= %(least_w)s
    AND g.gpu_c_count > 0
GROUP BY g.device
"""
_INCIDENTS = f"""
SELECT id, if(closed_at IS NULL OR closed_at > {_AT}, 'open', 'closed') AS state, severity, kind, subject, opened_at, closed_at, cause
FROM incidents_now
WHERE opened_at <= {_AT} AND (closed_at IS NULL OR closed_at > fromUnixTimestamp64Milli(toInt64(%(since)s)))
    AND (subject IN %(names)s OR hasAny(affected, %(names)s))
ORDER BY state = 'open' DESC, indexOf(['critical', 'warning', 'ticket', 'info'], severity), opened_at DESC LIMIT %(limit)s
"""
_JOBS = f"""
SELECT job, any(user) AS user, uniqExact(gpu) AS gpus FROM job_gpus
WHERE gpu IN %(gpus)s AND since <= {_AT} AND (until IS NULL OR until > {_AT})
GROUP BY job ORDER BY gpus DESC, job LIMIT %(limit)s
"""
_DEVICES = "SELECT kind, id, device, `index`, rack, node, `row`, hall, serial FROM inventory FINAL WHERE {where} ORDER BY `index`, id"


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the inventory, its newest values, and how old they are; None without any."""

    kind: str
    id: str
    device: int
    index: int
    rack: str
    node: str
    row: str
    hall: str
    serial: str
    values: Values
    age_ms: int | None = None
    k_per_w: float | None = None

    @property
    def stale(self) -> bool:
        """Whether what it shows is old."""
        return self.age_ms is None or self.age_ms > STALE_MS

    def told(self) -> dict[str, Any]:
        """For a program."""
        return {
            "id": self.id, "serial": self.serial, "age_ms": self.age_ms, "stale": self.stale, "k_per_w": self.k_per_w,
            "values": dict(self.values),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Looked:
    """What one sees.

    Parameters
    ----------
    subject
        Who was asked for.
    at_ms
        When.
    parts
        The rack's unit, meter, nodes and GPUs, or the GPU's node.
    neighbours
        A GPU's fellows of its node; a rack's left and right.
    courses
        Of the past hour.
    incidents, jobs
        Open ones first; of a day.
    median_k_per_w
        Of the rack's GPUs.
    """

    subject: Device
    at_ms: int
    parts: Sequence[Device]
    neighbours: Sequence[Device]
    courses: Sequence[Course]
    incidents: Sequence[Mapping[str, Any]]
    jobs: Sequence[Mapping[str, Any]]
    median_k_per_w: float | None = None

    def of(self, kind: str) -> list[Device]:
        """Parts of a kind."""
        return [d for d in self.parts if d.kind == kind]

    def told(self) -> dict[str, Any]:
        """For a program."""
        return {
            **self.subject.told(), "at_ms": self.at_ms, "median_k_per_w": self.median_k_per_w,
            "parts": {k: [d.told() for d in self.of(k)] for k in ("cdu", "rack", "node", "gpu") if self.of(k)},
            "neighbours": [d.told() for d in self.neighbours], "jobs": list(self.jobs),
            "incidents": list(self.incidents), "history": [c.told() for c in self.courses],
        }  # fmt: skip


class Looking:
    """Reads what is to be seen.

    Parameters
    ----------
    asking
        The history.
    at_ms
        When; None is now.
    """

    def __init__(self, asking: Asking, at_ms: int | None = None) -> None:
        self._asking, self._now_ms = asking, round(time.time() * 1000)
        self._at_ms = self._now_ms if at_ms is None else at_ms

    def gpu(self, name: str) -> Looked:
        """One GPU, with its node's others and its rack's median resistance.

        Raises
        ------
        Failure
            No GPU is called so (the nearest are named), or the history cannot be asked.
        """
        self._asking.check_known("gpu", name)
        rack_id = self._devices("id = %(id)s", {"id": name})[0].rack
        rack = self._devices("rack = %(id)s", {"id": rack_id})
        gpus, mean = self._resistances([d for d in rack if d.kind == "gpu"], rack)
        subject = next(d for d in gpus if d.id == name)
        fellows = [d for d in gpus if d.node == subject.node and d.id != name]
        seen = self._filled(
            [
                subject,
                *fellows,
                *(
                    d
                    for d in rack
                    if d.kind in ("cdu", "node") and d.id in (subject.node, f"{rack_id}/cdu")
                ),
            ]
        )
        courses = [
            self._course(Kind.GPU, subject, m)
            for m in ("gpu_c", "hbm_c", "margin_c", "power_w", "sm_clock_mhz")
        ]
        return Looked(
            seen[0], self._at_ms, [d for d in seen if d.kind != "gpu"], [d for d in seen[1:] if d.kind == "gpu"], courses,
            self._incidents([name, subject.node, rack_id, f"{rack_id}/cdu"]), self._jobs([name]), mean,
        )  # fmt: skip

    def rack(self, name: str) -> Looked:
        """One rack with all that is in it, and the racks beside it.

        Raises
        ------
        Failure
            No rack is called so (the nearest are named), or the history cannot be asked.
        """
        self._asking.check_known("rack", name)
        inside = self._devices("rack = %(id)s", {"id": name})
        gpus, mean = self._resistances([d for d in inside if d.kind == "gpu"], inside)
        subject = next(d for d in inside if d.kind == "rack")
        parts = self._filled([*(d for d in inside if d.kind != "gpu"), *gpus])
        courses = [
            self._course(Kind.CDU, d, m)
            for d in inside if d.kind == "cdu"
            for m in ("supply_c", "return_c", "flow_lpm")
        ] + [self._course(Kind.RACK, subject, "rack_power_w")]  # fmt: skip
        names = [d.id for d in inside]
        return Looked(
            next(d for d in parts if d.kind == "rack"), self._at_ms, parts, self._beside(subject), courses,
            self._incidents(names), self._jobs([d.id for d in gpus]), mean,
        )  # fmt: skip

    def _beside(self, rack: Device) -> list[Device]:
        """The racks on its left and right, with what their units tell."""
        row = self._devices(
            "kind = 'rack' AND `row` = %(id)s AND hall = %(hall)s",
            {"id": rack.row, "hall": rack.hall},
        )
        place = next((n for n, d in enumerate(row) if d.id == rack.id), 0)
        near = [row[n].id for n in (place - 1, place + 1) if 0 <= n < len(row)]
        if not near:
            return []
        return self._filled(self._devices("kind = 'cdu' AND rack IN %(id)s", {"id": near}))

    def _devices(self, where: str, given: Mapping[str, Any]) -> list[Device]:
        answer = self._asking.query(_DEVICES.format(where=where), given)
        return [
            Device(values={}, **dict(zip(answer.columns, row, strict=True))) for row in answer.rows
        ]

    def _filled(self, devices: Sequence[Device]) -> list[Device]:
        """With their newest values; those of several tables of a kind together."""
        found: dict[int, tuple[int, dict[str, float]]] = {}
        for table in SAMPLE_TABLES:
            of = [d.device for d in devices if d.kind == table.kind.word]
            if not of:
                continue
            names = [m.name for m in table.metrics]
            columns = ", ".join(f"argMax({n}, t)" if table.sparse else n for n in names)
            sql = (_SLOW if table.sparse else _NEWEST).format(
                columns=columns, table=table.name, at=_AT
            )
            given = {"devices": of, "since": self._at_ms - LOOK_MS, "at": self._at_ms}
            for device, t_ms, *values in self._asking.query(sql, given).rows:
                newest_ms, known = found.get(device, (0, {}))
                told = {n: float(v) for n, v in zip(names, values, strict=True) if v is not None}
                # A slow metric says nothing about how old the fast ones are.
                found[device] = (newest_ms if table.sparse else t_ms, known | told)
        return [self._with(d, *found.get(d.device, (0, {}))) for d in devices]

    def _with(self, d: Device, newest_ms: int, values: Values) -> Device:
        age_ms = self._at_ms - newest_ms if newest_ms else None
        return replace(d, values=values, age_ms=age_ms)

    def _resistances(
        self, gpus: Sequence[Device], rack: Sequence[Device]
    ) -> tuple[list[Device], float | None]:
        """GPUs with the median of their past hour at load, and the median of those."""
        cdus = [d.device for d in rack if d.kind == "cdu"]
        if not gpus or not cdus:
            return list(gpus), None
        given = {
            "devices": [d.device for d in gpus], "cdus": cdus, "least_w": LEAST_W,
            "since_s": (self._at_ms - HOUR_MS) // 1000, "at_s": self._at_ms // 1000,
        }  # fmt: skip
        told = {int(d): float(r) for d, r in self._asking.query(_RESISTANCE, given).rows}
        with_them = [replace(d, k_per_w=told.get(d.device)) for d in gpus]
        every = sorted(told.values())
        return with_them, every[len(every) // 2] if every else None

    def _course(self, kind: Kind, d: Device, metric: str) -> Course:
        return course(
            self._asking,
            kind,
            d.id,
            d.device,
            metric,
            self._at_ms - HOUR_MS,
            self._at_ms + 1,
            now_ms=self._now_ms,
        )

    def _incidents(self, names: Sequence[str]) -> list[dict[str, Any]]:
        given = {
            "names": list(names),
            "at": self._at_ms,
            "since": self._at_ms - DAY_MS,
            "limit": INCIDENTS_MAX,
        }
        answer = self._asking.query(_INCIDENTS, given)
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]

    def _jobs(self, gpus: Sequence[str]) -> list[dict[str, Any]]:
        if not gpus:
            return []
        answer = self._asking.query(
            _JOBS, {"gpus": list(gpus), "at": self._at_ms, "limit": JOBS_MAX}
        )
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
