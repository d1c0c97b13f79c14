"""Pumps: one that stops, wears, or draws vapour; and flow that is lost elsewhere in the loop.

Q ~ n, H ~ n^2; wear shows as less head at the same speed, cavitation as head that is lost and trembles, a closed
valve as flow that falls at full speed.
"""

from coldplate.twin.faults.kind import Act, FaultKind
from coldplate.wire.metric import Kind

CDU = ("cdu",)
LOOP = (Kind.CDU, Kind.NODE, Kind.GPU)
FLOW_LEFT_MIN = 1e-3
"""A loop that lets nothing at all through has no flow to solve for."""


def _stop(act: Act) -> None:
    """Up to severity 0.7 the spare comes up; above, it fails more and more."""
    racks, spare = act.rows(Kind.RACK), act.fault.spare_ratio
    if spare is None:
        spare = min((1.0 - act.fault.severity) / 0.3, 1.0)
    top = act.effects.pump_ratio_max
    top[act.fault.pump - 1, racks] = 0.0
    top[2 - act.fault.pump, racks] = spare


def _wear(act: Act) -> None:
    act.effects.pump_head_factor[act.fault.pump - 1, act.rows(Kind.RACK)] *= 1.0 - act.amount


def _cavitation(act: Act) -> None:
    act.effects.cavitation_ratio[act.rows(Kind.RACK)] = act.amount


def _flow_loss(act: Act) -> None:
    ratio = act.fault.flow_ratio
    lost = act.amount if ratio is None else (1.0 - ratio) * act.level
    act.effects.opening_ratio[act.rows(Kind.RACK)] *= max(1.0 - lost, FLOW_LEFT_MIN)


def _concentration(act: Act) -> None:
    """PG25 that was topped up with concentrate: 40 % by mass has about twice the viscosity."""
    act.effects.viscosity_factor[act.rows(Kind.RACK)] *= 1.0 + act.amount


KINDS = (
    FaultKind(
        "pump-stop", "pump", "a pump stops; its spare takes over, or reaches `spare_ratio` only",
        CDU, _stop, reach=LOOP, per_day=1.5,
    ),
    FaultKind(
        "pump-wear", "pump", "a pump's impeller wears: less head at the same speed",
        CDU, _wear, 0.03, 0.8, LOOP, ramp_s=300.0, recovery_s=30.0, hold_s=300.0, per_day=0.5,
    ),
    FaultKind(
        "cavitation", "pump", "vapour at the pumps' suction: head is lost and trembles",
        CDU, _cavitation, 0.02, 0.5, LOOP, ramp_s=20.0, recovery_s=5.0, per_day=0.1,
    ),
    FaultKind(
        "flow-loss", "pump", "a valve of the loop closes to `flow_ratio` of the flow",
        CDU, _flow_loss, 0.05, 0.95, LOOP, per_day=0.2,
    ),
    FaultKind(
        "coolant-over-concentration", "pump", "coolant topped up with concentrate: thicker, and it flows less",
        CDU, _concentration, 0.1, 3.0, LOOP, ramp_s=300.0, recovery_s=60.0, hold_s=300.0,
        per_day=0.05, label="flow-loss",
    ),
)  # fmt: skip
