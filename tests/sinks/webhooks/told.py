"""Incidents as detection tells them, and messages about them, for the tests of formats and receivers."""

from dataclasses import dataclass

from coldplate.sinks.webhooks.config import Links
from coldplate.sinks.webhooks.labels import labels_of
from coldplate.sinks.webhooks.message import Message, Phase, Told
from coldplate.sinks.webhooks.text import text_of
from coldplate.wire.incident import Evidence, Incident, Severity, State, incident_id
from coldplate.wire.inventory import generate

T0_MS = 1_790_000_000_000
NOW_S = T0_MS / 1000 + 12.0
CLUSTER = "hall-a"
LINKS = Links(
    dashboards="https://grafana.example.org", runbooks="https://wiki.example.org/coldplate"
)
INVENTORY = generate(60)
HOSTILE = (
    'rack "7" <!channel> & <http://evil.example|here>\r\nX-Evil: 1\t*bold* `x` ${title} \\ … ü 漢'
)
"""What somebody may have called a rack."""


def pump_stop(rack: str = "rack-0003", *, severity: Severity = Severity.CRITICAL, step: int = 0, **changed) -> Incident:  # fmt: skip
    """A pump that stopped: 64 GPUs will throttle."""
    cdu = f"{rack}/cdu"
    fields = {
        "cluster": CLUSTER, "id": incident_id(cdu, "pump-stop", T0_MS), "step": step, "state": State.OPEN,
        "kind": "pump-stop", "subject": cdu, "rack": rack, "severity": severity,
        "opened_ms": T0_MS + 2000, "updated_ms": T0_MS + 2000 + 1000 * step, "first_tick_ms": T0_MS,
        "cause": f"Pump 1 of {cdu} stands still; flow fell from 62 to 21 L/min within 3 s.",
        "affected": tuple(f"{rack}/node-{n}/gpu-{g}" for n in range(8) for g in range(8)),
        "evidence": (
            Evidence("pump-speed", cdu, "pump1_rpm", T0_MS + 1000, 0.0, 500.0, 3012.0, "stands while power is drawn"),
            Evidence("flow-loss", cdu, "flow_lpm", T0_MS + 2000, 21.4, 40.0, 62.3),
        ),
        "throttle_at_ms": T0_MS + 9000, "throttle_seen_ms": T0_MS + 2000,
        "why": "opened by pump-speed",
    }  # fmt: skip
    return Incident(**(fields | changed))


def fouling(gpu: str = "rack-0003/node-5/gpu-2", **changed) -> Incident:
    """A cold plate that fouls: one GPU, days to go."""
    fields = {
        "cluster": CLUSTER, "id": incident_id(gpu, "cold-plate-fouling", T0_MS), "step": 0, "state": State.OPEN,
        "kind": "cold-plate-fouling", "subject": gpu, "rack": gpu.partition("/")[0], "severity": Severity.TICKET,
        "opened_ms": T0_MS, "updated_ms": T0_MS, "first_tick_ms": T0_MS - 3_600_000,
        "cause": f"The thermal resistance of {gpu} has risen by 0.012 K/W within 9 days.",
        "affected": (gpu,),
        "evidence": (Evidence("thermal-path", gpu, "gpu_c", T0_MS, 71.0, 66.0, 58.5),),
    }  # fmt: skip
    return Incident(**(fields | changed))


def ended(incident: Incident, after_s: float = 60.0) -> Incident:
    """The incident, closed so long after it was opened."""
    closed_ms = incident.opened_ms + round(after_s * 1000)
    values = {name: getattr(incident, name) for name in incident.__struct_fields__}
    return Incident(**(values | {
        "state": State.CLOSED, "closed_ms": closed_ms, "updated_ms": closed_ms,
        "step": incident.step + 1, "why": "silent for 30 s",
    }))  # fmt: skip


def told(incident: Incident, phase: Phase = Phase.OPENED, **changed) -> Told:
    """One incident of a message, in the product's own words and with its labels."""
    labels = labels_of(incident, INVENTORY)
    text = text_of(incident, labels, incident.updated_ms + 1000, links=LINKS)
    return Told(
        **({"incident": incident, "phase": phase, "labels": labels, "text": text} | changed)
    )


def message(*parts: Told, **changed) -> Message:
    """A message about them; without any a heartbeat."""
    fields = {
        "id": "msg_0f3a5c7e9b1d", "cluster": CLUSTER, "receiver": "oncall",
        "route": "the-rest" if parts else "heartbeat",
        "group": parts[0].incident.id if parts else "heartbeat", "number": 0, "t_ms": T0_MS + 3000,
        "told": parts,
    }  # fmt: skip
    return Message(**(fields | changed))


@dataclass(frozen=True)
class Large:
    """Far more than an incident of a hall says."""

    evidence: int = 400
    affected: int = 2000

    def incident(self) -> Incident:
        long = "the flow sensor says otherwise " * 40
        return pump_stop(
            cause=long * 3,
            affected=tuple(f"rack-{r:04d}/node-0/gpu-0" for r in range(self.affected)),
            evidence=tuple(
                Evidence("flow-loss", f"rack-{r:04d}/cdu", "flow_lpm", T0_MS, 21.4, 40.0, 62.3, long)
                for r in range(self.evidence)
            ),
        )  # fmt: skip
