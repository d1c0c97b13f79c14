"""Who stands where: positions of devices by the subject that they are, stand under, or are cooled by."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from coldplate.wire.inventory import Inventory
from coldplate.wire.metric import KIND_WORDS, Kind


class Places:
    """Finds rows by subject; each answer is worked out once.

    Parameters
    ----------
    inventory
        The hall.
    """

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.devices: dict[Kind, tuple[str, ...]] = {
            kind: tuple(d.id for d in inventory.of_kind(kind.word)) for kind in Kind
        }
        """Ids by kind, in the order of the arrays."""
        self._position = {d: i for ids in self.devices.values() for i, d in enumerate(ids)}
        self._known: dict[tuple[Kind, str], NDArray[np.intp]] = {}

    def __call__(self, kind: Kind, subject: str) -> NDArray[np.intp]:
        """Rows of a kind that are, or stand under, a subject; a CDU stands for all of its rack."""
        known = self._known.get((kind, subject))
        if known is None:
            for each in Kind:
                self._known[each, subject] = np.array(self._rows(each, subject), np.intp)
            known = self._known[kind, subject]
        return known

    def racks(self, subject: str) -> tuple[str, ...]:
        """Ids of the racks that a subject is in, or holds."""
        device = self.inventory.devices[subject]
        if device.kind in ("hall", "row"):
            return tuple(self.devices[Kind.RACK][i] for i in self(Kind.RACK, subject))
        return (self.inventory.rack_of(subject),)

    def _rows(self, kind: Kind, subject: str) -> list[int]:
        top = subject
        if self.inventory.devices[subject].kind == "cdu" and kind is not Kind.CDU:
            top = self.inventory.rack_of(subject)
        return sorted(self._position[d] for d in self._under(top, kind.word))

    def _under(self, top: str, word: str) -> Iterator[str]:
        waiting = [top]
        while waiting:
            device_id = waiting.pop()
            kind = self.inventory.devices[device_id].kind
            if kind == word:
                yield device_id
            if kind != word and KIND_WORDS.get(kind) is not Kind.GPU:
                waiting += [d.id for d in self.inventory.children.get(device_id, ())]
