"""Power: brakes, caps, supplies and feeds, and a load that swings or ramps as the grid does not like it.

Electricity reaches a rack over two feeds and a node over several supplies: one less is seen in power and warmth,
not in the work. Swings of 0.1 to 20 Hz and ramps of some MW/s are what a utility limits.
"""

import numpy as np

from coldplate.twin.fault import Fault
from coldplate.twin.faults.kind import Act, FaultKind, Told
from coldplate.wire.metric import Kind

POWERED = (Kind.GPU, Kind.NODE, Kind.RACK)
WHOLE = (*POWERED, Kind.HALL)
LIMIT_MIN_W = 200.0
"""The lowest limit that an H200 takes (recorded)."""


def _brake(act: Act) -> None:
    act.effects.braked[act.rows(Kind.GPU)] = True


def _braked(fault: Fault) -> tuple[Told, ...]:
    return (Told(0.0, "power_brake", text=fault.text or "the board's power brake is pulled"),)


def _capping(act: Act) -> None:
    gpus = act.rows(Kind.GPU)
    lowered = act.effects.limit_w[gpus] * (1.0 - act.amount)
    act.effects.limit_w[gpus] = np.maximum(lowered, LIMIT_MIN_W)


def _psu(act: Act) -> None:
    act.effects.psu_lost[act.rows(Kind.NODE)] = True


def _feed(act: Act) -> None:
    act.effects.feed_lost["ab".index(act.fault.feed), act.rows(Kind.RACK)] = True


def _oscillation(act: Act) -> None:
    act.effects.swing_hz, act.effects.swing_ratio = act.fault.hz, act.amount


def _ramp(act: Act) -> None:
    """The load falls and comes back at once, and jobs that start or stop meanwhile do so steeply."""
    act.effects.load_factor[act.rows(Kind.GPU)] *= 1.0 - act.amount
    act.effects.ramp_scale = 1.0 + 19.0 * act.level


KINDS = (
    FaultKind(
        "power-brake", "power", "the power brake holds GPUs at half power",
        ("gpu", "node", "rack"), _brake, reach=POWERED, per_day=0.5, tells=_braked,
    ),
    FaultKind(
        "capping-storm", "power", "the power limit of many GPUs is lowered at once",
        ("rack", "row"), _capping, 0.05, 0.7, POWERED, ramp_s=2.0, recovery_s=2.0, per_day=0.2,
    ),
    FaultKind(
        "psu-loss", "power", "a power supply of a node fails; the others carry its share",
        ("node",), _psu, reach=(Kind.NODE, Kind.RACK), per_day=0.3,
    ),
    FaultKind(
        "feed-loss", "power", "feed A or B loses power; the other carries the rack",
        ("rack", "row"), _feed, reach=(Kind.RACK,), per_day=0.1,
    ),
    FaultKind(
        "power-oscillation", "power", "the load of the whole hall swings at `hz`",
        ("hall",), _oscillation, 0.02, 0.4, WHOLE, ramp_s=10.0, recovery_s=2.0, per_day=0.05,
    ),
    FaultKind(
        "ramp-too-steep", "power", "the hall's load falls, and returns, within a second",
        ("hall",), _ramp, 0.1, 1.0, WHOLE, ramp_s=0.5, recovery_s=0.5, hold_s=30.0, per_day=0.05,
    ),
)  # fmt: skip
