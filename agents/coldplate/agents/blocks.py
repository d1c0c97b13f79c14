"""Blocks of many sources at once: what a hall's nodes of one build send is laid out in a few numpy steps.

A node agent has one source, the twin of a hall twelve thousand; the same code serves both. Most ticks have a third of
the catalogue: a metric that no device has is neither copied nor looked at again.
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

_IN_BODY = {kind: np.array(order, np.intp) for kind, order in BODY_ORDER.items()}

Made = tuple[Block, bytes, int]
"""A source's block, its body, and how many values are there."""


class Held:
    """The last ticks of all devices of a kind.

    Parameters
    ----------
    kind
        Of the devices.
    ticks, devices
        How many of each.
    """

    def __init__(self, kind: Kind, ticks: int, devices: int) -> None:
        self._kind = kind
        metrics = len(CATALOGUE[kind])
        # In body order, so that one reordering serves all sources.
        self._values = np.full((ticks, metrics, devices), np.nan)
        self._some = np.zeros((ticks, metrics), np.bool_)
        """Where a metric has a value at all; the rest of `_values` is NaN."""

    def write(self, place: int, values: NDArray[np.float64]) -> None:
        """Replace a tick; shape (metrics in the catalogue's order, devices)."""
        some = np.logical_not(np.isnan(values).all(axis=1))[_IN_BODY[self._kind]]
        into, order = self._values[place], BODY_ORDER[self._kind]
        for row in np.flatnonzero(self._some[place] & ~some).tolist():
            into[row] = np.nan
        for row in np.flatnonzero(some).tolist():
            into[row] = values[order[row]]
        self._some[place] = some

    def blocks(
        self, places: Sequence[int], ids: Sequence[tuple[str, ...]], first: Sequence[int]
    ) -> list[Made]:
        """One block a source.

        Parameters
        ----------
        places
            Of the ticks, in their order.
        ids
            Devices of each source, as many a source.
        first
            Number of each source's first device.
        """
        rows = np.flatnonzero(self._some[places].any(axis=0))
        # Where nothing is there, the devices are named all the same, with one metric that is absent.
        rows = rows if len(rows) else np.zeros(1, np.intp)
        width = len(ids[0])
        if len(ids) == 1:
            taken = self._values[places, :, first[0] : first[0] + width][:, rows]
            return _blocks(self._kind, ids, taken.transpose(1, 0, 2)[:, :, None], rows)
        columns = (np.array(first, np.intp)[:, None] + np.arange(width)).ravel()
        out = np.empty((len(rows), len(places), len(columns)))
        for i, row in enumerate(rows.tolist()):
            for j, place in enumerate(places):
                # Without a mode of its own `take` fills a buffer first.
                self._values[place, row].take(columns, out=out[i, j], mode="clip")
        shape = (len(rows), len(places), len(ids), width)
        return _blocks(self._kind, ids, out.reshape(shape), rows)


def _blocks(
    kind: Kind,
    ids: Sequence[tuple[str, ...]],
    values: NDArray[np.float64],
    rows: NDArray[np.intp],
) -> list[Made]:
    """One block a source.

    Parameters
    ----------
    values
        Shape (rows, ticks, sources, devices), in the catalogue's units, NaN where absent.
    rows
        Places in body order of the metrics given.
    """
    # Mostly a source's first device has what the others have.
    there = np.logical_not(np.isnan(values[..., 0]).all(axis=1))
    if not there.all():
        there = np.logical_not(np.isnan(values).all(axis=(1, 3)))
        there[0] |= ~there.any(axis=0)
    out: list[Made] = [(Block(int(kind), (), b""), b"", 0)] * len(ids)
    for pattern, members in _alike(there):
        taken = values if len(members) == len(ids) else values[:, :, members]
        taken = taken if pattern.all() else taken[pattern]
        layout = _layout(kind, rows[pattern].tobytes())
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
def _layout(kind: Kind, rows: bytes) -> Layout:
    """The layout of the metrics at these places (of the platform's integers) in body order."""
    order = BODY_ORDER[kind]
    return Layout.of(CATALOGUE[kind][order[row]] for row in np.frombuffer(rows, np.intp))
