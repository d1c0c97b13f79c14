"""Rollups of many batches at once: rows are kept until a range of batches is whole, and minutes and hours are made of them.

A row of the rollups costs the history what it is of however many samples, so they are gathered (`rollup_s`); samples are stored as soon as
ever. A range is written down like a batch before its rollups are sent, and the group's offset stays at its first record until they are: whoever
reads the partition next redoes its batches and, with their rows, the range, under the same tokens. It is sent in pieces, between
which batches are stored: theirs is the next range.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.sinks.batch import ROLLUPS, Batch, Place, Span
from coldplate.sinks.buckets import MINUTE_MS, Columns, hours, minutes
from coldplate.sinks.rollups import HOUR, MINUTE, stats_name
from coldplate.sinks.tables import SAMPLE_TABLES

Piece = tuple[str, int, Columns]

LEFT_OUT = ("boot", "seq")
"""Columns of the samples that no rollup is made of."""

APART = 0.618
"""Share of the time by which one partition's ranges end after another's, of those that begin together: the golden section
spreads any number of them. All at once would keep the server from everything else for a while."""

PIECE_MINUTES = 10_000
"""Of devices, in an insert: a part of a second's work here and there; no setting, for a range that is made again must be cut alike."""


class Later:
    """Stored batches of one partition whose rollups are still to be made.

    Parameters
    ----------
    place
        Which.
    plan
        Ranges that were written down by an earlier run, in order: they are made again exactly so.
    """

    def __init__(self, place: Place, plan: Sequence[Span] = ()) -> None:
        self._place, self._plan = place, list(plan)
        self._tables: dict[str, list[dict[str, NDArray[Any]]]] = {}
        self._since_s, self._share = 0.0, (place[1] + 1) * APART % 1
        self._pieces: Iterator[Piece] = iter(())
        self._closing_rows = 0
        self.first: int | None = None
        """Offset where the range begins that is gathered; None while there is none."""
        self.last = -1
        self.rows = 0
        self.redone = False
        """Some of it was stored by an earlier run, which died: it is not to be lost to a second death."""
        self.closing: Batch | None = None
        """The range that is being sent."""

    @property
    def oldest(self) -> int | None:
        """Offset from which on rollups are not made yet; None when all are."""
        return self.first if self.closing is None else self.closing.first

    @property
    def waiting_rows(self) -> int:
        """Of what is gathered, and of what is being sent."""
        return self.rows + self._closing_rows

    def add(self, batch: Batch, tables: Mapping[str, Columns], now_s: float) -> None:
        """A batch that is stored, and its samples by table."""
        if self.first is None:
            self.first, self._since_s = batch.first, now_s
        self.last = batch.last
        self.redone |= batch.redo
        for name, columns in tables.items():
            kept = {n: c for n, c in columns.items() if n not in LEFT_OUT}
            self._tables.setdefault(name, []).append(kept)
            self.rows += len(columns["device"])

    def due(self, now_s: float, rollup_s: float) -> bool:
        """True when what is gathered is a whole range, or has waited for so long; the first one for a part of that."""
        if self.first is None or self._planned():
            return self.whole
        return now_s - self._since_s >= self._share * rollup_s

    @property
    def whole(self) -> bool:
        """True when all of a range that was written down by an earlier run is there: nothing may be added to it."""
        return self._planned() and self.last >= self._plan[0].last

    def close(self) -> Batch:
        """End the range that is gathered: to be written down, and for its tokens. What is added from now on is the next one's.

        The one before must be sent.
        """
        topic, partition = self._place
        self.closing = Batch(topic, partition, self.first or 0, self.last, (), kind=ROLLUPS)
        self._pieces, self._closing_rows = rolled_up(self._tables), self.rows
        self._share = 1.0
        if self._planned():
            self._plan.pop(0)
        self._tables, self.first, self.rows, self.redone = {}, None, 0, False
        return self.closing

    def pieces(self) -> Iterator[Piece]:
        """Those of the closed range that were not taken yet: table, number and columns; the same ones for the same batches."""
        return self._pieces

    def done(self) -> None:
        """The closed range is stored."""
        self.closing, self._closing_rows = None, 0

    def _planned(self) -> bool:
        return self.first is not None and bool(self._plan)


def rolled_up(tables: dict[str, list[dict[str, NDArray[Any]]]]) -> Iterator[Piece]:
    """Rows of the rollups' tables, made of samples by table, which are let go of: table, number and columns, the same for the same samples.

    A device's rows are in one piece.
    """
    for table in SAMPLE_TABLES:
        if not (batches := tables.pop(table.name, None)):
            continue
        whole = {name: np.concatenate([b.pop(name) for b in batches]) for name in [*batches[0]]}
        order = np.argsort(whole["device"], kind="stable")
        cuts = _cuts(whole["device"][order], whole["t"][order] // MINUTE_MS)
        for number, (begin, end) in enumerate(cuts):
            some = {name: column[order[begin:end]] for name, column in whole.items()}
            of_minutes = minutes(table, some)
            yield stats_name(table, MINUTE), number, of_minutes
            yield stats_name(table, HOUR), number, hours(table, of_minutes)


def _cuts(devices: NDArray[Any], of_minute: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Stretches of whole devices with about so many minutes at most, of rows that are sorted by device and nearly by time."""
    if not len(devices):
        return
    other = np.diff(devices) != 0
    begun = np.cumsum(np.concatenate([[True], other | (np.diff(of_minute) != 0)]))
    ends = np.append(np.flatnonzero(other) + 1, len(devices))
    at_ends = begun[ends - 1]
    begin = first = done = 0
    while first < len(ends):
        last = max(first, int(np.searchsorted(at_ends, done + PIECE_MINUTES, side="right")) - 1)
        end = int(ends[last])
        yield begin, end
        begin, first, done = end, last + 1, int(at_ends[last])
