"""Instruments that lie, and an inventory that names the wrong place.

The hall is well; one reading does not fit the rest, most of all the energy balance P = flow * cp * dT.
"""

from collections.abc import Mapping

from coldplate.twin.effects import SensorFault
from coldplate.twin.fault import Fault
from coldplate.twin.faults.kind import OWN_ONLY, Act, FaultKind, Told
from coldplate.wire.metric import Kind

OWN: Mapping[Kind, str] = {Kind.GPU: "gpu_c", Kind.NODE: "node_flow_lpm", Kind.CDU: "supply_c"}
"""The reading that goes wrong where the fault names none."""

SENSED = ("gpu", "cdu")


def _read(act: Act, mode: str, amount: float = 0.0, metric: str = "", other: str = "") -> None:
    """On the subject's own readings: it is a GPU or a CDU, never what stands under it."""
    kind = next(k for k in (Kind.CDU, Kind.NODE, Kind.GPU) if act.rows(k).size)
    name = act.fault.metric or metric or OWN[kind]
    act.effects.sensor_faults += [
        SensorFault(kind, name, int(row), mode, amount, other) for row in act.rows(kind)
    ]


def _stuck(act: Act) -> None:
    _read(act, "stuck")


def _drift(act: Act) -> None:
    _read(act, "bias", act.amount)


def _flow_drift(act: Act) -> None:
    _read(act, "gain", -act.amount, "" if act.rows(Kind.NODE).size == 1 else "flow_lpm")


def _spike(act: Act) -> None:
    _read(act, "spike", act.amount)


def _dropout(act: Act) -> None:
    _read(act, "dropout")


def _swapped(act: Act) -> None:
    """Supply reads return and the other way round."""
    row = int(act.rows(Kind.CDU)[0])
    act.effects.sensor_faults += [
        SensorFault(Kind.CDU, "supply_c", row, "swap", row, "return_c"),
        SensorFault(Kind.CDU, "return_c", row, "swap", row, "supply_c"),
    ]


def _rope(act: Act) -> None:
    _read(act, "bias", 1.0, "leak")


def _tell_rope(fault: Fault) -> tuple[Told, ...]:
    return (Told(0.0, "leak", text=fault.text or "leak rope reports contact"),)


def _wrong_place(act: Act) -> None:
    """A name that leads to another node: it says of its GPUs what the other's do, and the other does too."""
    nodes = act.find(Kind.NODE, "hall").size
    near = act.rows(Kind.GPU)
    other = (int(act.rows(Kind.NODE)[0]) + nodes // 2) % nodes
    far = near - near[0] + other * near.size
    act.effects.sensor_faults += [
        SensorFault(Kind.GPU, "", int(here), "swap", float(there))
        for here, there in zip(near, far, strict=True)
    ]


KINDS = (
    FaultKind(
        "gpu-sensor-stuck", "sensor", "a GPU's temperature stays what it was, whatever the load",
        ("gpu",), _stuck, per_day=0.2,
    ),
    FaultKind(
        "sensor-drift", "sensor", "a reading wanders off",
        SENSED, _drift, 0.5, 15.0, OWN_ONLY, ramp_s=300.0, hold_s=300.0, per_day=0.5,
    ),
    FaultKind(
        "flow-sensor-drift", "sensor", "a flow meter reads less and less",
        ("cdu", "node"), _flow_drift, 0.03, 0.6, OWN_ONLY, ramp_s=300.0, hold_s=300.0, per_day=0.5,
    ),
    FaultKind(
        "sensor-spike", "sensor", "single readings far off",
        SENSED, _spike, 3.0, 60.0, OWN_ONLY, per_day=1.0,
    ),
    FaultKind(
        "sensor-dropout", "sensor", "a reading is absent",
        SENSED, _dropout, reach=OWN_ONLY, per_day=1.0,
    ),
    FaultKind(
        "channels-swapped", "sensor", "a CDU's supply and return channels are swapped",
        ("cdu",), _swapped, reach=(Kind.CDU,), per_day=0.05,
    ),
    FaultKind(
        "leak-sensor-false", "sensor", "a leak rope with a false contact: nothing runs out",
        ("cdu",), _rope, reach=(Kind.CDU,), per_day=0.5, tells=_tell_rope,
    ),
    FaultKind(
        "inventory-wrong", "other", "a node is not where the inventory says: another's readings",
        ("node",), _wrong_place, per_day=0.1,
    ),
)  # fmt: skip
