"""The filter is clean after flushing: its pressure difference, brought to design flow by the square law.

Flow is known twice, by the unit's meter and by the sum of its nodes'. A meter that lies makes one of the two figures
wrong; only what both say is held against the filter.
"""

from coldplate.console.commission.causes import do
from coldplate.console.commission.evidence import Evidence
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import mean, node, one
from coldplate.console.commission.procedure import Finding, Judged, Need, Step
from coldplate.wire.metric import Kind

PHASE = "idle"


def _judge(evidence: Evidence, limits: Limits) -> Judged:
    span, cdu = evidence.spans[PHASE], evidence.rack.cdu
    design = limits.node_flow_lpm * len(evidence.rack.nodes)
    flows = (one(span, "flow_lpm"), float(mean(node(span, evidence, "node_flow_lpm")).sum()))
    kpa = one(span, "filter_kpa_delta")
    clean = [kpa * (design / max(f, 0.01 * design)) ** 2 / limits.filter_clean_kpa for f in flows]
    # An absent sum leaves the unit's own meter alone.
    ratio = min(c for c in clean if c == c) if any(c == c for c in clean) else float("nan")  # noqa: PLR0124  NaN is not itself
    findings = []
    if ratio > limits.filter_ratio:
        what = f"{kpa:.1f} kPa over the filter is {ratio:.2f} of a clean one's at this flow"
        findings = [
            Finding(
                "clogged-filter",
                cdu,
                what,
                do("clogged-filter", cdu),
                ratio,
                limits.filter_ratio,
            )
        ]
    return Judged(findings, {"filter_kpa": round(kpa, 2), "of_clean_ratio": round(ratio, 3)})


STEP = Step(
    "filter", "the filter is clean after flushing", (PHASE,),
    (Need(Kind.CDU, "filter_kpa_delta"), Need(Kind.CDU, "flow_lpm")), _judge,
)  # fmt: skip
