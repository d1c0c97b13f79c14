"""The anomalies behind an incident's record: what a worker that takes over knows of what the one before it saw."""

from functools import cache

from coldplate.streams.detectors import defaults
from coldplate.streams.happened import EVENTS
from coldplate.streams.silence import SILENCE
from coldplate.streams.topology import Topology
from coldplate.wire.incident import Anomaly, Evidence, Incident
from coldplate.wire.metric import Kind


def anomaly_behind(incident: Incident, evidence: Evidence, topology: Topology) -> Anomaly:
    """What a detector had said, by the evidence that it left."""
    return Anomaly(
        incident.cluster, evidence.detector, _kind(incident, evidence, topology), evidence.subject,
        _rack(incident, evidence, topology), evidence.t_ms, True, incident.severity, evidence,
    )  # fmt: skip


def _kind(incident: Incident, evidence: Evidence, topology: Topology) -> str:
    detector = evidence.detector
    if detector.startswith("xid-"):
        return detector
    if detector == SILENCE:
        plant = evidence.subject in topology.devices(Kind.CDU, _rack(incident, evidence, topology))
        return "silent-cdu" if plant else "silent-node"
    known = _kinds().get(detector)
    return incident.kind if known is None else known


@cache
def _kinds() -> dict[str, str]:
    of_events = {m.detector: m.kind for m in EVENTS.values()}
    return of_events | {d.name: d.fault for d in defaults()}


def _rack(incident: Incident, evidence: Evidence, topology: Topology) -> str:
    racks = topology.racks(evidence.subject)
    return racks[0] if len(racks) == 1 else incident.rack
