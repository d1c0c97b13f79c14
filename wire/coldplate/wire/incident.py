"""What detection says: evidence, anomalies (a detector fired) and incidents (an episode with a cause).

Each change of an incident is one record in `coldplate.incidents`, whole, keyed by the incident's id;
the last record of an id is its state. The id is a pure function of the first subject, kind and tick, so
a worker that reads the same frames again opens the same incident.
"""

from enum import StrEnum
from hashlib import sha256

import msgspec


class Severity(StrEnum):
    """How bad, by consequence and time left. A page is `warning` or above."""

    INFO = "info"
    TICKET = "ticket"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def pages(self) -> bool:
        """True when somebody is woken up."""
        return self in (Severity.WARNING, Severity.CRITICAL)


class State(StrEnum):
    """Life of an incident."""

    OPEN = "open"
    CLOSED = "closed"


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """The numbers that made a detector fire, so that an incident can explain itself.

    Parameters
    ----------
    detector, subject, metric
        Which method saw what on which device.
    value, threshold, baseline
        In the metric's unit; None where the method has none.
    t_ms
        The tick.
    note
        One clause for a person.
    """

    detector: str
    subject: str
    metric: str
    t_ms: int
    value: float | None = None
    threshold: float | None = None
    baseline: float | None = None
    note: str = ""


class Anomaly(msgspec.Struct, frozen=True, omit_defaults=True):
    """A detector fired on a subject, or stopped firing.

    Parameters
    ----------
    kind
        Kind of fault it speaks for (design's fixed words, such as `pump-stop`).
    on
        True when it fired, False when it fell silent.
    rack
        The subject's rack, the record's key.
    severity
        What it would be alone.
    throttle_at_ms
        When the subject will throttle if nothing changes; None when the method does not forecast.
    arrived_ms
        Wall clock at which the worker had the tick; the delay promised is this against `t_ms`.
    """

    cluster: str
    detector: str
    kind: str
    subject: str
    rack: str
    t_ms: int
    on: bool
    severity: Severity
    evidence: Evidence
    throttle_at_ms: int | None = None
    arrived_ms: int | None = None

    @property
    def id(self) -> str:
        """Stable id of this change."""
        return f"{self.subject}/{self.detector}/{self.t_ms}/{'on' if self.on else 'off'}"


class Incident(msgspec.Struct, frozen=True, omit_defaults=True):
    """An episode with one cause.

    Parameters
    ----------
    id
        See `incident_id`.
    step
        Counts this incident's records from 0.
    kind, subject, rack
        The cause: what, on which device, in which rack (the record's partition key stays the id).
    opened_ms, updated_ms, closed_ms
        Event time of the tick that opened, last changed, closed it.
    cause
        One sentence for a person.
    affected
        Ids of devices it harms, most urgent first.
    evidence
        The cause's first, then the affected devices'.
    throttle_at_ms, throttle_seen_ms
        Forecast of the first throttling among the affected, and when it was seen.
    first_tick_ms
        The first tick that showed it.
    why
        What this record changed, and who or what did it.
    jobs
        Numbers of the jobs that it may stop, as GPUs tell them; only of kinds that a job feels.
    parts
        Ids under which several workers told of it, where it took more than one of them to see it.
    """

    cluster: str
    id: str
    step: int
    state: State
    kind: str
    subject: str
    rack: str
    severity: Severity
    opened_ms: int
    updated_ms: int
    cause: str
    first_tick_ms: int
    closed_ms: int | None = None
    affected: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    throttle_at_ms: int | None = None
    throttle_seen_ms: int | None = None
    why: str = ""
    jobs: tuple[int, ...] = ()
    parts: tuple[str, ...] = ()


def incident_id(subject: str, kind: str, tick_ms: int) -> str:
    """The id of the incident that `kind` on `subject` opens at a tick; 12 hexadecimal digits."""
    return sha256(f"{subject}\n{kind}\n{tick_ms}".encode()).hexdigest()[:12]
