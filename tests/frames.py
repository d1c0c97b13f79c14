"""Frames for tests: from a few numbers to the bytes of a record, through the product's own encoder."""

from collections.abc import Mapping

import numpy as np

from coldplate.streams.pipeline import Record
from coldplate.wire.frame import Head, block, encode_frame
from coldplate.wire.layout import Layout
from coldplate.wire.metric import Kind, metric

Values = Mapping[Kind, tuple[tuple[str, ...], Mapping[str, object]]]
"""By kind: device ids, and by metric a number, or an array that broadcasts to (ticks, devices)."""


def record_bytes(
    source: str,
    rack: str,
    tick: int,
    ticks: int,
    values: Values,
    *,
    seq: int = 0,
    boot: int = 1,
    cluster: str = "test",
    tick_ms: int = 1000,
) -> bytes:
    """One encoded frame."""
    blocks, groups = [], []
    for kind, (devices, by_name) in values.items():
        layout = Layout.of(metric(kind, name) for name in by_name)
        array = np.empty((len(layout.numbers), ticks, len(devices)))
        for i, entry in enumerate(layout.known):
            assert entry is not None
            array[i] = np.broadcast_to(np.asarray(by_name[entry.name], float), array[i].shape)
        raw, present = layout.quantize(array)
        blocks.append(block(layout, devices, present))
        groups += raw
    head = Head(cluster, source, rack, boot, seq, tick, tick_ms, ticks, tuple(blocks))
    return encode_frame(head, groups)


def record(value: bytes, *, timestamp_ms: int, offset: int = 0, partition: int = 0) -> Record:
    """A record as the worker gets it."""
    return Record("coldplate.frames", partition, offset, timestamp_ms, value)
