"""Leaks: coolant that runs out, and the rope that gets wet from it.

Level and static pressure fall and make-up counts; a rope tells once some 0.2 l lie on the floor, seconds after they
reached it (estimates).
"""

import math

from coldplate.twin.fault import Fault
from coldplate.twin.faults.kind import Act, FaultKind, Told
from coldplate.wire.metric import Kind

ROPE_L, DRIP_S = 0.2, 3.0


def _leak(act: Act) -> None:
    racks = act.rows(Kind.RACK)
    act.effects.leak_lpm[racks] += act.amount
    act.effects.rope_wet[racks] |= act.since_s >= _rope_after_s(act.fault)


def _rope_after_s(fault: Fault) -> float:
    """When so much has run out that the rope is wet: lpm / 60 * (t - ramp / 2), or t^2 / 2 ramp while it grows."""
    lpm = next(k for k in KINDS if k.name == fault.kind).amount(fault.severity)
    ramp_s, still_s = fault.ramp_s or 0.0, 60.0 * ROPE_L / lpm
    grown = still_s >= ramp_s / 2.0
    return DRIP_S + (still_s + ramp_s / 2.0 if grown else math.sqrt(2.0 * ramp_s * still_s))


def _tell_leak(fault: Fault) -> tuple[Told, ...]:
    return (Told(_rope_after_s(fault), "leak", text=fault.text or "leak rope is wet"),)


KINDS = (
    FaultKind(
        "slow-leak", "leak", "a coupling drips: level and pressure fall, make-up counts",
        ("cdu",), _leak, 0.002, 0.5, (Kind.CDU,), ramp_s=60.0, hold_s=900.0, per_day=0.02,
        tells=_tell_leak,
    ),
    FaultKind(
        "burst-leak", "leak", "a hose bursts: litres a minute run out",
        ("cdu",), _leak, 1.0, 30.0, (Kind.CDU, Kind.GPU), per_day=0.005, tells=_tell_leak,
    ),
)  # fmt: skip
