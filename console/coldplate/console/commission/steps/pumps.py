"""Each pump alone against its curve: H = n^2 H0 - a Q^2, from speed, pressures and flow.

The pump on duty runs alone at full load, the spare while the other is stopped. Head is what stands between return and
supply, and what filter and exchanger take. Flow is known twice (the unit's meter, the sum of its nodes'); only what both
say is held against a pump.
"""

import numpy as np
from numpy.typing import NDArray

from coldplate.console.commission.causes import do
from coldplate.console.commission.evidence import Evidence, Span
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import listed, middle, node
from coldplate.console.commission.procedure import Finding, Judged, Need, Step
from coldplate.wire.metric import Kind

F64 = NDArray[np.float64]

PHASES = ("full", "failover")
STANDS = 0.03
"""A pump below this share of rated speed stands."""

TICKS_MIN = 5
"""Of a pump alone, without which nothing is said of it."""


def heads(span: Span, evidence: Evidence, limits: Limits) -> tuple[F64, F64]:
    """Head as a share of the curve's, tick by tick, of pumps 1 and 2; NaN where the other one runs too."""
    design = limits.node_flow_lpm * len(evidence.rack.nodes)
    unit = span.get(Kind.CDU, "flow_lpm")[:, 0] / design
    nodes = node(span, evidence, "node_flow_lpm").sum(axis=1) / design
    delta, filtered = (span.get(Kind.CDU, m)[:, 0] for m in ("supply_kpa", "filter_kpa_delta"))
    measured = delta - span.get(Kind.CDU, "return_kpa")[:, 0] + filtered
    speed = [span.get(Kind.CDU, m)[:, 0] / limits.pump_rpm for m in ("pump1_rpm", "pump2_rpm")]
    # A change of speed shows in the flow before it shows in the head.
    calm = [np.abs(np.gradient(n)) < 0.02 if len(n) > 1 else np.zeros(len(n), bool) for n in speed]
    out = []
    for n, other, still in ((speed[0], speed[1], calm[0]), (speed[1], speed[0], calm[1])):
        alone = (n > 0.2) & (other < STANDS) & still
        both = [
            (measured + (limits.exchanger_kpa + limits.pump_fall_kpa) * q**2)
            / (limits.pump_shut_off_kpa * np.where(alone, n, np.nan) ** 2)
            for q in (unit, nodes)
        ]
        out.append(np.fmax(*both))
    return out[0], out[1]


def _judge(evidence: Evidence, limits: Limits) -> Judged:
    duty = heads(evidence.spans[PHASES[0]].settled(), evidence, limits)
    spare = heads(evidence.spans[PHASES[1]], evidence, limits)
    cdu, findings, shares = evidence.rack.cdu, [], []
    for number in (1, 2):
        alone = np.concatenate([duty[number - 1], spare[number - 1]])
        alone = alone[~np.isnan(alone)]
        share = middle(alone) if len(alone) >= TICKS_MIN else float("nan")
        shares.append(share)
        if share < 1.0 - limits.pump_head_ratio:
            what = f"pump {number} has {share:.0%} of the head of its curve"
            findings.append(Finding("weak-pump", cdu, what, do("weak-pump", cdu), share, 1.0 - limits.pump_head_ratio))  # fmt: skip
    return Judged(findings, {"head_of_curve_ratio": listed(np.array(shares), 4)})


STEP = Step(
    "pumps", "each pump alone against its curve", PHASES,
    tuple(Need(Kind.CDU, m) for m in ("pump1_rpm", "pump2_rpm", "supply_kpa", "return_kpa", "filter_kpa_delta", "flow_lpm")),
    _judge,
)  # fmt: skip
