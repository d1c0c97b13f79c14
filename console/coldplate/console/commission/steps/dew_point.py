"""The supply stays above the dew point of the air, or plates and hoses drip."""

from coldplate.console.commission.causes import do
from coldplate.console.commission.evidence import Evidence
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import lowest
from coldplate.console.commission.procedure import Finding, Judged, Need, Step
from coldplate.wire.metric import Kind

PHASE = "idle"


def _judge(evidence: Evidence, limits: Limits) -> Judged:
    span, cdu = evidence.spans[PHASE], evidence.rack.cdu
    margin = float(lowest(span.get(Kind.CDU, "supply_c") - span.get(Kind.CDU, "dew_point_c"))[0])
    findings = []
    if margin < limits.dew_margin_k:
        what = f"the supply comes within {margin:.1f} K of the dew point"
        findings = [
            Finding("dew-point", cdu, what, do("dew-point", cdu), margin, limits.dew_margin_k)
        ]
    return Judged(findings, {"margin_k": round(margin, 2)})


STEP = Step(
    "dew-point", "the supply stays above the dew point", (PHASE,),
    (Need(Kind.CDU, "supply_c"), Need(Kind.CDU, "dew_point_c")), _judge,
)  # fmt: skip
