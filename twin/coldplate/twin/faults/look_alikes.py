"""What looks like a fault and is none: nobody may be called for it.

Work that starts, stops or pauses, and what operators and seasons do. A job's start is an idle time that ends, so it
acts before its onset.
"""

from coldplate.twin.fault import Fault
from coldplate.twin.faults.kind import Act, FaultKind, Told
from coldplate.wire.metric import Kind

PLACES = ("node", "rack", "row", "hall")
POWERED = (Kind.GPU, Kind.NODE, Kind.RACK, Kind.CDU)
BESIDE_RATIO = 0.3
"""Load that is left while a checkpoint is written."""


def _idle(act: Act) -> None:
    act.effects.load_factor[act.rows(Kind.GPU)] = 0.0
    act.effects.node_off[act.rows(Kind.NODE)] = True


def _checkpoint(act: Act) -> None:
    act.effects.load_factor[act.rows(Kind.GPU)] *= BESIDE_RATIO


def _season(act: Act) -> None:
    act.effects.facility_delta_c += act.amount


def _rotation(act: Act) -> None:
    act.effects.duty_pump[act.rows(Kind.RACK)] = 1


def _filter_change(act: Act) -> None:
    """While one of two baskets is out, the other carries the flow."""
    act.effects.filter_clogged_ratio[act.rows(Kind.RACK)] = 0.3


def _reset(act: Act) -> None:
    act.effects.counters_reset[act.rows(Kind.GPU)] = True


def _update(act: Act) -> None:
    _idle(act)
    _reset(act)


def _tell_work(fault: Fault) -> tuple[Told, ...]:
    """Operators announce what they do."""
    return (Told(0.0, "maintenance", text=fault.text or fault.kind.removeprefix("healthy-")),)


KINDS = (
    FaultKind(
        "healthy-job-start", "healthy", "a job starts after its nodes were idle for a minute",
        PLACES, _idle, reach=POWERED, lead_s=60.0, hold_s=60.0, pages=False,
    ),
    FaultKind(
        "healthy-job-stop", "healthy", "a job ends and its nodes stand idle",
        PLACES, _idle, reach=POWERED, pages=False,
    ),
    FaultKind(
        "healthy-job-restart", "healthy", "a job ends and starts anew half a minute later",
        PLACES, _idle, reach=POWERED, hold_s=30.0, pages=False,
    ),
    FaultKind(
        "healthy-checkpoint", "healthy", "a job pauses to write a checkpoint",
        PLACES, _checkpoint, reach=POWERED, hold_s=20.0, pages=False,
    ),
    FaultKind(
        "healthy-drain", "healthy", "nodes are drained for maintenance",
        ("node", "rack"), _idle, reach=POWERED, hold_s=300.0, pages=False, tells=_tell_work,
    ),
    FaultKind(
        "healthy-season", "healthy", "facility water warms as the weather does",
        ("hall",), _season, 0.5, 6.0, (Kind.HALL, Kind.CDU), ramp_s=300.0, recovery_s=300.0,
        pages=False,
    ),
    FaultKind(
        "healthy-pump-rotation", "healthy", "a CDU changes over to its other pump, as it does each week",
        ("cdu",), _rotation, reach=(Kind.CDU,), pages=False,
    ),
    FaultKind(
        "healthy-filter-change", "healthy", "a filter basket is changed while the other carries the flow",
        ("cdu",), _filter_change, reach=(Kind.CDU,), pages=False, tells=_tell_work,
    ),
    FaultKind(
        "healthy-counter-reset", "healthy", "a driver reload: counters begin at 0 again",
        ("gpu", "node"), _reset, hold_s=1.0, pages=False,
    ),
    FaultKind(
        "healthy-firmware-update", "healthy", "a node is drained, updated and started anew",
        ("node", "rack"), _update, reach=POWERED, hold_s=300.0, pages=False, tells=_tell_work,
    ),
)  # fmt: skip
