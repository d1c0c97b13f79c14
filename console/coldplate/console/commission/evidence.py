"""What an acceptance is judged by: samples of one rack over spans of time, and who says which serial sits where.

A step gets arrays and nothing else, so it is judged alike on a live history (asked.py), on the twin (twinned.py) and in
a test.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coldplate.wire.inventory import Inventory
from coldplate.wire.metric import Kind

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rack:
    """Who is in a rack.

    Parameters
    ----------
    id, cdu
        The rack and its coolant unit.
    nodes, gpus
        Ids in the inventory's order.
    node_of_gpu
        Position in `nodes` of each GPU's node.
    """

    id: str
    cdu: str
    nodes: tuple[str, ...]
    gpus: tuple[str, ...]
    node_of_gpu: NDArray[np.intp]

    @classmethod
    def of(cls, inventory: Inventory, rack: str) -> "Rack":
        """A rack of an inventory.

        Raises
        ------
        ValueError
            It is not there, or has no coolant unit or no GPU.
        """
        inside = inventory.children.get(rack, [])
        nodes = [d.id for d in inside if d.kind == "node"]
        cdu = next((d.id for d in inside if d.kind == "cdu"), "")
        gpus = [(n, g.id) for n, node in enumerate(nodes) for g in inventory.children.get(node, [])]
        if not cdu or not gpus:
            raise ValueError(
                f"{rack}: the inventory has {len(nodes)} nodes, {len(gpus)} GPUs and {'a' if cdu else 'no'} CDU in it;"
                " an acceptance needs all three"
            )
        at = np.array([n for n, _ in gpus], np.intp)
        return cls(rack, cdu, tuple(nodes), tuple(g for _, g in gpus), at)

    def ids(self, kind: Kind) -> tuple[str, ...]:
        """Devices of a kind, in the order of the arrays."""
        of = {Kind.GPU: self.gpus, Kind.NODE: self.nodes, Kind.CDU: (self.cdu,), Kind.RACK: (self.id,)}  # fmt: skip
        return of[kind]

    def gpus_under(self, subject: str) -> frozenset[str]:
        """GPUs that are, or hang on, a subject; a CDU cools all of them."""
        if subject in (self.id, self.cdu):
            return frozenset(self.gpus)
        return frozenset(g for g in self.gpus if g == subject or g.startswith(f"{subject}/"))


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of the rack: kind, subject, number (the XID), its words."""

    kind: str
    subject: str
    code: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """What was sampled in one phase.

    Parameters
    ----------
    phase
        Its name (phases.py).
    begin_ms, tick_s
        When the first tick was, Unix milliseconds, and seconds from tick to tick.
    values
        By kind and metric: shape (ticks, devices), NaN where absent.
    events
        That happened meanwhile.
    marks
        Seconds from the begin at which something was done, by name.
    """

    phase: str
    begin_ms: int
    tick_s: float
    values: Mapping[Kind, Mapping[str, F64]]
    events: Sequence[Happened] = ()
    marks: Mapping[str, float] = field(default_factory=dict)

    @property
    def ticks(self) -> int:
        """How many there are."""
        for of_kind in self.values.values():
            for array in of_kind.values():
                return len(array)
        return 0

    @property
    def hours(self) -> float:
        """How long it was."""
        return self.ticks * self.tick_s / 3600

    def get(self, kind: Kind, metric: str, devices: int = 1) -> F64:
        """Samples of a metric; all absent where there is no such sensor."""
        found = self.values.get(kind, {}).get(metric)
        return np.full((max(self.ticks, 1), devices), np.nan) if found is None else found

    def part(self, first: int, last: int | None = None) -> "Span":
        """Ticks from one position to before another."""
        cut = {k: {m: a[first:last] for m, a in of.items()} for k, of in self.values.items()}
        return replace(self, values=cut, begin_ms=self.begin_ms + round(first * self.tick_s * 1000))

    def settled(self) -> "Span":
        """Its second half: what a change of load set going has come to rest (phases last longer than that takes)."""
        return self.part(self.ticks // 2)


@dataclass(frozen=True, slots=True)
class Fleet:
    """What racks before this one measured.

    Parameters
    ----------
    r_k_per_w
        Median resistance of each of their GPUs' at full load.
    """

    r_k_per_w: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of a rack.

    Parameters
    ----------
    rack
        Whose.
    spans
        By phase.
    planned, found
        Serial by id, as the inventory says and as the devices say; `found` is None when nobody asked them.
    fleet
        Of the racks before.
    """

    rack: Rack
    spans: Mapping[str, Span]
    planned: Mapping[str, str] = field(default_factory=dict)
    found: Mapping[str, str] | None = None
    fleet: Fleet = Fleet()


class Source(Protocol):
    """Where samples come from."""

    def span(
        self, rack: Rack, phase: str, begin_ms: int, end_ms: int, marks: Mapping[str, float]
    ) -> Span:
        """What a rack's sensors said from one time to another.

        Raises
        ------
        Failure
            They cannot be asked.
        """
