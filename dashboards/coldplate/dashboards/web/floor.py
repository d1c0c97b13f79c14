"""Where each GPU's cell is: the order of racks and cells that page and server agree on."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True, slots=True)
class RackPlace:
    """A rack and its cells.

    Parameters
    ----------
    id, hall, row
        As in the inventory.
    first, cells
        Its GPUs are the cells `first` to `first + cells - 1`.
    """

    id: str
    hall: str
    row: str
    first: int
    cells: int


@dataclass(frozen=True)
class Floor:
    """All racks, in the order in which they stand, and all GPUs in the order of their cells.

    Parameters
    ----------
    racks
        By hall, row and place in it.
    gpus
        Ids, a cell each.
    """

    racks: Sequence[RackPlace] = ()
    gpus: Sequence[str] = ()

    @cached_property
    def version(self) -> str:
        """Changes whenever a cell means something else."""
        of = hashlib.sha256()
        for rack in self.racks:
            of.update(f"{rack.id}\0{rack.hall}\0{rack.row}\0{rack.cells}\n".encode())
        of.update("\n".join(self.gpus).encode())
        return of.hexdigest()[:16]

    def told(self) -> dict[str, Any]:
        """For the page: ids of GPUs without their rack's, and lists of them that many racks share once.

        Examples
        --------
        >>> Floor([RackPlace("r1", "hall", "row-0", 0, 1)], ["r1/n0/g0"]).told()["names"]
        [['/n0/g0']]
        """
        known: dict[tuple[str, ...], int] = {}
        racks = []
        for rack in self.racks:
            ids = self.gpus[rack.first : rack.first + rack.cells]
            # What does not begin with the rack's id is told whole, behind a sign that no rest begins with.
            rests = tuple(
                i.removeprefix(rack.id) if i.startswith(f"{rack.id}/") else f"={i}" for i in ids
            )
            names = known.setdefault(rests, len(known))
            racks.append(
                {"id": rack.id, "hall": rack.hall, "row": rack.row, "first": rack.first, "cells": rack.cells, "names": names}
            )  # fmt: skip
        return {
            "version": self.version, "cells": len(self.gpus), "racks": racks, "names": [list(n) for n in known],
        }  # fmt: skip
