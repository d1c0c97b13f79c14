"""Synchronous steps: every GPU swings as its rack does, or something holds it up."""

import numpy as np

from coldplate.console.commission.causes import do
from coldplate.console.commission.evidence import Evidence
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import gpu, listed, mean, middle
from coldplate.console.commission.procedure import Finding, Judged, Need, Step
from coldplate.wire.metric import Kind

PHASE = "steps"


def _judge(evidence: Evidence, limits: Limits) -> Judged:
    span = evidence.spans[PHASE].settled()
    swing = mean(gpu(span, evidence, "swing_w"))
    usual = middle(swing)
    ratio = swing / usual if usual > 0 else np.full_like(swing, np.nan)
    findings = []
    for i in np.flatnonzero(np.abs(ratio - 1.0) > limits.swing_ratio):
        subject = evidence.rack.gpus[i]
        what = f"swings by {swing[i]:.0f} W, {ratio[i]:.0%} of its peers' {usual:.0f} W"
        findings.append(Finding("swing", subject, what, do("swing", subject), float(ratio[i]), limits.swing_ratio))  # fmt: skip
    return Judged(findings, {"swing_w": listed(swing, 1), "median_w": round(usual, 1)})


STEP = Step("swing", "every GPU follows synchronous steps", (PHASE,), (Need(Kind.GPU, "swing_w"),), _judge)  # fmt: skip
