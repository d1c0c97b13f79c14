"""The state arrays: the last ticks of every device of one kind, laid out as a frame's body is.

One array a dtype, shape (metrics, slots, rows), holds the wire's integers; `seen` tells which tick a
slot holds, `present` which values are there. A frame is written by one assignment a dtype run. Values
become physical numbers (NaN where absent) only when a detector asks.

Notes
-----
GPU: 19 fast metrics cost 50 bytes a slot for values, 19 for presence and 8 for the tick: 1.2 kB a
GPU with 16 slots.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.fleet import Rows
from coldplate.wire.frame import Part
from coldplate.wire.layout import Layout, Raw
from coldplate.wire.metric import Kind, Metric

SLOTS = 16
"""Ticks kept: three frames of 5, so that a frame which comes one frame late is still in order."""

PLANS_MAX = 64
"""Layouts whose way into the ring is remembered; a fleet uses a handful."""

_NEVER = -1

Scalar = TypeVar("Scalar", bound=np.generic)


class Ring:
    """The last `SLOTS` ticks of all rows.

    Parameters
    ----------
    kind
        What the rows are.
    metrics
        Which metrics are kept.
    """

    def __init__(self, kind: Kind, metrics: Sequence[Metric], rows: int = 0) -> None:
        self.kind = kind
        self.layout = Layout.of(metrics)
        self.rows = 0
        self._raw: list[Raw] = [
            np.zeros((len(run.numbers), SLOTS, 0), run.dtype) for run in self.layout.runs
        ]
        self._present: NDArray[np.bool_] = np.zeros((len(self.layout.numbers), SLOTS, 0), np.bool_)
        self.seen: NDArray[np.int64] = np.full((SLOTS, 0), _NEVER, np.int64)
        self._metrics = {m.name: (i, m) for i, m in enumerate(self.layout.known) if m is not None}
        self._plans: dict[bytes, _Plan] = {}
        self.grow(rows)

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows; capacity at least doubles, so that growth costs little."""
        if rows <= self.seen.shape[1]:
            self.rows = max(self.rows, rows)
            return
        room = max(rows, 2 * self.seen.shape[1])
        self._raw = [_widen(a, room, 0) for a in self._raw]
        self._present = _widen(self._present, room, 0)
        self.seen = _widen(self.seen, room, _NEVER)
        self.rows = rows

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(a.nbytes for a in self._raw) + self._present.nbytes + self.seen.nbytes

    def write(self, part: Part, rows: Rows, tick: int, start: int = 0, count: int = SLOTS) -> None:
        """Put ticks `start` to `start + count` (at most `SLOTS`) of a block into its rows.

        Metrics that the block has not become absent. `tick` is the number of the block's first tick.
        """
        count = min(count, SLOTS, part.ticks - start)
        first = (tick + start) % SLOTS
        # A window that runs over the ring's end is written in two pieces.
        cuts = [(first, start, min(count, SLOTS - first))]
        if first + count > SLOTS:
            cuts.append((0, start + SLOTS - first, first + count - SLOTS))
        plan = self._plans.get(part.layout.code) or self._plan(part.layout)
        present = part.present()
        whole = present is None and plan.complete
        arrays = [raw for _, raw in part.arrays()]
        for slot, begin, ticks in cuts:
            slots, source = slice(slot, slot + ticks), slice(begin, begin + ticks)
            # Mostly everything is there, or at least nothing is: one assignment for all metrics.
            self._present[:, slots, rows] = whole
            for piece in plan.pieces:
                values = arrays[piece.run][piece.taken, source]
                there: NDArray[np.bool_] | bool = True
                if not piece.fits:
                    dtype = self._raw[piece.target_run].dtype
                    values, there = _converted(values, piece.factor, dtype)
                self._raw[piece.target_run][piece.target, slots, rows] = values
                if whole:
                    continue
                if present is not None:
                    there = there & present[piece.theirs, source]
                self._present[piece.mine, slots, rows] = there
            numbers = np.arange(tick + begin, tick + begin + ticks, dtype=np.int64)
            self.seen[slots, rows] = numbers[:, None]

    def _plan(self, layout: Layout) -> "_Plan":
        """Which stretches of a frame's body go where; metrics that this reader does not keep are left."""
        where = {
            number: (index, position)
            for index, run in enumerate(self.layout.runs)
            for position, number in enumerate(run.numbers)
        }
        scales = {m.number: m.scale for m in self.layout.known if m is not None}
        pieces: list[_Piece] = []
        for run_index, run in enumerate(layout.runs):
            for position, number in enumerate(run.numbers):
                if number not in where:
                    continue
                target_run, target = where[number]
                own = self.layout.runs[target_run]
                factor = 1.0
                if (run.dtype.kind == "f") != (own.dtype.kind == "f"):
                    factor = scales[number] if own.dtype.kind == "f" else 1.0 / scales[number]
                piece = _Piece(
                    run_index, slice(position, position + 1), run.first,
                    target_run, slice(target, target + 1), own.first,
                    factor == 1.0 and np.can_cast(run.dtype, own.dtype, "safe"), factor,
                )  # fmt: skip
                if pieces and (longer := pieces[-1].joined(piece)) is not None:
                    pieces[-1] = longer
                else:
                    pieces.append(piece)
        kept = set(where) <= set(layout.numbers)
        if len(self._plans) >= PLANS_MAX:
            self._plans.clear()
        plan = self._plans[layout.code] = _Plan(tuple(pieces), kept and all(p.fits for p in pieces))
        return plan

    def value(
        self, name: str, slots: NDArray[np.int64], rows: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Physical values of a metric, one a row at the row's own slot; NaN where absent."""
        position, entry = self._metrics[name]
        index = next(
            i for i, r in enumerate(self.layout.runs) if position < r.first + len(r.numbers)
        )
        stored = self._raw[index][position - self.layout.runs[index].first, slots, rows]
        out: NDArray[np.float64] = stored.astype(np.float64)
        if entry.dtype[0] != "f":
            out *= entry.scale
        out[~self._present[position, slots, rows]] = np.nan
        return out


def _widen(array: NDArray[Scalar], room: int, fill: int) -> NDArray[Scalar]:
    out = np.full((*array.shape[:-1], room), fill, array.dtype)
    out[..., : array.shape[-1]] = array
    return out


def _converted(
    values: Raw, factor: float, dtype: np.dtype[np.generic]
) -> tuple[Raw, NDArray[np.bool_]]:
    """Values of another dtype, which a newer sender may use, in ours, and where they fit."""
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = values.astype(np.float64) * factor
    if dtype.kind == "f":
        low, high = float(np.finfo(dtype.name).min), float(np.finfo(dtype.name).max)
    else:
        numbers = np.rint(numbers)
        low, high = float(np.iinfo(dtype.name).min), float(np.iinfo(dtype.name).max)
        # The nearest double of 2**64 - 1 is 2**64, which would wrap.
        high = min(high, float(np.nextafter(2.0**64, 0)))
    fits = (numbers >= low) & (numbers <= high)
    return np.where(fits, numbers, 0.0).astype(dtype), fits


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of metrics that lie side by side in a frame's run and in the ring's."""

    run: int
    taken: slice
    run_first: int
    target_run: int
    target: slice
    target_first: int
    fits: bool
    factor: float

    @property
    def theirs(self) -> slice:
        """Rows of the frame's mask."""
        return slice(self.taken.start + self.run_first, self.taken.stop + self.run_first)

    @property
    def mine(self) -> slice:
        """Rows of the ring's `present`."""
        return slice(self.target.start + self.target_first, self.target.stop + self.target_first)

    def joined(self, other: "_Piece") -> "_Piece | None":
        """Both as one, when `other` follows in the frame and in the ring."""
        if (self.run, self.target_run, self.factor) != (other.run, other.target_run, other.factor):
            return None
        if (self.taken.stop, self.target.stop) != (other.taken.start, other.target.start):
            return None
        return replace(
            self,
            taken=slice(self.taken.start, other.taken.stop),
            target=slice(self.target.start, other.target.stop),
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a block of one layout is written.

    Parameters
    ----------
    pieces
        Stretches to copy.
    complete
        True when they bring every metric that is kept, each in a dtype that always fits.
    """

    pieces: tuple[_Piece, ...]
    complete: bool
