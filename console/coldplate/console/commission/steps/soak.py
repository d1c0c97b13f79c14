"""The soak: R of every GPU at its end against full load before, and what held it down meanwhile."""

import numpy as np

from coldplate.console.commission.causes import do
from coldplate.console.commission.evidence import Evidence
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import gpu, listed, middle, resistance
from coldplate.console.commission.procedure import Finding, Judged, Need, Step
from coldplate.console.commission.steps.errors import grown
from coldplate.wire.metric import Kind

PHASES = ("full", "soak")
TICKS_END = 20
"""Of which the end is taken: whole degrees average out."""


def _judge(evidence: Evidence, limits: Limits) -> Judged:
    before, soak = evidence.spans[PHASES[0]].settled(), evidence.spans[PHASES[1]]
    ended = soak.part(soak.ticks - max(TICKS_END, soak.ticks // 20))
    began, r = resistance(before, evidence), resistance(ended, evidence)
    drift = r / began - 1.0
    # The loop's own change is everybody's.
    drift -= middle(drift)
    hot_s = grown(soak, evidence, "thermal_violation_s_total")
    findings = []
    for i in np.flatnonzero(drift > limits.drift_ratio):
        subject = evidence.rack.gpus[i]
        what = f"R rose by {drift[i]:.1%} over the soak"
        findings.append(Finding("r-drift", subject, what, do("r-drift", subject), float(drift[i]), limits.drift_ratio))  # fmt: skip
    for i in np.flatnonzero(hot_s > 0):
        subject = evidence.rack.gpus[i]
        what = f"held down by heat for {hot_s[i]:.1f} s of the soak"
        findings.append(Finding("throttled", subject, what, do("throttled", subject), float(hot_s[i]), 0.0))  # fmt: skip
    hours = round(soak.hours, 3)
    power = gpu(soak, evidence, "power_w")
    mean_w = float(np.nanmean(power)) if (~np.isnan(power)).any() else float("nan")
    return Judged(findings, {"hours": hours, "drift_ratio": listed(drift, 4), "mean_w": round(mean_w, 1)})  # fmt: skip


STEP = Step(
    "soak", "R over a long time at full load", PHASES,
    (Need(Kind.GPU, "gpu_c"), Need(Kind.GPU, "power_w"), Need(Kind.CDU, "supply_c")), _judge,
)  # fmt: skip
