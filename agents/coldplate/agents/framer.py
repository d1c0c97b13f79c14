"""From ticks to frames: gathers each source's samples, and says when a frame is due.

A source's frames end on ticks that its rack's name spreads evenly, so that a hall does not send in one burst; what is
urgent does not wait (urgency.py). One framer serves one node or a whole twin of a hall.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from coldplate.agents.collector import Collector, Samples, Source
from coldplate.agents.urgency import Urgency
from coldplate.wire.frame import Block, Head, Identity, block, encode_frame
from coldplate.wire.layout import Layout, Raw
from coldplate.wire.metric import CATALOGUE, Kind

URGENT_TICKS = 2
CALM_AFTER_S = 60.0

_BODY_ORDER = {k: tuple(m.number for m in Layout.of(CATALOGUE[k]).known if m) for k in Kind}


@dataclass(frozen=True, slots=True)
class Framed:
    """An encoded frame and what has to be known to send and count it."""

    identity: Identity
    rack: str
    ticks: int
    values: int
    urgent: bool
    record: bytes


class Framer:
    """Gathers samples until frames are due.

    Parameters
    ----------
    cluster
        Cluster id.
    collector
        Whose devices and sources; its samples are given to `add`.
    boot
        Chosen anew at each start; with source and sequence number the identity of a frame.
    tick_ms
        Length of a tick.
    ticks
        Ticks of an ordinary frame, 1 to 60.
    """

    def __init__(
        self, cluster: str, collector: Collector, boot: int, *, tick_ms: int = 1000, ticks: int = 5
    ) -> None:
        self.cluster, self.boot, self.tick_ms, self.ticks = cluster, boot, tick_ms, ticks
        self._devices = collector.devices
        self._sources: Sequence[Source] = collector.sources
        self._urgency = Urgency(self._sources)
        count = len(self._sources)
        self._phase = np.array([crc32(s.rack.encode()) % ticks for s in self._sources], np.int64)
        self._held = np.zeros(count, np.int64)
        self._seq = [0] * count
        self._urgent_until = np.full(count, -1, np.int64)
        self._last_tick: int | None = None
        self._ring = {
            kind: np.full((len(CATALOGUE[kind]), ticks, len(ids)), np.nan)
            for kind, ids in self._devices.items()
        }

    def add(self, tick: int, samples: Samples) -> list[Framed]:
        """Take the samples of a tick (its number); the frames that are now due.

        After a gap in the ticks, what was held goes first: a frame's ticks follow one another.
        """
        out: list[Framed] = []
        gap = self._last_tick is not None and tick != self._last_tick + 1
        if gap and self._last_tick is not None:
            out = self.flush()
        passed = 1 if self._last_tick is None else max(1, tick - self._last_tick)
        self._last_tick = tick
        for kind, ring in self._ring.items():
            # The catalogue's order becomes the body's, once for all sources.
            ring[:, tick % self.ticks] = samples[kind][list(_BODY_ORDER[kind])]
        self._held += 1
        urgent = self._urgency.look(samples, passed * self.tick_ms / 1000)
        until = tick + int(CALM_AFTER_S * 1000 / self.tick_ms)
        # After a clock that was set back nobody stays hurried for longer than this.
        np.minimum(self._urgent_until, until, out=self._urgent_until)
        was_calm = self._urgent_until < tick
        self._urgent_until[urgent] = until
        hurried = self._urgent_until >= tick
        ordinary = (tick + self._phase) % self.ticks == self.ticks - 1
        ordinary |= self._held >= self.ticks
        short = (urgent & was_calm) | (self._held >= min(URGENT_TICKS, self.ticks))
        due = np.where(hurried, short, ordinary)
        out += [self._frame(int(i), tick, bool(hurried[i])) for i in np.flatnonzero(due)]
        return out

    def flush(self) -> list[Framed]:
        """Frames of everything that is held."""
        if self._last_tick is None:
            return []
        return [self._frame(int(i), self._last_tick, False) for i in np.flatnonzero(self._held)]

    def _frame(self, index: int, last: int, urgent: bool) -> Framed:
        source, held = self._sources[index], int(self._held[index])
        self._held[index] = 0
        slots = [t % self.ticks for t in range(last - held + 1, last + 1)]
        blocks: list[Block] = []
        groups: list[Raw] = []
        values = 0
        for kind, span in source.devices.items():
            array = self._ring[kind][:, slots, span.start : span.stop]
            ids = self._devices[kind][span.start : span.stop]
            if (made := _block(kind, ids, array)) is not None:
                blocks.append(made[0])
                groups += made[1]
                values += made[2]
        seq = self._seq[index]
        self._seq[index] += 1
        head = Head(
            self.cluster, source.name, source.rack, self.boot, seq,
            last - held + 1, self.tick_ms, held, tuple(blocks),
        )  # fmt: skip
        record = encode_frame(head, groups)
        return Framed(head.identity, source.rack, held, values, urgent, record)


def _block(
    kind: Kind, ids: tuple[str, ...], array: NDArray[np.float64]
) -> tuple[Block, list[Raw], int]:
    """A block of the metrics that are there at all; of everything when nothing is."""
    absent = np.isnan(array)
    there: NDArray[np.bool_] = np.logical_not(absent.all(axis=(1, 2)))
    if not there.any():
        # The devices are named though nothing is known of them.
        there = np.arange(len(there)) == 0
    if there.all():
        layout = _full(kind)
    else:
        array = array[there]
        layout = _partial(kind, there.tobytes())
    groups, present = layout.quantize(array)
    values = array.size if present is None else int(present.sum())
    return block(layout, ids, present), groups, values


def _full(kind: Kind) -> Layout:
    return _partial(kind, b"\1" * len(CATALOGUE[kind]))


@lru_cache(maxsize=256)
def _partial(kind: Kind, there: bytes) -> Layout:
    """The layout of the metrics whose byte is set; bytes are in body order."""
    numbers = [n for n, t in zip(_BODY_ORDER[kind], there, strict=True) if t]
    return Layout.of(CATALOGUE[kind][n] for n in numbers)
