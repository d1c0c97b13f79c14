"""Heat balance: what the water carries away against the electric heat that goes into it, within 5 %.

    P_water = rho cp V (T_return - T_supply) + C dT/dt

The second term is what the loop stores while it still warms: 35 l and its metal, 0.17 MJ a kelvin.
"""

from coldplate.console.commission.causes import do
from coldplate.console.commission.evidence import Evidence, Span
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import heat_w, one, w_per_k
from coldplate.console.commission.procedure import (
    NOT_MEASURED,
    Finding,
    Judged,
    Need,
    Result,
    Step,
)
from coldplate.wire.metric import Kind

PHASE = "full"
RETURN_SHARE = 0.2
STORED_RATIO = 0.1
"""With more of the heat than this going into the loop itself, its estimate is worth no 5 %."""


def _judge(evidence: Evidence, limits: Limits) -> Judged:
    span, cdu = evidence.spans[PHASE].settled(), evidence.rack.cdu
    electric = heat_w(span, evidence, limits.liquid_ratio)
    supply, back, flow = (one(span, m) for m in ("supply_c", "return_c", "flow_lpm"))
    stored = _stored_w(span, limits)
    carried = w_per_k(flow, 0.5 * (supply + back)) * (back - supply) + stored
    ratio = carried / electric
    findings = []
    if abs(stored) > STORED_RATIO * electric:
        what = f"the loop still stores {stored / 1000:+.1f} kW: it has not come to rest"
        findings = [Finding(NOT_MEASURED, cdu, what, "repeat the step with a longer full load", stored / electric, STORED_RATIO,
                            Result.NOT_MEASURABLE)]  # fmt: skip
    elif abs(ratio - 1.0) > limits.balance_ratio:
        what = f"water carries {carried / 1000:.1f} kW, {ratio:.0%} of {electric / 1000:.1f} kW of electric heat"
        findings = [Finding("heat-balance", cdu, what, do("heat-balance", cdu), ratio, limits.balance_ratio)]  # fmt: skip
    return Judged(findings, {"water_w": round(carried, 1), "electric_w": round(electric, 1), "ratio": round(ratio, 4), "delta_k": round(back - supply, 2)})  # fmt: skip


def _stored_w(span: Span, limits: Limits) -> float:
    third = max(1, span.ticks // 3)
    early, late = span.part(0, third), span.part(span.ticks - third)
    seconds = (span.ticks - third) * span.tick_s
    rise = [one(late, m) - one(early, m) for m in ("return_c", "supply_c")]
    warmed = RETURN_SHARE * rise[0] + (1.0 - RETURN_SHARE) * rise[1]
    capacity = 60.0 * w_per_k(limits.loop_l, one(span, "supply_c")) + limits.metal_j_per_k
    return capacity * warmed / max(seconds, span.tick_s)


STEP = Step(
    "balance", "heat in the water fits electric power", (PHASE,),
    (Need(Kind.NODE, "node_power_w"), *(Need(Kind.CDU, m) for m in ("supply_c", "return_c", "flow_lpm"))), _judge,
)  # fmt: skip
