"""Blocks of one shape as one block: what a fleet sends in a moment is written to the state in a few steps.

A block a node costs some fifty numpy calls on a few hundred numbers each, and nearly all of it is the calls. A batch
of a large fleet holds hundreds of blocks of the same shape.
"""

from collections.abc import Sequence

import numpy as np

from coldplate.wire.frame import Part


def join(parts: Sequence[Part]) -> Part:
    """One block with the devices of all; they must be of one shape."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    count, ticks, devices = len(parts), first.ticks, len(first.devices)
    cells = ticks * devices
    bodies = np.frombuffer(b"".join([p.body for p in parts]), np.uint8).reshape(count, -1)
    runs = []
    for run in first.layout.runs:
        size = run.dtype.itemsize
        begin = run.cell_offset * cells
        values = bodies[:, begin : begin + len(run.numbers) * cells * size]
        # (blocks, metrics, ticks, devices) becomes (metrics, ticks, blocks, devices).
        rows = values.reshape(count, -1, devices * size).transpose(1, 0, 2)
        runs.append(rows.tobytes())
    mask = b""
    if first.mask:
        masks = np.frombuffer(b"".join([p.mask for p in parts]), np.uint8).reshape(count, -1)
        bits = np.unpackbits(masks, axis=1, count=len(first.layout.numbers) * cells)
        mask = np.packbits(bits.reshape(count, -1, devices).transpose(1, 0, 2)).tobytes()
    ids = tuple(d for p in parts for d in p.devices)
    return Part(first.kind, ids, first.layout, ticks, mask, memoryview(b"".join(runs)))
