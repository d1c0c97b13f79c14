"""Decoded frames to the columns of the sample tables: 500,000 rows in a fraction of a second."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.sinks.group import Bools, Group
from coldplate.sinks.tables import SAMPLE_TABLES, SampleTable, kept_dtype, raw_column
from coldplate.wire.frame import Frame, Part, Shape

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Samples:
    """Frames as columns.

    Parameters
    ----------
    tables
        Columns by name by table; only tables with rows. Within a table frames of one shape stand
        together, each in order of tick, then device.
    samples, values
        Devices times ticks, and values that are present, of each frame; shape (frames,).
    """

    tables: dict[str, Columns]
    samples: NDArray[np.int64]
    values: NDArray[np.int64]


def sample_columns(frames: Sequence[Frame]) -> Samples:
    """Columns from frames that were admitted.

    Metrics that the catalogue does not know are left out; an absent value is 0 and its bit in
    `present` is not set.
    """
    out = Samples({}, np.zeros(len(frames), np.int64), np.zeros(len(frames), np.int64))
    groups = _groups(frames)
    for group in groups:
        np.add.at(out.samples, group.indexes, group.cells)
    for table in SAMPLE_TABLES:
        slices = [_Slice(table, g, out.values) for g in groups if g.kind is table.kind]
        slices = [s for s in slices if s.rows]
        if slices:
            out.tables[table.name] = _joined(table, slices)
    return out


def _groups(frames: Sequence[Frame]) -> list[Group]:
    members: dict[Shape, tuple[list[Frame], list[Part], list[int]]] = {}
    for index, frame in enumerate(frames):
        for part in frame.parts:
            shape = part.shape
            entry = members.get(shape)
            if entry is None:
                entry = members[shape] = ([], [], [])
            entry[0].append(frame)
            entry[1].append(part)
            entry[2].append(index)
    return [Group(*entry) for entry in members.values()]


class _Slice:
    """What one group gives to one table.

    Parameters
    ----------
    table, group
        Where to, where from.
    values
        Counts of present values by frame, added to.
    """

    def __init__(self, table: SampleTable, group: Group, values: NDArray[np.int64]) -> None:
        self.group = group
        self.metrics = [m for m in table.metrics if group.has(m)]
        self.raw = [group.column(m) for m in self.metrics]
        self.present = self._bits(values)
        # None takes every cell.
        self.taken: Bools | None = None
        self.rows = int(np.prod(group.shape)) if self.metrics else 0
        if table.sparse and self.rows:
            some = self.present != 0
            if not some.all():
                self.taken, self.rows = some, int(np.count_nonzero(some))

    def _bits(self, values: NDArray[np.int64]) -> NDArray[np.uint64]:
        always = 0
        bits = np.zeros(self.group.shape, np.uint64)
        for metric, (_, there) in zip(self.metrics, self.raw, strict=True):
            if there is None:
                always |= 1 << metric.number
                np.add.at(values, self.group.indexes, self.group.cells)
            else:
                bits |= there.astype(np.uint64) << np.uint64(metric.number)
                counts = np.count_nonzero(there, axis=(1, 2))
                np.add.at(values, self.group.indexes, counts)
        return bits | np.uint64(always)

    def copy(self, values: NDArray[Any], out: NDArray[Any], there: Bools | None = None) -> None:
        """Values of the group's shape, or one that broadcasts to it, into `out` of shape (rows,)."""
        if self.taken is not None:
            full = np.broadcast_to(values, self.group.shape)[self.taken]
            np.copyto(out, full, where=True if there is None else there[self.taken])
        else:
            # `out` is zero before, and what is absent stays so.
            np.copyto(out.reshape(self.group.shape), values, where=True if there is None else there)


def _joined(table: SampleTable, slices: list[_Slice]) -> Columns:
    rows = sum(s.rows for s in slices)
    columns: Columns = {"device": np.zeros(rows, np.uint64), "t": np.zeros(rows, np.int64)}
    columns |= {name: np.zeros(rows, np.uint64) for name in ("boot", "seq", "present")}
    columns["tick_ms"] = np.zeros(rows, np.uint32)
    columns |= {raw_column(m): np.zeros(rows, kept_dtype(m)) for m in table.metrics}
    begin = 0
    for s in slices:
        part = {name: column[begin : begin + s.rows] for name, column in columns.items()}
        s.copy(s.group.device_column(), part["device"])
        s.copy(s.group.time_column(), part["t"])
        for name in ("boot", "seq", "tick_ms"):
            s.copy(s.group.head_column(name), part[name])
        s.copy(s.present, part["present"])
        for metric, (raw, there) in zip(s.metrics, s.raw, strict=True):
            s.copy(raw, part[raw_column(metric)], there)
        begin += s.rows
    return columns
