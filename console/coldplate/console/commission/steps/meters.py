"""Flow meters of the nodes against the heat that their GPUs lose: who reads little flow and is not warm has a meter that lies.

R goes with flow as 0.008 q^-0.6 + 1 / (2 x 66.7 q), q in l/min of a GPU (facts of the recorded H200 and PG25), so what a
meter reads says how warm the node's eight GPUs must be. Half of that is the line between a meter and a restriction.
"""

import numpy as np
from numpy.typing import NDArray

from coldplate.console.commission.causes import do
from coldplate.console.commission.evidence import Evidence
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import (
    LOADS,
    listed,
    mean,
    middle,
    node,
    of_rack_ratio,
    one,
    per_node,
)
from coldplate.console.commission.procedure import Finding, Judged, Need, Step
from coldplate.wire.metric import Kind

F64 = NDArray[np.float64]

PHASE = "full"
READS_LOW = 0.05
"""A meter that reads so much less than its peers' is looked at."""

WARM = 0.05
"""A node so much warmer than the rack, whose meter reads well, is named: it is five deviations of eight GPUs' median."""

SUM_RATIO = 0.04
"""How far the sum of nodes may be from the unit's own meter (0.5 % of noise, 1 to 2 % of error each)."""


def rise(flow_ratio: F64, limits: Limits) -> F64:
    """How much R rises when flow falls to a share of design."""

    def wet(q: F64 | float) -> F64:
        return np.asarray(0.008 * np.power(q, -0.6) + 1.0 / (2.0 * 66.7 * np.asarray(q)))

    return np.asarray(
        (wet(np.maximum(flow_ratio, 0.02)) - wet(1.0)) / limits.r_design_k_per_w, np.float64
    )


def _judge(evidence: Evidence, limits: Limits) -> Judged:
    span, rack = evidence.spans[PHASE].settled(), evidence.rack
    flow = mean(node(span, evidence, "node_flow_lpm"))
    reads = flow / middle(flow)
    warm = per_node(of_rack_ratio(evidence), evidence) - 1.0
    must = rise(reads, limits)
    findings = []
    for i, subject in enumerate(rack.nodes):
        off = abs(reads[i] - 1.0)
        if off > READS_LOW and off > limits.flow_ratio and abs(warm[i]) < 0.5 * abs(must[i]):
            what = f"the meter reads {reads[i]:.0%} of its peers', the GPUs are {warm[i]:+.1%} warmer, {must[i]:+.1%} would follow"
            findings.append(Finding("flow-meter", subject, what, do("flow-meter", subject), float(reads[i]), 1.0))  # fmt: skip
        elif warm[i] > WARM and off <= limits.flow_ratio and warm[i] > 2.0 * must[i] + WARM / 2:
            what = f"its GPUs are {warm[i]:.1%} warmer than the rack's, its meter reads {reads[i]:.0%} of its peers'"
            findings.append(Finding("node-warm", subject, what, do("node-warm", subject), float(warm[i]), WARM))  # fmt: skip
    total = one(span, "flow_lpm") / float(flow.sum())
    if abs(total - 1.0) > SUM_RATIO:
        findings += _unit(total, rack.cdu, findings)
    return Judged(findings, {"warmer_ratio": listed(warm, 4), "unit_of_nodes_ratio": round(total, 4)})  # fmt: skip


def _unit(total: float, cdu: str, nodes: list[Finding]) -> list[Finding]:
    """The unit's meter, unless a node's explains the sum."""
    off = sum(1.0 - (f.value or 1.0) for f in nodes if f.cause == "flow-meter") / 8.0
    if abs(total - 1.0 - off) <= SUM_RATIO:
        return []
    what = f"the unit's meter reads {total:.0%} of the sum of its nodes'"
    return [Finding("flow-meter", cdu, what, do("flow-meter", cdu), total, 1.0)]


STEP = Step(
    "meters", "flow meters fit the heat and each other", LOADS,
    (Need(Kind.NODE, "node_flow_lpm"), Need(Kind.GPU, "gpu_c"), Need(Kind.GPU, "power_w"),
     Need(Kind.CDU, "supply_c"), Need(Kind.CDU, "flow_lpm")), _judge,
)  # fmt: skip
