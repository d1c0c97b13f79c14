"""What a kind of fault is: a row of the library and the function that writes its effects."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.effects import Effects
from coldplate.twin.fault import Fault
from coldplate.wire.metric import Kind

Rows = Callable[[Kind, str], NDArray[np.intp]]
"""Positions of the devices of a kind that are, or stand under, a subject (places.py)."""


OWN_ONLY: tuple[Kind, ...] = ()
"""Reach of a fault of one instrument: what stands under the subject reads as ever."""


@dataclass(frozen=True, slots=True)
class Act:
    """One fault at one moment.

    Parameters
    ----------
    effects
        What it writes.
    fault
        The fault.
    amount
        How much of the kind's quantity: by its severity and its level now.
    level
        0 to 1, how far it is on.
    since_s
        Seconds since its onset.
    find
        Finds rows.
    """

    effects: Effects
    fault: Fault
    amount: float
    level: float
    since_s: float
    find: Rows

    def rows(self, kind: Kind) -> NDArray[np.intp]:
        """Rows of a kind that the subject is or holds."""
        return self.find(kind, self.fault.subject)


@dataclass(frozen=True, slots=True)
class Told:
    """An event that a fault sends.

    Parameters
    ----------
    after_s
        Seconds from the onset.
    kind, code, text
        As in an `Event` of the wire.
    """

    after_s: float
    kind: str
    code: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind.

    Parameters
    ----------
    name, family
        Of design and labels.
    line
        What it is, in one line.
    on
        Kinds of device that it can befall.
    act
        Writes its effects.
    low, high
        Amount at severity 0 (first visible) and 1 (harmful).
    reach
        Kinds of device, in the subject or cooled by it, whose readings it moves; none: the subject's own only.
    ramp_s, recovery_s, lead_s
        How long it takes to come and go; acts before its onset. A slow fault's weeks are cut to minutes: severity,
        not speed, is what makes it hard to see, and a scenario may say otherwise.
    hold_s
        How long a random one stays after its ramp.
    pages
        Whether somebody should be called; a slow one may wait for daylight, and yet pages where it does harm.
    per_day
        How often in a hall of 100,000 GPUs.
    tells
        Events that it sends.
    label
        Kind that its label says; its own name if empty.
    """

    name: str
    family: str
    line: str
    on: tuple[str, ...]
    act: Callable[[Act], None]
    low: float = 1.0
    high: float = 1.0
    reach: tuple[Kind, ...] = (Kind.GPU,)
    ramp_s: float = 0.0
    recovery_s: float = 0.0
    lead_s: float = 0.0
    hold_s: float = 120.0
    pages: bool = True
    per_day: float = 0.0
    tells: Callable[[Fault], tuple[Told, ...]] | None = None
    label: str = ""

    def amount(self, severity: float) -> float:
        """The amount at a severity: spread as its logarithm."""
        return float(self.low * (self.high / self.low) ** severity)

    def apply(self, effects: Effects, fault: Fault, t_s: float, rows: Rows) -> None:
        """Write what a fault of this kind does at a time; nothing while its level is 0."""
        if (level := fault.level(t_s)) > 0.0:
            amount = self.amount(fault.severity) * level
            self.act(Act(effects, fault, amount, level, t_s - fault.at_s, rows))

    def events(self, fault: Fault) -> tuple[Told, ...]:
        """Events of a fault of this kind, in order of time."""
        return self.tells(fault) if self.tells else ()
