"""Which row of the state arrays is which device; built from the inventory, growing when devices appear.

Rows of one source lie side by side, so that a frame is written by one slice, and racks that send at the same second lie
side by side, so that what is judged together is mostly a slice too. A device that is not in the inventory gets a row too (a node just racked is worth watching before its paperwork), up to a bound.
"""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from coldplate.wire.errors import Reason, WireError
from coldplate.wire.inventory import Inventory
from coldplate.wire.metric import KIND_WORDS, Kind

Rows = slice | NDArray[np.intp]

CACHED_MIN = 1024
"""Lists of devices whose rows are remembered at least; at most as many as there are devices: one a source is used."""

FRAME_TICKS = 5
"""Ticks of an ordinary frame; an agent sends when (tick + CRC-32 of its rack) is a whole number of frames, less one."""

STRANGERS_MAX = 4096
"""Devices without an inventory entry that get a row; more is a misconfigured or hostile sender."""


class Table:
    """Rows of one kind.

    Parameters
    ----------
    kind
        What the rows are.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.ids: list[str] = []
        self.row_of: dict[str, int] = {}
        self.racks: list[str] = []
        self.rows_of_rack: dict[str, list[int]] = {}
        self._cache: dict[tuple[str, ...], Rows] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, device_id: str, rack: str) -> int:
        """A new row; the caller has checked that there is none yet."""
        row = len(self.ids)
        self.ids.append(device_id)
        self.row_of[device_id] = row
        self.racks.append(rack)
        self.rows_of_rack.setdefault(rack, []).append(row)
        return row

    def cached(self, devices: tuple[str, ...]) -> Rows | None:
        """Rows found earlier for the same devices."""
        return self._cache.get(devices)

    def rows(self, devices: tuple[str, ...]) -> Rows:
        """Rows of devices that all have one: a slice when they are side by side."""
        found = np.array([self.row_of[d] for d in devices], np.intp)
        first = int(found[0])
        out: Rows = found
        if np.array_equal(found, np.arange(first, first + len(found))):
            out = slice(first, first + len(found))
        if len(self._cache) >= max(CACHED_MIN, len(self.ids)):
            self._cache.clear()
        self._cache[devices] = out
        return out


class Fleet:
    """All tables, and which devices are strangers.

    Parameters
    ----------
    inventory
        Devices known from the start; None when there is none (then nobody is a stranger).
    """

    def __init__(self, inventory: Inventory | None = None) -> None:
        self.tables = {kind: Table(kind) for kind in Kind}
        self.strangers: dict[str, str] = {}
        self._parents: dict[str, str] = {}
        self._known = inventory is not None
        if inventory is not None:
            self._add_all(inventory)

    def _add_all(self, inventory: Inventory) -> None:
        """Rows for all that is known. Frames of another length than usual cost more time, and change nothing else."""
        placed: list[tuple[int, Kind, str, str]] = []
        for device in inventory:
            self._parents[device.id] = device.parent
            if (kind := KIND_WORDS.get(device.kind)) is not None:
                rack = inventory.rack_of(device.id)
                placed.append((crc32(rack.encode()) % FRAME_TICKS, kind, device.id, rack))
        for _, kind, device_id, rack in sorted(placed, key=lambda p: p[0]):
            self.tables[kind].add(device_id, rack)

    def parent(self, device_id: str) -> str:
        """What a device sits in; of a stranger, what its id says."""
        return self._parents.get(device_id) or device_id.rpartition("/")[0]

    def rows(self, kind: Kind, devices: tuple[str, ...], rack: str) -> Rows:
        """Rows of a frame's devices, made when they are new.

        Raises
        ------
        WireError
            `unknown-device` when there are too many strangers already.
        """
        table = self.tables[kind]
        if (found := table.cached(devices)) is not None:
            return found
        new = [d for d in devices if d not in table.row_of]
        self._admit(new, rack)
        for device_id in new:
            table.add(device_id, rack)
        return table.rows(devices)

    def _admit(self, new: Sequence[str], rack: str) -> None:
        if not self._known or not new:
            return
        if len(self.strangers) + len(new) > STRANGERS_MAX:
            raise WireError(
                Reason.UNKNOWN_DEVICE,
                f"{new[0]} is not in the inventory, as {len(self.strangers)} others; add them to it",
            )
        self.strangers.update(dict.fromkeys(new, rack))
