"""Full load: R of every GPU against its rack's median, what holds it down, and the rack against the fleet so far.

R = (T_gpu - T_supply) / P is what acceptance rests on, for a badly cooled GPU still draws three quarters of its power and
passes a test of power. It is compared by how a GPU warms from idle to full load, which no offset of a sensor moves. A
node with little flow is warm as a whole; its GPUs are held against each other then.
"""

import numpy as np
from numpy.typing import NDArray

from coldplate.console.commission.causes import do
from coldplate.console.commission.evidence import Evidence, Span
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import (
    LOADS,
    gpu,
    highest,
    listed,
    mean,
    middle,
    of_rack_ratio,
    per_node,
    resistance,
)
from coldplate.console.commission.procedure import Finding, Judged, Need, Step
from coldplate.wire.metric import Kind

F64 = NDArray[np.float64]

PHASE = "full"
NODE_APART = 0.03
"""A node whose median is so far above the rack's is compared within itself: eight GPUs scatter by a third of that."""

RACKS_MIN = 5
"""Racks before this one without which there is no fleet to compare with."""


def of_peers(ratio: F64, evidence: Evidence) -> F64:
    """Each GPU's R, a share of its rack's median, held against its node's median where that is apart."""
    of_node = per_node(ratio, evidence)
    of_node = np.where(of_node > 1.0 + NODE_APART, of_node, 1.0)
    out: F64 = ratio / of_node[evidence.rack.node_of_gpu]
    return out


def _judge(evidence: Evidence, limits: Limits) -> Judged:
    span = evidence.spans[PHASE].settled()
    r = resistance(span, evidence)
    ratio = of_peers(of_rack_ratio(evidence), evidence)
    findings = []
    for i in np.flatnonzero(np.abs(ratio - 1.0) > limits.r_ratio):
        subject = evidence.rack.gpus[i]
        cause = "bad-paste" if ratio[i] > 1.0 else "gpu-sensor"
        limit = 1.0 + limits.r_ratio if ratio[i] > 1.0 else 1.0 - limits.r_ratio
        what = (
            f"R is {r[i]:.4f} K/W at full load, and {ratio[i]:.0%} of its peers' from idle to full"
        )
        findings.append(Finding(cause, subject, what, do(cause, subject), float(ratio[i]), limit))
    usual = middle(r)
    findings += [*_fleet(usual, evidence, limits), *held_down(span, evidence, limits)]
    power = mean(gpu(span, evidence, "power_w"))
    return Judged(findings, {
        "r_k_per_w": listed(r), "of_peers_ratio": listed(ratio, 4), "median_k_per_w": round(usual, 5), "power_w": listed(power, 1),
        "hottest_c": round(float(np.max(np.nan_to_num(highest(gpu(span, evidence, "gpu_c"))))), 1),
    })  # fmt: skip


def _fleet(usual: float, evidence: Evidence, limits: Limits) -> list[Finding]:
    before = evidence.fleet.r_k_per_w
    if len(before) < RACKS_MIN:
        return []
    ratio = usual / float(np.median(before))
    if ratio <= 1.0 + limits.fleet_ratio:
        return []
    cdu = evidence.rack.cdu
    what = f"the median GPU has {ratio:.0%} of the resistance of {len(before)} racks before"
    return [Finding("rack-warm", cdu, what, do("rack-warm", cdu), ratio, 1.0 + limits.fleet_ratio)]


def held_down(span: Span, evidence: Evidence, limits: Limits) -> list[Finding]:
    """GPUs with a reason that is none of the allowed, or less power or clock than their peers at like load."""
    bits = gpu(span, evidence, "clock_event_reasons")
    reasons = np.nan_to_num(bits).astype(np.int64) & ~np.int64(limits.reasons_allowed)
    power, clock = (mean(gpu(span, evidence, m)) for m in ("power_w", "sm_clock_mhz"))
    findings = []
    for i, subject in enumerate(evidence.rack.gpus):
        seen = np.bitwise_or.reduce(reasons[:, i])
        if seen:
            what = f"held down under full load: reasons 0x{seen:x}"
            findings.append(Finding("throttled", subject, what, do("throttled", subject)))
        for cause, values, share, unit in (
            ("low-power", power, limits.power_ratio, "W"),
            ("slow-clock", clock, limits.clock_ratio, "MHz"),
        ):
            of_peers = values[i] / middle(values)
            if of_peers < 1.0 - share:
                what = f"{values[i]:.0f} {unit} is {of_peers:.0%} of its peers' at like load"
                findings.append(
                    Finding(cause, subject, what, do(cause, subject), float(of_peers), 1.0 - share)
                )
    return findings


STEP = Step(
    "plates", "R, power, clock and reasons of every GPU at full load", LOADS,
    (*(Need(Kind.GPU, m) for m in ("gpu_c", "power_w", "sm_clock_mhz", "clock_event_reasons")), Need(Kind.CDU, "supply_c")),
    _judge,
)  # fmt: skip
