"""A pump stops under full load: how deep and how long flow dips, and how much the GPUs warm.

Without flow a GPU at 700 W has eight seconds to its limit; with a spare that comes within a second or two it warms by a
kelvin or two.
"""

from typing import Any

import numpy as np

from coldplate.console.commission.causes import do
from coldplate.console.commission.evidence import Evidence, Span
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import gpu, highest, listed, mean, middle
from coldplate.console.commission.procedure import (
    NOT_MEASURED,
    Finding,
    Judged,
    Need,
    Result,
    Step,
)
from coldplate.wire.metric import Kind

PHASE, STOPPED, RESTORED = "failover", "stopped", "restored"
MANY = 0.25
"""When so many GPUs are too warm, it is the loop's doing."""


def _judge(evidence: Evidence, limits: Limits) -> Judged:
    span, rack = evidence.spans[PHASE], evidence.rack
    if STOPPED not in span.marks or RESTORED not in span.marks:
        none = Finding(NOT_MEASURED, rack.cdu, "nobody stopped a pump", "stop it, and repeat the step",
                       result=Result.NOT_MEASURABLE)  # fmt: skip
        return Judged((none,))
    at, until = (round(span.marks[m] / span.tick_s) for m in (STOPPED, RESTORED))
    before, while_off = span.part(0, max(at, 1)), span.part(at, max(until, at + 1))
    flow = while_off.get(Kind.CDU, "flow_lpm")[:, 0]
    usual = float(mean(before.get(Kind.CDU, "flow_lpm"))[0])
    low_s = float((flow < limits.failover_flow_ratio * usual).sum()) * span.tick_s
    dip = float(np.nanmin(flow)) / usual if (~np.isnan(flow)).any() else float("nan")
    rise = highest(gpu(while_off, evidence, "gpu_c")) - mean(gpu(before, evidence, "gpu_c"))
    figures: dict[str, Any] = {"dip_ratio": round(dip, 3), "low_s": low_s, "rise_k": listed(rise, 1), "median_rise_k": round(middle(rise), 2)}  # fmt: skip
    figures |= _course(span, evidence)
    warm = np.flatnonzero(rise > limits.failover_rise_k)
    findings = []
    if low_s > limits.failover_dip_s or len(warm) > MANY * len(rise):
        what = f"flow falls to {dip:.0%} and is low for {low_s:.0f} s; {len(warm)} GPUs warm by more than {limits.failover_rise_k:g} K"
        findings.append(Finding("failover-slow", rack.cdu, what, do("failover-slow", rack.cdu), low_s, limits.failover_dip_s))  # fmt: skip
    else:
        for i in warm:
            what = f"warms by {rise[i]:.1f} K while a pump is stopped"
            findings.append(Finding("failover-warm", rack.gpus[i], what, do("failover-warm", rack.gpus[i]), float(rise[i]), limits.failover_rise_k))  # fmt: skip
    return Judged(findings, figures)


def _course(span: Span, evidence: Evidence) -> dict[str, Any]:
    """For a picture: flow, and what the GPUs had between them, tick by tick; None where nothing was read."""
    gpus = gpu(span, evidence, "gpu_c")
    ends = [
        [round(float(v), 1) for v in np.percentile(row[~np.isnan(row)], (0, 5, 50, 95, 100))]
        if (~np.isnan(row)).any()
        else None
        for row in gpus
    ]
    flow = [None if np.isnan(f) else round(float(f), 2) for f in span.get(Kind.CDU, "flow_lpm")[:, 0]]  # fmt: skip
    return {
        "begin_ms": span.begin_ms, "tick_s": span.tick_s, "marks": dict(span.marks),
        "flow_lpm": flow, "gpu_c": ends,
    }  # fmt: skip


STEP = Step(
    "failover", "a pump stops under full load", (PHASE,),
    (Need(Kind.CDU, "flow_lpm"), Need(Kind.GPU, "gpu_c")), _judge,
)  # fmt: skip
