"""How values lie in a frame's body: which metrics, in which order, in which dtype.

A layout is written into the frame as one u16 a metric (`dtype code << 12 | metric number`), so a frame
describes itself: a reader skips metrics it does not know and takes the rest, whoever is newer. Metrics
are ordered by falling item size, so that every array in the body is aligned, and runs of one dtype are
read by one `frombuffer`. Parsed layouts are cached: a fleet uses a handful.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from coldplate.wire.errors import Reason, WireError
from coldplate.wire.metric import CATALOGUE, DTYPE_CODES, DType, Kind, Metric

METRICS_MAX = 64
"""Metrics of one kind: one bit each in the history's `present` column."""

_DTYPES: dict[int, DType] = {code: dtype for dtype, code in DTYPE_CODES.items()}
_NUMPY: dict[DType, np.dtype[np.generic]] = {d: np.dtype("<" + d) for d in DTYPE_CODES}

Raw = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive metrics of one dtype: one array of shape (metrics, ticks, devices).

    Parameters
    ----------
    dtype
        numpy dtype, little-endian.
    numbers
        Metric numbers in body order.
    first
        Position of the run's first metric in the layout (its row in the mask).
    cell_offset
        Bytes of one (tick, device) cell that lie before this run.
    """

    dtype: np.dtype[np.generic]
    numbers: tuple[int, ...]
    first: int
    cell_offset: int


@dataclass(frozen=True, eq=False)
class Layout:
    """A parsed layout; build one with `Layout.of` or `Layout.parse`, which cache."""

    kind: Kind
    code: bytes
    numbers: tuple[int, ...]
    runs: tuple[Run, ...]
    cell_bytes: int

    @staticmethod
    def of(metrics: Iterable[Metric]) -> "Layout":
        """The layout for metrics of one kind, in body order (falling item size, then number).

        Raises
        ------
        ValueError
            When there are none, or of more than one kind.
        """
        ordered = sorted(metrics, key=lambda m: (-int(m.dtype[1]), m.dtype, m.number))
        kinds = {m.kind for m in ordered}
        if len(kinds) != 1:
            raise ValueError(f"a layout is of metrics of one kind, got {sorted(kinds)}")
        codes = [DTYPE_CODES[m.dtype] << 12 | m.number for m in ordered]
        return Layout.parse(kinds.pop(), np.array(codes, "<u2").tobytes())

    @staticmethod
    def parse(kind: Kind, code: bytes) -> "Layout":
        """The layout that a frame's block declares.

        Raises
        ------
        WireError
            `bad-layout` when empty, odd, repeated, or with an unknown dtype code.
        """
        return _parse(kind, bytes(code))

    @cached_property
    def has_floats(self) -> bool:
        """True when a value may be NaN or infinite."""
        return any(run.dtype.kind == "f" for run in self.runs)

    @cached_property
    def known(self) -> tuple[Metric | None, ...]:
        """Catalogue entries in body order; None for a metric that this reader does not know."""
        by_number = {m.number: m for m in CATALOGUE[self.kind]}
        return tuple(by_number.get(n) for n in self.numbers)

    @cached_property
    def _limits(self) -> tuple[NDArray[np.float64], ...]:
        per_unit, low, high = [], [], []
        for entry in self.known:
            if entry is None:
                raise ValueError("cannot write a metric that is not in the catalogue")
            info = np.finfo(entry.dtype) if entry.dtype[0] == "f" else np.iinfo(entry.dtype)
            # Float metrics travel as they are; their scale only says how finely they are rounded.
            per_unit.append(1.0 if entry.dtype[0] == "f" else 1.0 / entry.scale)
            low.append(float(info.min))
            # The nearest double of 2**64-1 is 2**64, which would wrap; 2**63 is far enough.
            high.append(min(float(info.max), 2.0**63 if entry.dtype[0] == "u" else np.inf))
        return tuple(np.array(x, np.float64)[:, None, None] for x in (per_unit, low, high))

    def quantize(self, values: NDArray[np.float64]) -> tuple[list[Raw], NDArray[np.bool_] | None]:
        """Physical values to wire integers, and where they are present.

        Parameters
        ----------
        values
            Shape (metrics in body order, ticks, devices), in the catalogue's units; NaN is absent.

        Returns
        -------
        groups
            One array a run, shape (metrics of the run, ticks, devices), in the wire's dtype.
        present
            False where absent or outside the dtype's range; None when everything is present.
        """
        per_unit, low, high = self._limits
        raw = values * per_unit
        present = (raw >= low) & (raw <= high)
        whole = bool(present.all())
        if not whole:
            raw = np.where(present, raw, 0.0)
        groups: list[Raw] = []
        for run in self.runs:
            part = raw[run.first : run.first + len(run.numbers)]
            if run.dtype.kind != "f":
                part = np.rint(part)
            groups.append(part.astype(run.dtype))
        return groups, None if whole else present


@lru_cache(maxsize=1024)
def _parse(kind: Kind, code: bytes) -> Layout:
    if not code or len(code) % 2 or len(code) > 2 * METRICS_MAX:
        raise WireError(
            Reason.BAD_LAYOUT, f"{len(code)} bytes do not list 1 to {METRICS_MAX} metrics"
        )
    entries = np.frombuffer(code, "<u2")
    numbers = tuple(int(e) & 0xFFF for e in entries)
    if len(set(numbers)) != len(numbers) or max(numbers) >= METRICS_MAX:
        raise WireError(Reason.BAD_LAYOUT, "a metric number is repeated or above 63")
    runs: list[Run] = []
    offset = first = 0
    for dtype, members in _runs([int(e) >> 12 for e in entries]):
        run = Run(_NUMPY[dtype], numbers[first : first + members], first, offset)
        runs.append(run)
        first += members
        offset += run.dtype.itemsize * members
    return Layout(kind, code, numbers, tuple(runs), offset)


def _runs(codes: Sequence[int]) -> list[tuple[DType, int]]:
    out: list[tuple[DType, int]] = []
    for code in codes:
        if code not in _DTYPES:
            raise WireError(Reason.BAD_LAYOUT, f"unknown dtype code {code}")
        dtype = _DTYPES[code]
        if out and out[-1][0] == dtype:
            out[-1] = (dtype, out[-1][1] + 1)
        else:
            out.append((dtype, 1))
    return out
