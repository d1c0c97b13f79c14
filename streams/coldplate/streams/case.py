"""An incident while it lives: its causes, the devices it harms, and the records it gives off.

A case belongs to a group: everything that can have one cause, such as the coolant of one rack. Which
anomaly names the cause may change as evidence comes in; the id stays that of the first.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from coldplate.wire.incident import (
    Anomaly,
    Evidence,
    Incident,
    Severity,
    State,
    incident_id,
)

Group = tuple[str, str]
"""(what can share a cause, where), such as ("coolant", "rack-0003")."""

FORECAST = "forecast"
"""Stands as detector in the evidence of what is not measured but expected."""

OF_GPUS = ("margin", "thermal-slowdown")
"""Detectors that see what a cause does to GPUs, not the cause."""

_RANK = list(Severity)


def worse(a: Severity, b: Severity) -> Severity:
    """The more severe of two."""
    return max(a, b, key=_RANK.index)


@dataclass(slots=True)
class Case:
    """One open (or just closed) incident.

    Parameters
    ----------
    group
        What it collects.
    cluster, id, kind, subject, rack, severity
        As in `Incident`.
    opened_ms, first_ms
        Tick that opened it; first tick that showed it.
    cause
        The sentence for a person.
    active
        Anomalies that hold now, by (subject, detector).
    victims
        Evidence of harmed devices, most urgent first.
    least_lpm
        The least flow of the rack while it was open.
    worst
        The victims when they were most: what the closing record tells.
    """

    group: Group
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
    active: dict[tuple[str, str], Anomaly] = field(default_factory=dict)
    causes: dict[tuple[str, str], Evidence] = field(default_factory=dict)
    victims: tuple[Evidence, ...] = ()
    affected: tuple[str, ...] = ()
    throttle_at_ms: int | None = None
    throttle_seen_ms: int | None = None
    least_lpm: float = math.inf
    worst: tuple[Evidence, ...] = ()

    @staticmethod
    def opened_by(group: Group, anomaly: Anomaly) -> "Case":
        """The case that an anomaly opens."""
        return Case(
            group, anomaly.cluster,
            incident_id(anomaly.subject, anomaly.kind, anomaly.t_ms),
            anomaly.kind, anomaly.subject, anomaly.rack, anomaly.severity,
            anomaly.t_ms, anomaly.evidence.t_ms, anomaly.t_ms,
        )  # fmt: skip

    @staticmethod
    def restored(group: Group, incident: Incident) -> "Case":
        """The case behind an incident that was open when the worker before us ended.

        What its record says holds until a detector says that it does not any more.
        """
        out = Case(
            group, incident.cluster, incident.id, incident.kind, incident.subject, incident.rack,
            incident.severity, incident.opened_ms, incident.first_tick_ms, incident.updated_ms,
            incident.cause, incident.step + 1,
            affected=incident.affected,
            throttle_at_ms=incident.throttle_at_ms, throttle_seen_ms=incident.throttle_seen_ms,
        )  # fmt: skip
        for e in incident.evidence:
            if e.detector != FORECAST:
                out.active[e.subject, e.detector] = Anomaly(
                    incident.cluster, e.detector, incident.kind, e.subject, incident.rack,
                    e.t_ms, True, incident.severity, e,
                )  # fmt: skip
                if e.detector not in OF_GPUS:
                    out.causes[e.subject, e.detector] = e
        return out

    def reopen(self) -> None:
        """The same trouble again: what is forecast and seen begins anew."""
        self.closed_ms = self.throttle_at_ms = self.throttle_seen_ms = None
        self.least_lpm = math.inf
        self.worst = ()

    def evidence(self) -> Iterable[Evidence]:
        """The cause's first, then the victims'."""
        yield from self.causes.values()
        yield from self.victims

    def record(self, why: str) -> Incident:
        """The next record of this incident."""
        out = Incident(
            cluster=self.cluster, id=self.id, step=self.step,
            state=State.OPEN if self.closed_ms is None else State.CLOSED,
            kind=self.kind, subject=self.subject, rack=self.rack, severity=self.severity,
            opened_ms=self.opened_ms, updated_ms=self.updated_ms, closed_ms=self.closed_ms,
            cause=self.cause, first_tick_ms=self.first_ms, affected=self.affected,
            evidence=tuple(self.evidence()), throttle_at_ms=self.throttle_at_ms,
            throttle_seen_ms=self.throttle_seen_ms, why=why,
        )  # fmt: skip
        self.step += 1
        return out
