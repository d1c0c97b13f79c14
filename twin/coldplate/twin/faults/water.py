"""Families filter, exchanger, supply and condensation: the CDU's other parts, and the water outside it.

A filter's pressure difference goes with 1/(1-c)^2; a fouled exchanger shows as a wider approach and a valve that
opens; without facility water a full rack warms by 0.38 K/s.
"""

from coldplate.twin.faults.kind import Act, FaultKind
from coldplate.wire.metric import Kind

CDU = ("cdu",)
ALL_OF_IT = (Kind.CDU, Kind.GPU)
FROM_HALL = (Kind.HALL, Kind.CDU, Kind.GPU)
VALVE_RATIO = 0.5
"""Where a facility valve usually stands under load."""


def _filter(act: Act) -> None:
    act.effects.filter_clogged_ratio[act.rows(Kind.RACK)] = act.amount


def _exchanger(act: Act) -> None:
    act.effects.exchanger_factor[act.rows(Kind.RACK)] *= 1.0 - act.amount


def _valve(act: Act) -> None:
    act.effects.valve_stuck_ratio[act.rows(Kind.RACK)] = VALVE_RATIO * (1.0 - act.amount)


def _set_point(act: Act) -> None:
    act.effects.set_point_delta_c[act.rows(Kind.RACK)] += act.amount


def _facility_loss(act: Act) -> None:
    act.effects.facility_flow_factor[act.rows(Kind.RACK)] *= 1.0 - act.amount


def _facility_warm(act: Act) -> None:
    act.effects.facility_delta_c += act.amount


def _condensation(act: Act) -> None:
    act.effects.dew_point_delta_c += act.amount


KINDS = (
    FaultKind(
        "filter-clog", "filter", "the filter clogs: its pressure difference rises, then flow falls",
        CDU, _filter, 0.05, 0.95, ALL_OF_IT, ramp_s=300.0, recovery_s=5.0, hold_s=300.0, per_day=8.0,
    ),
    FaultKind(
        "exchanger-fouling", "exchanger", "the heat exchanger fouls: its approach widens, the valve opens",
        CDU, _exchanger, 0.08, 0.95, ALL_OF_IT, ramp_s=300.0, recovery_s=30.0, hold_s=300.0, per_day=0.3,
    ),
    FaultKind(
        "valve-stuck", "exchanger", "the facility valve is stuck where it lets too little through",
        CDU, _valve, 0.1, 1.0, ALL_OF_IT, per_day=0.3,
    ),
    FaultKind(
        "supply-set-point-error", "supply", "somebody set the supply temperature too high",
        CDU, _set_point, 1.0, 35.0, ALL_OF_IT, hold_s=300.0, per_day=0.2,
    ),
    FaultKind(
        "facility-water-loss", "supply", "facility water fails; the pumps run on",
        ("hall", "row", "cdu"), _facility_loss, 0.3, 1.0, ALL_OF_IT, ramp_s=5.0, recovery_s=10.0, per_day=0.01,
    ),
    FaultKind(
        "facility-water-warm", "supply", "facility water comes too warm",
        ("hall",), _facility_warm, 2.0, 35.0, FROM_HALL, ramp_s=120.0, recovery_s=120.0, hold_s=300.0, per_day=0.05,
    ),
    FaultKind(
        "condensation-risk", "condensation", "the hall's air grows damp: the dew point nears the supply",
        ("hall",), _condensation, 5.0, 20.0, (Kind.CDU,), ramp_s=300.0, recovery_s=300.0, hold_s=300.0, per_day=0.05,
    ),
)  # fmt: skip
