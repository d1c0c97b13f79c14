"""Blocks of one shape as one block: what a fleet sends in a moment is written to the state in a few steps.

A block a node costs some fifty numpy calls on a few hundred numbers each, and nearly all of it is the calls. A batch
of a large fleet holds hundreds of blocks of the same shape.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from coldplate.wire.frame import Part
from coldplate.wire.layout import Layout, Raw, Run


@dataclass(frozen=True)
class Joined:
    """Blocks of one shape; like a `Part` whose arrays have an axis more, shape (metrics, ticks, blocks, devices).

    Parameters
    ----------
    layout, ticks, devices
        Of each block.
    bodies, masks
        One block's bytes after the other's; no masks when every value is present.
    """

    layout: Layout
    ticks: int
    devices: int
    bodies: NDArray[np.uint8]
    masks: NDArray[np.uint8] | None

    def arrays(self) -> Iterator[tuple[Run, Raw]]:
        """Each run with its raw array; no copy."""
        cells = self.ticks * self.devices
        for run in self.layout.runs:
            size, shape = (
                run.dtype.itemsize,
                (len(run.numbers), self.ticks, len(self.bodies), self.devices),
            )
            strides = (cells * size, self.devices * size, self.bodies.shape[1], size)
            yield (
                run,
                np.ndarray(shape, run.dtype, self.bodies.data, run.cell_offset * cells, strides),
            )

    def present(self) -> NDArray[np.bool_] | None:
        """As `Part.present`: False where a value is absent, None when all are present."""
        return self._present

    @cached_property
    def _present(self) -> NDArray[np.bool_] | None:
        count, metrics = len(self.bodies), len(self.layout.numbers)
        out: NDArray[np.bool_] | None = None
        if self.masks is not None:
            cells = self.ticks * self.devices
            bits = np.unpackbits(self.masks, axis=1, count=metrics * cells).view(np.bool_)
            out = bits.reshape(count, metrics, self.ticks, self.devices).transpose(1, 2, 0, 3)
        for run, raw in self.arrays() if self.layout.has_floats else ():
            if run.dtype.kind == "f" and not (finite := np.isfinite(raw)).all():
                if out is None:
                    out = np.ones((metrics, self.ticks, count, self.devices), np.bool_)
                out[run.first : run.first + len(run.numbers)] &= finite
        return out


def join(parts: Sequence[Part]) -> Joined:
    """One block with the devices of all; they must be of one shape."""
    first, count = parts[0], len(parts)
    bodies = np.frombuffer(b"".join([p.body for p in parts]), np.uint8).reshape(count, -1)
    masks = None
    if first.mask:
        masks = np.frombuffer(b"".join([p.mask for p in parts]), np.uint8).reshape(count, -1)
    return Joined(first.layout, first.ticks, len(first.devices), bodies, masks)
