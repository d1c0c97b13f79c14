"""Half of the load by copies, where memory works hardest: HBM against its limit and its peers.

A recorded H200 has its HBM at 60 degC under copies and at 52 under matrix products at full power: contact of the memory
shows here or nowhere.
"""

import numpy as np

from coldplate.console.commission.causes import do
from coldplate.console.commission.evidence import Evidence
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import gpu, highest, listed, mean, middle, per_node
from coldplate.console.commission.procedure import Finding, Judged, Need, Step
from coldplate.wire.metric import Kind

PHASE = "half"


def _judge(evidence: Evidence, limits: Limits) -> Judged:
    span = evidence.spans[PHASE].settled()
    samples = gpu(span, evidence, "hbm_c")
    hbm, top = mean(samples), highest(samples)
    # A node with little flow is warm as a whole, which is its coupling's finding, not its memories'.
    usual = middle(hbm)
    of_node = np.maximum(per_node(hbm, evidence)[evidence.rack.node_of_gpu], usual)
    above = hbm - of_node
    findings = []
    for i in np.flatnonzero((top > limits.hbm_c) | (above > limits.hbm_above_peers_k)):
        subject, limit = evidence.rack.gpus[i], limits.hbm_above_peers_k
        what = f"HBM reaches {top[i]:.0f} degC, {above[i]:.1f} K above its peers, under copies"
        findings.append(Finding("hbm-contact", subject, what, do("hbm-contact", subject), float(above[i]), limit))  # fmt: skip
    return Judged(findings, {"hbm_c": listed(hbm, 2), "median_c": round(usual, 2)})


STEP = Step(
    "memory", "HBM under copies, half of the power", (PHASE,),
    (Need(Kind.GPU, "hbm_c"), Need(Kind.GPU, "power_w")), _judge,
)  # fmt: skip
