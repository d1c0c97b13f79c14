"""Frames of one shape, joined: their values as arrays over all of them at once.

A fleet sends thousands of frames a second in a handful of shapes. Frames of one shape lie in memory
like one array, so that a metric's column is one strided copy and no Python runs per sample.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from coldplate.sinks.tables import kept_dtype
from coldplate.wire.frame import Frame, Part
from coldplate.wire.inventory import device_key
from coldplate.wire.metric import Metric

Bools = NDArray[np.bool_]


@lru_cache(maxsize=1 << 17)
def device_keys(rack: str, devices: tuple[str, ...]) -> NDArray[np.uint64]:
    """Keys of a block's devices, shape (devices,); read only."""
    keys = np.array([device_key(rack, d) for d in devices], np.uint64)
    keys.flags.writeable = False
    return keys


class Group:
    """Parts of one shape.

    Parameters
    ----------
    frames, parts
        Each part with its frame, in the order of the rows: frame, tick, device.
    indexes
        Position of each frame in the caller's list.
    """

    def __init__(
        self, frames: Sequence[Frame], parts: Sequence[Part], indexes: Sequence[int]
    ) -> None:
        self.layout, self.ticks, self.devices, masked = parts[0].shape
        self.kind = self.layout.kind
        self.frames, self.indexes, self._parts = frames, indexes, parts
        self.cells = self.ticks * self.devices
        self.shape = (len(parts), self.ticks, self.devices)
        joined = b"".join([p.body for p in parts])
        body = np.frombuffer(joined, np.uint8).reshape(len(parts), -1)
        self._runs = []
        for run in self.layout.runs:
            begin = run.cell_offset * self.cells
            count = len(run.numbers)
            end = begin + count * self.cells * run.dtype.itemsize
            flat = body[:, begin:end].view(run.dtype)
            self._runs.append(flat.reshape(len(parts), count, *self.shape[1:]))
        self._mask = self._unpacked() if masked else None
        self._positions = {number: i for i, number in enumerate(self.layout.numbers)}

    def _unpacked(self) -> Bools:
        count = len(self.layout.numbers) * self.cells
        masks = np.frombuffer(b"".join([p.mask for p in self._parts]), np.uint8)
        bits = np.unpackbits(masks.reshape(len(self._parts), -1), axis=1, count=count)
        return bits.view(np.bool_).reshape(len(self._parts), -1, *self.shape[1:])

    def has(self, metric: Metric) -> bool:
        """True when the layout lists the metric."""
        return metric.number in self._positions

    def column(self, metric: Metric) -> tuple[NDArray[np.generic], Bools | None]:
        """A metric's values as the history keeps them (`kept_dtype`, steps of `kept_scale`), and where they are.

        Both of shape (frames, ticks, devices); None when every value is there. A value that does not
        fit, which a newer sender may have widened, is absent.
        """
        position = self._positions[metric.number]
        for run, values in zip(self.layout.runs, self._runs, strict=True):
            if run.first <= position < run.first + len(run.numbers):
                raw = values[:, position - run.first]
                break
        there = None if self._mask is None else self._mask[:, position]
        wanted = np.dtype(kept_dtype(metric))
        # On the wire integers count steps of the catalogue's scale, floats are physical values.
        wire_scale = 1.0 if raw.dtype.kind == "f" else metric.scale
        if raw.dtype == wanted and wire_scale == metric.kept_scale:
            return raw, there
        return _converted(raw, wanted, there, wire_scale / metric.kept_scale)

    def device_column(self) -> NDArray[np.uint64]:
        """Device keys, shape (frames, 1, devices)."""
        pairs = zip(self.frames, self._parts, strict=True)
        return np.stack([device_keys(f.head.rack, p.devices) for f, p in pairs])[:, None, :]

    def time_column(self) -> NDArray[np.int64]:
        """Unix milliseconds of each tick, shape (frames, ticks, 1); the frames must be admitted."""
        first = np.array([f.head.tick for f in self.frames], np.int64)[:, None]
        length = np.array([f.head.tick_ms for f in self.frames], np.int64)[:, None]
        return ((first + np.arange(self.ticks)) * length)[:, :, None]

    def head_column(self, name: str) -> NDArray[np.uint64]:
        """`boot`, `seq` or `tick_ms`, shape (frames, 1, 1)."""
        return np.array([getattr(f.head, name) for f in self.frames], np.uint64)[:, None, None]


def _converted(
    raw: NDArray[np.generic], wanted: np.dtype[np.generic], there: Bools | None, factor: float
) -> tuple[NDArray[np.generic], Bools | None]:
    if factor == 1.0 and np.can_cast(raw.dtype, wanted, "safe"):
        return raw.astype(wanted), there
    bounds = np.iinfo(wanted.name)
    low, high = float(bounds.min), float(bounds.max)
    # The nearest double of 2**64 - 1 is 2**64, which would wrap.
    if wanted in (np.uint64, np.int64):
        high = np.nextafter(high, 0)
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = raw.astype(np.float64)
        if factor != 1.0:
            numbers *= factor
        np.rint(numbers, out=numbers)
        exact = raw if factor == 1.0 and raw.dtype.kind != "f" else numbers
        if numbers.min() >= low and numbers.max() <= high:
            return exact.astype(wanted), there
        # One that is no number compares false, so it neither fits nor reaches the cast.
        fits = (numbers >= low) & (numbers <= high)
    safe = np.where(fits, exact, np.zeros((), exact.dtype))
    return safe.astype(wanted), fits if there is None else there & fits
