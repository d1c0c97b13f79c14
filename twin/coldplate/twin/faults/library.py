"""All kinds of fault, by name, and what else is asked of one."""

from collections.abc import Mapping
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.fault import Fault
from coldplate.twin.faults import (
    branch,
    errors,
    leak,
    look_alikes,
    plate,
    power,
    pump,
    sensor,
    silence,
    water,
    work,
    xid,
)  # fmt: skip
from coldplate.twin.faults.kind import FaultKind
from coldplate.twin.places import Places
from coldplate.wire.metric import KIND_WORDS, Kind

_FAMILIES = (
    plate, branch, pump, water, leak, power, work, errors, xid, sensor, silence, look_alikes,
)  # fmt: skip

KINDS: Mapping[str, FaultKind] = {
    kind.name: kind for kind in chain.from_iterable(family.KINDS for family in _FAMILIES)
}


def label_kind(fault: Fault) -> str:
    """What the label of a fault says it is."""
    return f"xid-{fault.code}" if fault.kind == "xid" else KINDS[fault.kind].label or fault.kind


def reach(fault: Fault, places: Places) -> Mapping[Kind, NDArray[np.intp]]:
    """NDArray[np.intp] of the devices whose readings a fault moves, by kind."""
    kinds = KINDS[fault.kind].reach or (KIND_WORDS[places.inventory.devices[fault.subject].kind],)
    return {k: rows for k in kinds if (rows := places(k, fault.subject)).size}
