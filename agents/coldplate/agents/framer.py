"""From ticks to frames: gathers each source's samples, and says when a frame is due.

A source's frames end on ticks that its rack's name spreads evenly, so that a hall does not send in one burst; what is
urgent does not wait (urgency.py). One framer serves one node or a whole twin of a hall.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from coldplate.agents.blocks import Held, Made
from coldplate.agents.collector import Collector, Conditions, Samples, Source
from coldplate.agents.urgency import Urgency
from coldplate.wire.frame import Head, Identity, pack_head, seal
from coldplate.wire.metric import Kind

URGENT_TICKS = 2
CALM_AFTER_S = 60.0

_Build = tuple[tuple[Kind, int], ...]
"""How many devices of each kind a source has."""


@dataclass(frozen=True, slots=True)
class Framed:
    """An encoded frame and what has to be known to send and count it; `first_ms` is the event time of its first tick."""

    identity: Identity
    rack: str
    first_ms: int
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
    seqs
        Next number by source, of an earlier framer of the same boot.
    """

    def __init__(
        self, cluster: str, collector: Collector, boot: int, *, tick_ms: int = 1000, ticks: int = 5,
        seqs: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        self.cluster, self.boot, self.tick_ms, self.ticks = cluster, boot, tick_ms, ticks
        self._devices = collector.devices
        self._sources: Sequence[Source] = collector.sources
        self._urgency = Urgency(self._sources)
        count = len(self._sources)
        self._builds: list[_Build] = [
            tuple((kind, len(span)) for kind, span in s.devices.items()) for s in self._sources
        ]
        self._phase = np.array([crc32(s.rack.encode()) % ticks for s in self._sources], np.int64)
        self._held = np.zeros(count, np.int64)
        self._shift_ticks = np.zeros(count, np.int64)
        self._seq = [(seqs or {}).get(s.name, 0) for s in self._sources]
        self._urgent_until = np.full(count, -1, np.int64)
        self._last_tick: int | None = None
        self._ids = [
            {k: self._devices[k][span.start : span.stop] for k, span in s.devices.items()}
            for s in self._sources
        ]
        self._ring = {kind: Held(kind, ticks, len(ids)) for kind, ids in self._devices.items()}

    def add(
        self, tick: int, samples: Samples, conditions: Conditions | None = None
    ) -> list[Framed]:
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
            ring.write(tick % self.ticks, samples[kind])
        self._held += 1
        if conditions is not None:
            self._held[conditions.silent] = 0
            self._shift_ticks = conditions.shift_ticks
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
        due = np.where(hurried, short, ordinary) & (self._held > 0)
        return out + self._frames(np.flatnonzero(due), tick, hurried)

    @property
    def seqs(self) -> dict[str, int]:
        """Next number by source."""
        return {s.name: n for s, n in zip(self._sources, self._seq, strict=True)}

    def flush(self) -> list[Framed]:
        """Frames of everything that is held."""
        if self._last_tick is None:
            return []
        calm = np.zeros(len(self._sources), np.bool_)
        return self._frames(np.flatnonzero(self._held), self._last_tick, calm)

    def _frames(self, due: NDArray[np.intp], last: int, urgent: NDArray[np.bool_]) -> list[Framed]:
        """A frame of each due source, of what it holds; those of one build and age are made together."""
        alike: dict[tuple[int, _Build], list[int]] = {}
        for i in due.tolist():
            alike.setdefault((int(self._held[i]), self._builds[i]), []).append(i)
        made: dict[int, Framed] = {}
        for (held, build), members in alike.items():
            slots = [t % self.ticks for t in range(last - held + 1, last + 1)]
            parts = [
                self._ring[kind].blocks(
                    slots,
                    [self._ids[i][kind] for i in members],
                    [self._sources[i].devices[kind].start for i in members],
                )
                for kind, _ in build
            ]
            for position, i in enumerate(members):
                of_source = [part[position] for part in parts]
                made[i] = self._seal(i, last - held + 1, held, of_source, bool(urgent[i]))
        self._held[due] = 0
        return [made[i] for i in due.tolist()]

    def _seal(
        self, index: int, first: int, held: int, made: Sequence[Made], urgent: bool
    ) -> Framed:
        source, seq = self._sources[index], self._seq[index]
        self._seq[index] += 1
        head = Head(
            self.cluster, source.name, source.rack, self.boot, seq,
            first + int(self._shift_ticks[index]), self.tick_ms, held,
            tuple(b for b, _, _ in made),
        )  # fmt: skip
        record = seal(pack_head(head), b"".join([body for _, body, _ in made]))
        values = sum(count for _, _, count in made)
        first_ms = head.tick * head.tick_ms
        return Framed(head.identity, source.rack, first_ms, held, values, urgent, record)
