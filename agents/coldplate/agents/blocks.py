"""Blocks of many sources at once: what a hall's nodes of one build send is laid out in a few numpy steps.

A node agent has one source, the twin of a hall twelve thousand; the same code serves both.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from coldplate.wire.frame import Block
from coldplate.wire.layout import Layout
from coldplate.wire.metric import CATALOGUE, Kind

BODY_ORDER = {k: tuple(m.number for m in Layout.of(CATALOGUE[k]).known if m) for k in Kind}
"""By kind: metric numbers in the order in which a full body has them."""

Made = tuple[Block, bytes, int]
"""A source's block, its body, and how many values are there."""


def blocks(kind: Kind, ids: Sequence[tuple[str, ...]], values: NDArray[np.float64]) -> list[Made]:
    """One block a source.

    Parameters
    ----------
    kind
        Of the devices.
    ids
        Of each source, as many a source.
    values
        Shape (metrics in body order, ticks, sources, devices), in the catalogue's units, NaN where absent.
    """
    there = np.logical_not(np.isnan(values).all(axis=(1, 3)))
    # Where nothing is there, the devices are named all the same, with one metric that is absent.
    there[0] |= ~there.any(axis=0)
    out: list[Made] = [(Block(int(kind), (), b""), b"", 0)] * len(ids)
    for pattern, members in _alike(there):
        taken = values if len(members) == len(ids) else values[:, :, members]
        taken = taken if pattern.all() else taken[pattern]
        layout = _layout(kind, pattern.tobytes())
        for at, made in zip(members.tolist(), _of_one_layout(layout, taken), strict=True):
            mask, body, count = made
            out[at] = (Block(int(kind), ids[at], layout.code, mask), body, count)
    return out


def _alike(there: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.intp]]]:
    """Sources that have the same metrics: which these are, and which sources."""
    if (there == there[:, :1]).all():
        yield there[:, 0], np.arange(there.shape[1])
        return
    patterns, of = np.unique(there, axis=1, return_inverse=True)
    for i in range(patterns.shape[1]):
        yield patterns[:, i], np.flatnonzero(of.ravel() == i)


def _of_one_layout(layout: Layout, values: NDArray[np.float64]) -> list[tuple[bytes, bytes, int]]:
    """Mask, body and number of values of each source."""
    metrics, ticks, sources, devices = values.shape
    groups, present = layout.quantize(values.reshape(metrics, ticks, sources * devices))
    parts = [
        np.ascontiguousarray(
            g.reshape(len(g), ticks, sources, devices).transpose(2, 0, 1, 3)
        ).reshape(sources, -1).view(np.uint8)
        for g in groups
    ]  # fmt: skip
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    bodies = [row.tobytes() for row in whole]
    cells = metrics * ticks * devices
    if present is None:
        return [(b"", body, cells) for body in bodies]
    of_source = present.reshape(metrics, ticks, sources, devices).transpose(2, 0, 1, 3)
    bits = of_source.reshape(sources, cells)
    counts = np.count_nonzero(bits, axis=1).tolist()
    masks = np.packbits(bits, axis=1)
    return [
        (b"" if count == cells else mask.tobytes(), body, count)
        for mask, body, count in zip(masks, bodies, counts, strict=True)
    ]


@lru_cache(maxsize=256)
def _layout(kind: Kind, there: bytes) -> Layout:
    """The layout of the metrics whose byte is set; bytes are in body order."""
    numbers = [n for n, t in zip(BODY_ORDER[kind], there, strict=True) if t]
    return Layout.of(CATALOGUE[kind][n] for n in numbers)
