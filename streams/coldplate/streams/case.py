"""An incident while it lives: what was seen of it and where, the devices it harms, and the records it gives off.

What the cause is called may change as evidence comes in (naming.py); the id stays that of the first anomaly.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from coldplate.streams.causes import key_of, rank_of
from coldplate.streams.topology import Level, Topology
from coldplate.wire.incident import (
    Anomaly,
    Evidence,
    Incident,
    Severity,
    State,
    incident_id,
)

FORECAST = "forecast"
"""Stands as detector in the evidence of what is not measured but expected."""

OF_GPUS = ("margin", "thermal-slowdown")
"""Detectors that see what a cause does to GPUs, not the cause."""

MEMBERS_MAX = 4_096
"""Anomalies of one incident that are kept; a hall of 1,560 racks has a CDU each."""

EVIDENCE_MAX = 1_024
"""Of a record: some 150 kB. The first of the cause are kept."""

AFFECTED_MAX = 1_024
"""Devices that a record names; of more, their racks are named."""

_RANK = list(Severity)
Member = tuple[str, str]
"""(subject, detector)."""


def worse(a: Severity, b: Severity) -> Severity:
    """The more severe of two."""
    return max(a, b, key=_RANK.index)


@dataclass(slots=True)
class Sight:
    """All that was seen of one kind of fault within an incident.

    Parameters
    ----------
    key
        Row of the table of causes.
    kind, subject, first_ms
        Of the first mover.
    place
        The lowest place that holds all of them.
    latest_ms, seen_ms
        Tick of the last that fired, and since when it had shown.
    """

    key: str
    kind: str
    subject: str
    first_ms: int
    place: str
    latest_ms: int
    seen_ms: int

    def add(self, other: "Sight", topology: Topology) -> None:
        """More of the same kind; the order does not matter."""
        if (other.first_ms, other.subject) < (self.first_ms, self.subject):
            self.kind, self.subject, self.first_ms = other.kind, other.subject, other.first_ms
        self.place = topology.common(self.place, other.place)
        self.latest_ms = max(self.latest_ms, other.latest_ms)
        self.seen_ms = max(self.seen_ms, other.seen_ms)


def sight_of(anomaly: Anomaly) -> Sight:
    """What one anomaly shows."""
    since = min(anomaly.evidence.t_ms, anomaly.t_ms)
    return Sight(
        key_of(anomaly.kind, anomaly.detector), anomaly.kind, anomaly.subject, since,
        anomaly.subject, anomaly.t_ms, since,
    )  # fmt: skip


@dataclass(slots=True)
class Case:
    """One open (or just closed) incident.

    Parameters
    ----------
    cluster, id, kind, subject, rack, severity
        As in `Incident`.
    opened_ms, first_ms
        Tick that opened it; first tick that showed it.
    cause
        The sentence for a person.
    sights
        By row of the table of causes: what was seen.
    active
        Anomalies that hold now.
    ends_ms
        When those hold no more that nobody takes back (an event has no end).
    members
        Every anomaly that was part of it, by who told of it.
    racks
        Where.
    victims
        Evidence of harmed devices, most urgent first.
    least_lpm
        The least flow of the rack while it was open.
    worst
        The victims when they were most: what the closing record tells.
    jobs
        Numbers of the jobs that feel it.
    looked_ms
        When what follows from it was last worked out.
    kept
        Who was silent worked on, and sent what it had kept.
    """

    cluster: str
    id: str
    kind: str
    subject: str
    rack: str
    severity: Severity
    opened_ms: int
    first_ms: int
    updated_ms: int
    cause: str = ""
    step: int = 0
    closed_ms: int | None = None
    quiet_ms: int | None = None
    sights: dict[str, Sight] = field(default_factory=dict)
    active: dict[Member, Anomaly] = field(default_factory=dict)
    ends_ms: dict[Member, int] = field(default_factory=dict)
    members: dict[Member, Anomaly] = field(default_factory=dict)
    racks: dict[str, None] = field(default_factory=dict)
    victims: tuple[Evidence, ...] = ()
    affected: tuple[str, ...] = ()
    throttle_at_ms: int | None = None
    throttle_seen_ms: int | None = None
    least_lpm: float = math.inf
    worst: tuple[Evidence, ...] = ()
    kept: bool = False
    looked_ms: int = -1
    jobs: tuple[int, ...] = ()

    @staticmethod
    def opened_by(anomaly: Anomaly) -> "Case":
        """The case that an anomaly opens."""
        return Case(
            anomaly.cluster, incident_id(anomaly.subject, anomaly.kind, anomaly.t_ms),
            anomaly.kind, anomaly.subject, anomaly.rack, anomaly.severity,
            anomaly.t_ms, anomaly.evidence.t_ms, anomaly.t_ms,
        )  # fmt: skip

    @staticmethod
    def restored(incident: Incident) -> "Case":
        """The case behind an incident that was open when the worker before us ended; nothing is part of it yet."""
        return Case(
            incident.cluster, incident.id, incident.kind, incident.subject, incident.rack,
            incident.severity, incident.opened_ms, incident.first_tick_ms, incident.updated_ms,
            incident.cause, incident.step + 1,
            affected=incident.affected,
            throttle_at_ms=incident.throttle_at_ms, throttle_seen_ms=incident.throttle_seen_ms,
            jobs=incident.jobs,
        )  # fmt: skip

    @property
    def open(self) -> bool:
        """Whether it is not over."""
        return self.closed_ms is None

    @property
    def holds(self) -> bool:
        """Whether what it is called holds still; what only is unlike itself keeps no incident open but its own."""
        unnamed = self.top.key == "unknown"
        return any(
            unnamed or a.severity.pages or key_of(a.kind, a.detector) != "unknown"
            for a in self.active.values()
        )

    @property
    def top(self) -> Sight:
        """What names the cause: the most precise that was seen, and of equals the first."""
        return min(self.sights.values(), key=lambda s: (rank_of(s.key), s.first_ms, s.subject))

    def take(self, anomaly: Anomaly, topology: Topology, *, ends_ms: int | None = None) -> None:
        """An anomaly is part of it and holds."""
        member, sight = (anomaly.subject, anomaly.detector), sight_of(anomaly)
        if (known := self.sights.get(sight.key)) is None:
            self.sights[sight.key] = sight
        else:
            known.add(sight, topology)
        self.active[member] = anomaly
        if ends_ms is not None:
            self.ends_ms[member] = ends_ms
        if member in self.members or len(self.members) < MEMBERS_MAX:
            self.members[member] = anomaly
        if topology.level(anomaly.subject) <= Level.RACK:
            self.racks.setdefault(anomaly.rack)
        self.quiet_ms = None
        self.first_ms = min(self.first_ms, anomaly.evidence.t_ms)
        self.severity = worse(self.severity, anomaly.severity)
        self.updated_ms = max(self.updated_ms, anomaly.t_ms)
        if anomaly.throttle_at_ms is not None:
            told = self.throttle_at_ms
            self.throttle_at_ms = min(told or anomaly.throttle_at_ms, anomaly.throttle_at_ms)

    def swallow(self, other: "Case", topology: Topology) -> None:
        """Everything of another case is part of this one."""
        for key, sight in other.sights.items():
            if (known := self.sights.get(key)) is None:
                self.sights[key] = sight
            else:
                known.add(sight, topology)
        self.active |= other.active
        self.ends_ms |= other.ends_ms
        for member, anomaly in other.members.items():
            if len(self.members) < MEMBERS_MAX:
                self.members.setdefault(member, anomaly)
        self.racks |= other.racks
        self.affected = tuple(dict.fromkeys((*self.affected, *other.affected)))
        self.quiet_ms = None
        self.first_ms = min(self.first_ms, other.first_ms)
        self.severity = worse(self.severity, other.severity)
        seen = [t for t in (self.throttle_seen_ms, other.throttle_seen_ms) if t is not None]
        self.throttle_seen_ms = min(seen, default=None)
        self.least_lpm = min(self.least_lpm, other.least_lpm)

    def reopen(self) -> None:
        """The same trouble again: what is forecast and seen begins anew."""
        self.closed_ms = self.quiet_ms = self.throttle_at_ms = self.throttle_seen_ms = None
        self.least_lpm = math.inf
        self.worst = ()

    def causes(self) -> Iterator[Evidence]:
        """What names the cause, the most precise first."""
        told = [a for a in self.members.values() if a.detector not in OF_GPUS]
        told.sort(
            key=lambda a: (
                rank_of(key_of(a.kind, a.detector)),
                a.evidence.t_ms,
                a.subject,
                a.detector,
            )
        )
        for anomaly in told:
            yield anomaly.evidence

    def evidence(self) -> Iterable[Evidence]:
        """The cause's first, then the victims'."""
        yield from self.causes()
        yield from self.victims

    def record(self, why: str) -> Incident:
        """The next record of this incident."""
        out = Incident(
            cluster=self.cluster, id=self.id, step=self.step,
            state=State.OPEN if self.open else State.CLOSED,
            kind=self.kind, subject=self.subject, rack=self.rack, severity=self.severity,
            opened_ms=self.opened_ms, updated_ms=self.updated_ms, closed_ms=self.closed_ms,
            cause=self.cause, first_tick_ms=self.first_ms, affected=self.affected,
            evidence=tuple(self.evidence())[:EVIDENCE_MAX], throttle_at_ms=self.throttle_at_ms,
            throttle_seen_ms=self.throttle_seen_ms, why=why, jobs=self.jobs,
        )  # fmt: skip
        self.step += 1
        return out
