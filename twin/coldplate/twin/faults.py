"""The fault library: what each kind does to the hall while it lasts.

A fault acts on `Effects`, the few inputs of the physics that a fault can reach; everything else follows from
the physics. Kinds are named as labels and incidents name them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from coldplate.wire.metric import Kind

Rows = Callable[[Kind, str], NDArray[np.intp]]
"""Positions of the devices of a kind that are, or stand under, a subject."""


class Fault(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One fault.

    Parameters
    ----------
    kind
        One of `KINDS`.
    subject
        Id of the guilty device.
    at_s, end_s
        Seconds from the start of the run; without an end it stays.
    pump
        Which pump, 1 or 2 (`pump-stop`).
    spare_ratio
        Speed that the other pump reaches, 0 to 1 of its rated speed (`pump-stop`).
    flow_ratio
        Share of the flow that is left (`flow-loss`).
    code, text
        Number and the driver's words (`xid`).
    """

    kind: str
    subject: str
    at_s: float
    end_s: float | None = None
    pump: Literal[1, 2] = 1
    spare_ratio: float = 1.0
    flow_ratio: float = 0.3
    code: int = 31
    text: str = ""


class Effects:
    """What faults do to the hall now; without any fault nothing.

    Parameters
    ----------
    racks, gpus
        How many there are.
    """

    def __init__(self, racks: int, gpus: int) -> None:
        self.pump_ratio_max = np.ones((2, racks))
        """Highest speed each pump can reach, a share of rated speed; shape (2, racks)."""
        self.opening_ratio = np.ones(racks)
        """Share of the loop's flow that its valves let through at equal pressure."""
        self.braked = np.zeros(gpus, np.bool_)
        """Where the board's power brake is pulled."""


def _pump_stop(effects: Effects, fault: Fault, rows: Rows) -> None:
    racks = rows(Kind.CDU, fault.subject)
    effects.pump_ratio_max[fault.pump - 1, racks] = 0.0
    effects.pump_ratio_max[2 - fault.pump, racks] = fault.spare_ratio


def _flow_loss(effects: Effects, fault: Fault, rows: Rows) -> None:
    effects.opening_ratio[rows(Kind.CDU, fault.subject)] = max(fault.flow_ratio, 1e-3)


def _power_brake(effects: Effects, fault: Fault, rows: Rows) -> None:
    effects.braked[rows(Kind.GPU, fault.subject)] = True


def _nothing(effects: Effects, fault: Fault, rows: Rows) -> None:
    """An event alone: the hall goes on."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind.

    Parameters
    ----------
    line
        What it is, for a list.
    on
        Kinds of device that it can befall.
    apply
        What it does to the effects.
    event
        Kind of the event that its onset sends; "" for none.
    """

    line: str
    on: tuple[str, ...]
    apply: Callable[[Effects, Fault, Rows], None]
    event: str = ""


KINDS: Mapping[str, FaultKind] = {
    "pump-stop": FaultKind("a pump stops; its spare reaches `spare_ratio`", ("cdu",), _pump_stop),
    "flow-loss": FaultKind("a valve closes to `flow_ratio` of the flow", ("cdu",), _flow_loss),
    "power-brake": FaultKind(
        "the power brake holds GPUs at half power", ("gpu", "node", "rack"), _power_brake
    ),
    "xid": FaultKind("the driver reports XID `code`", ("gpu",), _nothing, event="xid"),
}
