"""After a restart: every GPU is back, with its links and without a row that waits to be remapped."""

import numpy as np

from coldplate.console.commission.causes import do
from coldplate.console.commission.evidence import Evidence
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import gpu, highest
from coldplate.console.commission.procedure import Finding, Judged, Need, Step, present
from coldplate.console.commission.steps.errors import links, xids
from coldplate.wire.metric import Kind

PHASE, BEFORE = "restart", "idle"


def _judge(evidence: Evidence, limits: Limits) -> Judged:
    span, rack = evidence.spans[PHASE], evidence.rack
    power = Need(Kind.GPU, "power_w")
    was = present(evidence.spans[BEFORE], power, len(rack.gpus), limits.coverage_ratio)
    # Nodes take minutes to come back: the last third is what counts.
    end = span.part(2 * span.ticks // 3)
    there = present(end, power, len(rack.gpus), limits.coverage_ratio)
    heard = {g.rpartition("/")[0] for g in np.array(rack.gpus)[there]}
    findings = [
        Finding("gpu-lost", g, "it did not come back after the restart", do("gpu-lost", g))
        for i, g in enumerate(rack.gpus)
        if was[i] and not there[i] and g.rpartition("/")[0] in heard
    ]
    pending = np.fmax(*(highest(gpu(end, evidence, m)) for m in ("remap_pending", "remap_failed")))
    for i in np.flatnonzero(pending > 0):
        g = rack.gpus[i]
        findings.append(Finding("marginal-hbm", g, "a row waits to be remapped after the restart", do("marginal-hbm", g)))  # fmt: skip
    lost = {f.subject for f in findings if f.cause == "gpu-lost"}
    found = (*links(end, evidence, limits), *xids(span, limits))
    findings += [f for f in found if not (f.cause == "gpu-lost" and f.subject in lost)]
    return Judged(findings, {"back": int(there.sum()), "of": len(rack.gpus)})


STEP = Step(
    "restart", "every GPU comes back from a restart", (BEFORE, PHASE),
    (Need(Kind.GPU, "pcie_width"), Need(Kind.GPU, "power_w")), _judge,
)  # fmt: skip
