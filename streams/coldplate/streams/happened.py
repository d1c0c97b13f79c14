"""Urgent events as anomalies: at once, without waiting for a frame.

An event has no end: what it tells holds for a while, by when the detectors have taken over or it has come again.
"""

from dataclasses import dataclass

from coldplate.streams.causes import LEAK_CONTACT
from coldplate.streams.xid import meaning
from coldplate.wire.event import Event
from coldplate.wire.incident import Anomaly, Evidence, Severity

QUIET_MS = 180_000
"""NVIDIA Fleet Intelligence groups the XIDs of a node until 3 minutes of silence."""

TAKEN_OVER_MS = 60_000
"""By then the readings say themselves whether a rope is wet or a brake is pulled."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a kind of event is an anomaly of.

    Parameters
    ----------
    detector, kind, severity
        As in `Anomaly`; an XID's kind and severity are in its code.
    holds_ms
        For how long what it tells holds.
    """

    detector: str
    kind: str
    severity: Severity
    holds_ms: int = QUIET_MS


EVENTS = {
    "xid": Meaning("xid", "xid", Severity.INFO),
    "gpu_lost": Meaning("gpu-lost-event", "gpu-lost", Severity.WARNING),
    "needs_reset": Meaning("needs-reset", "unknown", Severity.WARNING),
    "leak": Meaning(LEAK_CONTACT, "slow-leak", Severity.CRITICAL, TAKEN_OVER_MS),
    "sink_lag": Meaning("sink-lag", "unknown", Severity.WARNING),
    "power_brake": Meaning("power-brake-event", "power-brake", Severity.CRITICAL, TAKEN_OVER_MS),
}
"""By the event's kind."""

ENDS = {"gpu_back": "gpu-lost-event"}
"""Events that end what another told: the detector of that one."""

HOLDS_MS = {m.detector: m.holds_ms for m in EVENTS.values()}
"""By detector: how long what an event told holds."""


def anomaly_of(event: Event) -> Anomaly | None:
    """What an event says is wrong, or is well again; None when it speaks of neither."""
    if (detector := ENDS.get(event.kind)) is not None:
        return _anomaly(event, detector, "gpu-lost", Severity.INFO, on=False)
    if (known := EVENTS.get(event.kind)) is None:
        return None
    if event.kind != "xid":
        return _anomaly(event, known.detector, known.kind, known.severity)
    if event.code is None:
        return None
    return _anomaly(event, f"xid-{event.code}", f"xid-{event.code}", meaning(event.code)[2])


def holds_ms(detector: str) -> int | None:
    """How long an anomaly of an event holds; None for a detector, which says itself when it is over."""
    return QUIET_MS if detector.startswith("xid-") else HOLDS_MS.get(detector)


def _anomaly(
    event: Event, detector: str, kind: str, severity: Severity, *, on: bool = True
) -> Anomaly:
    value = None if event.code is None else float(event.code)
    evidence = Evidence(detector, event.subject, event.kind, event.t_ms, value, note=event.text)
    return Anomaly(
        event.cluster, detector, kind, event.subject, event.rack, event.t_ms, on, severity, evidence,
    )  # fmt: skip
