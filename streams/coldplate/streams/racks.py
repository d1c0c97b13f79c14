"""Racks as numbers: which rows stand in one, and up to when everything of it is there.

What is compared within a rack (a GPU with its coolant, a node with its meter) can be judged when all of the rack's
sources have told of a tick. That is the rack's watermark: the oldest among the newest ticks of those that still send.
Who is further behind than `BEHIND_MS` is not waited for.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.fleet import Fleet
from coldplate.wire.metric import Kind

BEHIND_MS = 8_000
"""Longer than a frame and its way, shorter than half of the ring."""

NOBODY = -1

IN_RACK = (Kind.GPU, Kind.NODE, Kind.CDU, Kind.RACK)
"""Kinds whose devices stand in a rack; a hall's meters stand in none."""


class Racks:
    """The fleet's racks, renumbered whenever it has grown.

    Parameters
    ----------
    fleet
        Whose devices.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._sizes: tuple[int, ...] = ()
        self.names: list[str] = []
        self.of_row: dict[Kind, NDArray[np.intp]] = {}
        """By kind: the rack of each row."""
        self.first: dict[Kind, NDArray[np.intp]] = {}
        """By kind: a rack's first row of that kind, `NOBODY` where it has none."""
        self.node_of_gpu: NDArray[np.intp] = np.zeros(0, np.intp)
        """Row of the node of each GPU's row."""
        self.refresh()

    def __len__(self) -> int:
        return len(self.names)

    def refresh(self) -> bool:
        """Take in devices that are new; True when there were any."""
        tables = self._fleet.tables
        sizes = tuple(len(tables[kind]) for kind in IN_RACK)
        if sizes == self._sizes:
            return False
        self._sizes = sizes
        number = {name: i for i, name in enumerate(self.names)}
        for kind in IN_RACK:
            for rack in tables[kind].rows_of_rack:
                number.setdefault(rack, len(number))
        self.names = list(number)
        for kind in IN_RACK:
            table = tables[kind]
            self.of_row[kind] = np.array([number[r] for r in table.racks], np.intp)
            first = np.full(len(number), NOBODY, np.intp)
            for rack, rows in table.rows_of_rack.items():
                first[number[rack]] = rows[0]
            self.first[kind] = first
        nodes = tables[Kind.NODE].row_of
        self.node_of_gpu = np.array(
            [nodes.get(self._fleet.parent(i), NOBODY) for i in tables[Kind.GPU].ids], np.intp
        )
        return True

    def watermarks(
        self, newest_ms: Mapping[Kind, NDArray[np.int64]]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of each rack: up to when (event time) everybody who still sends has told everything, and its newest tick.

        Parameters
        ----------
        newest_ms
            By kind: the newest tick of each row, negative where there is none.
        """
        head = np.full(len(self.names), -1, np.int64)
        for kind in IN_RACK:
            np.maximum.at(head, self.of_row[kind], newest_ms[kind])
        out = head.copy()
        for kind in IN_RACK:
            rack, newest = self.of_row[kind], newest_ms[kind]
            sends = (newest >= 0) & (newest >= head[rack] - BEHIND_MS)
            np.minimum.at(out, rack[sends], newest[sends])
        return out, head
