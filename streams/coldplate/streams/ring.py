"""The state arrays: the last ticks of every device of one kind, laid out as a frame's body is.

One array a dtype, shape (metrics, slots, rows), holds the wire's integers; `seen` tells which tick a
slot holds, `present` which values are there, one bit a metric. A frame is written by one assignment a dtype run.
Values become physical numbers (NaN where absent) only when a detector asks.

Notes
-----
GPU: fast metrics cost 47 bytes a slot for values, 4 for presence and 4 for the tick: 0.9 kB a GPU with 16 slots.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.fleet import Rows
from coldplate.streams.join import Joined
from coldplate.wire.frame import Part
from coldplate.wire.layout import Layout, Raw
from coldplate.wire.metric import Kind, Metric

SLOTS = 16
"""Ticks kept: three frames of 5, so that a frame which comes one frame late is still in order."""

PAST_MAX = SLOTS // 2
"""Ticks that a window goes back at most; so many are there whatever the size of frames."""

PLANS_MAX = 64
"""Layouts whose way into the ring is remembered; a fleet uses a handful."""

_NEVER = -1

Scalar = TypeVar("Scalar", bound=np.generic)

Bits = NDArray[np.unsignedinteger[Any]]
Slots = NDArray[np.int64] | int
"""Of each row, or of all."""


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
        bits = np.uint64(1) << np.arange(len(self.layout.numbers), dtype=np.uint64)
        self._bits: Bits = bits.astype(np.uint32) if len(bits) <= 32 else bits
        self._present: Bits = np.zeros_like(self._bits, shape=(SLOTS, 0))
        self.seen: NDArray[np.int32] = np.full((SLOTS, 0), _NEVER, np.int32)
        self._metrics = {
            metric.name: (index, position, run.first + position, _scale(metric))
            for index, run in enumerate(self.layout.runs)
            for position, metric in enumerate(
                self.layout.known[run.first : run.first + len(run.numbers)]
            )
            if metric is not None
        }
        """By name: its run, its place in it, its bit, and what one of its integers is worth."""
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

    def write(
        self, part: Part | Joined, rows: Rows, tick: int, start: int = 0, count: int = SLOTS
    ) -> None:
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
        arrays = [raw for _, raw in part.arrays()]
        for slot, begin, ticks in cuts:
            slots, source = slice(slot, slot + ticks), slice(begin, begin + ticks)
            # Mostly everything of a piece is there: one number says so for all cells.
            all_there, some = self._bits.dtype.type(0), []
            for piece in plan.pieces:
                values = arrays[piece.run][piece.taken, source]
                there = None if present is None else present[piece.theirs, source]
                if not piece.fits:
                    dtype = self._raw[piece.target_run].dtype
                    values, fits = converted(values, piece.factor, dtype)
                    there = fits if there is None else there & fits
                _put(self._raw[piece.target_run][piece.target], slots, rows, values)
                if there is None or there.all():
                    all_there |= np.bitwise_or.reduce(self._bits[piece.mine])
                else:
                    some += list(zip(self._bits[piece.mine], there, strict=True))
            bits = np.full(arrays[0][0, source].shape, all_there)
            for bit, there in some:
                bits |= np.where(there, bit, 0).astype(bits.dtype)
            _put(self._present, slots, rows, bits)
            numbers = _low(np.arange(tick + begin, tick + begin + ticks, dtype=np.int64))
            _put(
                self.seen,
                slots,
                rows,
                np.broadcast_to(numbers.reshape(-1, *[1] * (bits.ndim - 1)), bits.shape),
            )

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
        if len(self._plans) >= PLANS_MAX:
            self._plans.clear()
        plan = self._plans[layout.code] = _Plan(tuple(pieces))
        return plan

    def holds(self, rows: Rows, number: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Where a row's tick is there, and not another one in its slot."""
        out: NDArray[np.bool_] = self.seen[cells(slots_of(number), rows)] == _low(number)
        return out

    def value(self, name: str, slots: Slots, rows: Rows) -> NDArray[np.float64]:
        """Physical values of a metric, one a row at the row's own slot; NaN where absent."""
        index, position, bit, scale = self._metrics[name]
        at = cells(slots, rows)
        out: NDArray[np.float64] = self._raw[index][position][at].astype(np.float64)
        if scale != 1.0:
            out *= scale
        there = self._present[at] & self._bits[bit]
        if not there.all():
            out[there == 0] = np.nan
        return out

    def window(
        self, number: NDArray[np.int64], rows: Rows, seconds: int, tick_ms: NDArray[np.int64]
    ) -> "Window":
        """The ticks of some seconds, each row's own the last, for `past` and `mean`.

        `tick_ms` may be one for all.
        """
        ticks = np.clip(1000 * seconds // np.maximum(tick_ms, 1), 1, PAST_MAX)
        count = int(ticks.max())
        alike, back = count == ticks.min(), np.arange(count - 1, -1, -1)
        if alike and isinstance(rows, slice) and (number == number[0]).all():
            wanted = (int(number[0]) - back)[:, None]
            at: Any = (wanted[:, 0] % SLOTS, rows)
        else:
            wanted = number - back[:, None]
            at = (wanted % SLOTS, np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows)  # fmt: skip
        present = self._present[at]
        there = self.seen[at] == _low(wanted)
        if not alike:
            there &= back[:, None] < ticks
        if not there.all():
            present = np.where(there, present, 0).astype(present.dtype)
        return Window(at, present, np.bitwise_and.reduce(present, axis=0))

    def past(self, name: str, window: "Window") -> NDArray[np.float64]:
        """Physical values of a metric in a window, shape (ticks, rows), the newest last; NaN where absent."""
        index, position, bit, scale = self._metrics[name]
        out: NDArray[np.float64] = self._raw[index][position][window.at].astype(np.float64)
        if scale != 1.0:
            out *= scale
        if not (window.always & self._bits[bit]).all():
            out[window.present & self._bits[bit] == 0] = np.nan
        return out

    def mean(self, name: str, window: "Window") -> NDArray[np.float64]:
        """Mean of what there is of a metric in a window, one a row; NaN where there is nothing."""
        values = self.past(name, window)
        if (window.always & self._bits[self._metrics[name][2]]).all():
            out: NDArray[np.float64] = np.add.reduce(values, axis=0)
            out *= 1.0 / len(values)
            return out
        told = np.isfinite(values)
        with np.errstate(invalid="ignore"):
            some: NDArray[np.float64] = np.where(told, values, 0.0).sum(axis=0) / told.sum(axis=0)
        return some


@dataclass(frozen=True, slots=True)
class Window:
    """Some ticks of some rows.

    Parameters
    ----------
    at
        Index of slots and rows, of shape (ticks, rows).
    present
        Which metrics are there, one bit each; none where the ring does not hold the tick.
    always
        One a row: the metrics that are there at all ticks.
    """

    at: Any
    present: Bits
    always: Bits


def _low(number: NDArray[np.int64]) -> NDArray[np.int32]:
    """The low 32 bits of ticks' numbers: enough to tell those apart that may stand in one slot."""
    return number.astype(np.int32)


def slots_of(number: NDArray[np.int64]) -> Slots:
    """The slot of each row's tick."""
    if len(number) and (number == number[0]).all():
        return int(number[0]) % SLOTS
    return number % SLOTS


def cells(slots: Slots, rows: Rows) -> tuple[Slots, Rows]:
    """An index of one cell a row; numpy takes a slice with an array of slots for all of both."""
    if isinstance(rows, slice) and not isinstance(slots, int):
        return slots, np.arange(rows.start, rows.stop)
    return slots, rows


def _scale(metric: Metric) -> float:
    """Float metrics travel as they are."""
    return 1.0 if metric.dtype[0] == "f" else metric.scale


def _put(into: NDArray[Scalar], slots: slice, rows: Rows, values: NDArray[Scalar]) -> None:
    """Values of shape (..., slots, rows), where rows may be blocks of rows, to those slots and rows."""
    if isinstance(rows, slice):
        # Splitting the last axis leaves a view.
        into[..., slots, rows].reshape(values.shape)[...] = values
    else:
        into[..., slots, rows] = values


def _widen(array: NDArray[Scalar], room: int, fill: int) -> NDArray[Scalar]:
    out = np.full((*array.shape[:-1], room), fill, array.dtype)
    out[..., : array.shape[-1]] = array
    return out


def converted(
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
    """

    pieces: tuple[_Piece, ...]
