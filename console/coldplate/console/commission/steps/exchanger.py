"""The heat exchanger: which approach it would have at full heat and design flows, from its conductance now.

Its valve holds the supply where it is wanted, so the approach as it stands says little. With the temperatures of both
sides and the heat, UA = Q / LMTD; films thin with flow^0.75 on either side, half of the resistance each. At design

    approach = d / (exp(d UA / Q) - 1),   d = Q / W_coolant - Q / W_water

Flows come from heat and temperatures, so no flow meter can make a good exchanger look bad.
"""

import math

from coldplate.console.commission.causes import do
from coldplate.console.commission.evidence import Evidence
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import heat_w, one, w_per_k
from coldplate.console.commission.procedure import Finding, Judged, Need, Step
from coldplate.wire.metric import Kind

PHASE = "soak"
WATER_W_PER_K_LPM = 996.0 * 4180.0 / 60_000.0
FILM = 0.75


def approach_k(evidence: Evidence, limits: Limits) -> float:
    """At full heat and design flows; NaN where the temperatures cannot be those of an exchanger."""
    span = evidence.spans[PHASE].settled()
    heat = heat_w(span, evidence, limits.liquid_ratio)
    supply, back, cold, warm = (
        one(span, m) for m in ("supply_c", "return_c", "facility_supply_c", "facility_return_c")
    )
    ends = back - warm, supply - cold
    if not (min(ends) > 0.0 and back > supply and warm > cold and heat > 0.0):
        return float("nan")
    lmtd = (
        ends[0]
        if abs(ends[0] - ends[1]) < 1e-3
        else (ends[0] - ends[1]) / math.log(ends[0] / ends[1])
    )
    coolant = w_per_k(limits.node_flow_lpm * len(evidence.rack.nodes), supply)
    water = WATER_W_PER_K_LPM * limits.facility_flow_ratio * limits.node_flow_lpm * len(evidence.rack.nodes)  # fmt: skip
    films = (coolant * (back - supply) / heat) ** FILM + (water * (warm - cold) / heat) ** FILM
    ua = 0.5 * heat / lmtd * films
    d = limits.full_w / coolant - limits.full_w / water
    return d / math.expm1(d * ua / limits.full_w) if abs(d) > 1e-6 else limits.full_w / ua


def _judge(evidence: Evidence, limits: Limits) -> Judged:
    cdu, approach = evidence.rack.cdu, approach_k(evidence, limits)
    findings = []
    if approach > limits.approach_k:
        what = f"the approach at full heat is {approach:.1f} K"
        findings = [Finding("fouled-exchanger", cdu, what, do("fouled-exchanger", cdu), approach, limits.approach_k)]  # fmt: skip
    return Judged(findings, {"approach_k": round(approach, 2)})


STEP = Step(
    "exchanger", "the approach at full heat", (PHASE,),
    (Need(Kind.NODE, "node_power_w"),
     *(Need(Kind.CDU, m) for m in ("supply_c", "return_c", "facility_supply_c", "facility_return_c"))), _judge,
)  # fmt: skip
