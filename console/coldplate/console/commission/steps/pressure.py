"""Pressure hold: what the loop loses of its absolute pressure, corrected for temperature.

The gas cushion of the vessel obeys p V = const. Coolant that warms expands into it: 35 l by 10 K press 4 l of gas at
250 kPa up by 11 kPa, five times what the limit allows as a loss, so the pressure that the temperatures alone would give
is taken off first. Return pressure is the pumps' suction and so the static pressure of the loop; 1 l lost is -50 kPa.
"""

import numpy as np

from coldplate.console.commission.causes import do
from coldplate.console.commission.evidence import Evidence, Span
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import expansion_l, one
from coldplate.console.commission.procedure import Finding, Judged, Need, Step
from coldplate.wire.metric import Kind

PHASE = "hold"
END_SHARE = 6
"""A sixth of the hold at either end is averaged: gauges have 0.3 kPa of noise."""

RETURN_SHARE = 0.2
"""Of the loop that is as warm as the return."""


def drop_ratio(span: Span, limits: Limits) -> float:
    """Share of the absolute pressure that is lost beyond what temperature explains."""
    ends = max(1, span.ticks // END_SHARE)
    before, after = span.part(0, ends), span.part(span.ticks - ends)
    began, ended = one(before, "return_kpa"), one(after, "return_kpa")
    cold, warm = _loop_c(before), _loop_c(after)
    grown = expansion_l(limits.loop_l, cold, warm)
    expected = began * limits.gas_l / max(limits.gas_l - grown, 0.1 * limits.gas_l)
    # From the middle of one end to the middle of the other; the hold is longer.
    return (expected - ended) / began * span.ticks / max(span.ticks - ends, 1)


def _loop_c(span: Span) -> float:
    return RETURN_SHARE * one(span, "return_c") + (1.0 - RETURN_SHARE) * one(span, "supply_c")


def _judge(evidence: Evidence, limits: Limits) -> Judged:
    span, cdu = evidence.spans[PHASE], evidence.rack.cdu
    lost = drop_ratio(span, limits)
    makeup = span.get(Kind.CDU, "makeup_l_total")
    added_l = float(np.nanmax(makeup) - np.nanmin(makeup)) if (~np.isnan(makeup)).any() else 0.0
    figures = {"start_kpa": round(one(span.part(0, 5), "return_kpa"), 1), "drop_ratio": round(lost, 5), "made_up_l": round(added_l, 3)}  # fmt: skip
    findings = []
    if lost > limits.hold_drop_ratio or added_l > 0.01:
        made_up = f", and {added_l:.2f} l were made up" if added_l > 0.01 else ""
        what = (
            f"pressure fell by {lost:.1%} after correction for {span.hours * 60:.0f} min{made_up}"
        )
        findings = [Finding("leak", cdu, what, do("leak", cdu), lost, limits.hold_drop_ratio)]
    return Judged(findings, figures)


STEP = Step(
    "pressure", "the loop holds its pressure, corrected for temperature", (PHASE,),
    tuple(Need(Kind.CDU, m) for m in ("return_kpa", "supply_c", "return_c")), _judge,
)  # fmt: skip
