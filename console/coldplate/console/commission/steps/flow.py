"""Flow of every node against design and its peers, before any load.

Half flow costs a GPU only 8 K, so no temperature shows a half-closed coupling: flow does. Air makes a flow tremble as it
moves, a restriction does not. A rack whose flow is wrong as a whole has either another pressure difference than designed
(its set point) or something in its way (a valve).
"""

import numpy as np

from coldplate.console.commission.causes import do
from coldplate.console.commission.evidence import Evidence
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import listed, mean, middle, node, one
from coldplate.console.commission.procedure import Finding, Judged, Need, Step
from coldplate.wire.metric import Kind

PHASE = "idle"


def _judge(evidence: Evidence, limits: Limits) -> Judged:
    span, rack = evidence.spans[PHASE], evidence.rack
    samples = node(span, evidence, "node_flow_lpm")
    flow = mean(samples)
    usual = middle(flow)
    deviation = np.sqrt(mean((samples - flow) ** 2)) / np.where(flow > 0, flow, np.nan)
    design_ratio = usual / limits.node_flow_lpm
    delta_ratio = (one(span, "supply_kpa") - one(span, "return_kpa")) / limits.delta_kpa
    findings = _of_rack(rack.cdu, design_ratio, delta_ratio, limits)
    peers = flow / usual
    for i in np.flatnonzero(np.abs(peers - 1.0) > limits.flow_ratio):
        subject = rack.nodes[i]
        what = f"{flow[i]:.2f} l/min is {peers[i]:.0%} of the rack's median {usual:.2f}"
        if peers[i] > 1.0:
            cause = "flow-meter"
        elif deviation[i] > limits.tremble_ratio:
            cause, what = "air-lock", f"{what}, and it trembles by {deviation[i]:.1%}"
        else:
            cause = "coupling"
        findings.append(Finding(cause, subject, what, do(cause, subject), float(peers[i]), 1.0 - limits.flow_ratio))  # fmt: skip
    share = flow / flow.sum()
    return Judged(findings, {
        "node_flow_lpm": listed(flow, 3), "share_ratio": listed(share, 4), "of_design_ratio": round(design_ratio, 4),
        "delta_of_design_ratio": round(delta_ratio, 4), "tremble_ratio": listed(deviation, 4),
    })  # fmt: skip


def _of_rack(cdu: str, flow_ratio: float, delta_ratio: float, limits: Limits) -> list[Finding]:
    if abs(delta_ratio - 1.0) > limits.delta_ratio:
        what = (
            f"pressure from supply to return is {delta_ratio:.0%} of design, flow {flow_ratio:.0%}"
        )
        return [Finding("flow-set-point", cdu, what, do("flow-set-point", cdu), delta_ratio, 1.0 - limits.delta_ratio)]  # fmt: skip
    if abs(flow_ratio - 1.0) > limits.flow_ratio:
        what = f"flow is {flow_ratio:.0%} of design at {delta_ratio:.0%} of its pressure"
        return [Finding("flow-valve", cdu, what, do("flow-valve", cdu), flow_ratio, 1.0 - limits.flow_ratio)]  # fmt: skip
    return []


STEP = Step(
    "flow", "flow of every node against design and peers", (PHASE,),
    (Need(Kind.NODE, "node_flow_lpm"), Need(Kind.CDU, "supply_kpa"), Need(Kind.CDU, "return_kpa")), _judge,
)  # fmt: skip
