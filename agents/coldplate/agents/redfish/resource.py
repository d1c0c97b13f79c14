"""What is read again and again from a service, and what one reading tells."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from coldplate.agents.redfish.steps import Steps
from coldplate.wire.metric import Kind

Fields = Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True)
class Place:
    """A metric of one of the collector's devices.

    Parameters
    ----------
    kind, column
        The device.
    name
        The metric.
    """

    kind: Kind
    column: int
    name: str


@dataclass(frozen=True, slots=True)
class Said:
    """Something that does not wait for a frame.

    Parameters
    ----------
    kind, text, data
        As in a `Happening`.
    """

    kind: str
    text: str = ""
    data: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What one reading brought.

    Parameters
    ----------
    values
        In the catalogue's units, NaN where the service has none.
    said
        What does not wait.
    """

    values: Mapping[Place, float] = field(default_factory=dict)
    said: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing to read.

    Parameters
    ----------
    name
        For people: the end of its path.
    every
        Ticks from one reading to the next.
    read
        Begins a reading.
    tells
        What it can tell, and from which property.
    """

    name: str
    every: int
    read: Callable[[], Steps[Told]]
    tells: Mapping[Place, str]


Found = Callable[[Resource], None]
"""Takes each resource as soon as it is found, so that it is read while the rest is looked for."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of looking a service through, beside the resources.

    Parameters
    ----------
    said
        What does not wait: which unit it is, when that is new.
    missed
        Why a part could not be looked at; "" when all could.
    """

    said: tuple[Said, ...] = ()
    missed: str = ""


Search = Callable[[Found], Steps[Looked]]
"""Looks a service through."""
