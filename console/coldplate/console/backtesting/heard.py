"""A hall as the history heard it: samples by source, and who was silent at which tick.

The history keeps samples, not who sent them: a node sends its GPUs, a coolant unit its rack, as agents do. A source of
which a tick has nothing was not heard, so it is silent here too; a value that is absent beside others is absent.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from coldplate.agents.collector import Conditions, Samples, Source
from coldplate.console.past import PastCollector
from coldplate.sinks.client import Client
from coldplate.wire.inventory import Inventory
from coldplate.wire.metric import CATALOGUE, Kind


class Heard:
    """Devices of an inventory as they were heard.

    Parameters
    ----------
    client
        Of the history.
    inventory
        Whose devices.
    tick_ms
        Length of a tick.
    racks
        Read only these; empty: all.
    """

    def __init__(
        self, client: Client, inventory: Inventory, tick_ms: int, racks: Sequence[str] = ()
    ) -> None:
        # A source's devices lie side by side, whatever the order of ids.
        ordered = Inventory(sorted(inventory, key=lambda d: (d.kind, d.parent, d.index, d.id)))
        self._past = PastCollector(client, ordered, tick_ms, racks)
        self.devices = self._past.devices
        self.health, self.origins, self.close = (
            self._past.health, self._past.origins, self._past.close,
        )  # fmt: skip
        self.happenings = self._past.happenings
        self.sources: Sequence[Source] = _sources(ordered, self.devices)
        self._spans = {kind: _spans(kind, self.sources) for kind in self.devices}
        self._seen = {kind: np.zeros(len(CATALOGUE[kind]), np.bool_) for kind in self.devices}
        self._silent: NDArray[np.bool_] = np.ones(len(self.sources), np.bool_)
        self.gpus = 0
        """Of which the last tick has something."""

    @property
    def any(self) -> bool:
        """Whether anybody was heard in the last tick."""
        return not self._silent.all()

    @property
    def missing(self) -> dict[str, list[str]]:
        """By kind of device: metrics of the catalogue that no device told so far."""
        return {
            kind.word: [m.name for m, there in zip(CATALOGUE[kind], seen, strict=True) if not there]
            for kind, seen in self._seen.items()
        }

    def sample(self, tick_ms: int) -> Samples:
        """What the history has of a tick."""
        samples = self._past.sample(tick_ms)
        self._silent = np.ones(len(self.sources), np.bool_)
        for kind, values in samples.items():
            finite = np.isfinite(values)
            there = finite.any(axis=0)
            if kind is Kind.GPU:
                self.gpus = int(np.count_nonzero(there))
            starts, of = self._spans[kind]
            self._silent[of] &= ~np.logical_or.reduceat(there, starts)
            if not (seen := self._seen[kind]).all():
                seen |= finite.any(axis=1)
        return samples

    def conditions(self) -> Conditions:
        """Who was not heard."""
        return Conditions(self._silent, np.zeros(len(self.sources), np.int64))


def _sources(inventory: Inventory, devices: Mapping[Kind, Sequence[str]]) -> list[Source]:
    """Who sent what, in the order of the devices."""
    units = {inventory.rack_of(d.id): d.id for d in inventory.of_kind("cdu")}
    spans: dict[str, dict[Kind, range]] = {}
    racks: dict[str, str] = {}
    for kind, ids in devices.items():
        for place, device in enumerate(ids):
            name = _sender(kind, device, inventory, units)
            begun = spans.setdefault(name, {}).get(kind, range(place, place))
            spans[name][kind] = range(begun.start, place + 1)
            racks[name] = inventory.rack_of(device)
    return [Source(name, racks[name], found) for name, found in spans.items()]


def _sender(kind: Kind, device: str, inventory: Inventory, units: Mapping[str, str]) -> str:
    """A GPU's node, a rack's coolant unit, the hall's plant; others send for themselves."""
    if kind is Kind.GPU:
        return inventory.devices[device].parent
    if kind is Kind.RACK:
        return units.get(device, device)
    return f"{device}/plant" if kind is Kind.HALL else device


def _spans(kind: Kind, sources: Sequence[Source]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where sources' devices of a kind begin, and whose they are; in the order of the devices."""
    found = sorted((s.devices[kind].start, i) for i, s in enumerate(sources) if kind in s.devices)
    starts, of = np.array(found, np.intp).T
    return starts, of
