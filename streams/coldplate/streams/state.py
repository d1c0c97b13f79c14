"""What is kept of all devices of one kind: the last ticks, the slow metrics, and the detectors with their memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import Detector
from coldplate.streams.episode import Episodes
from coldplate.streams.ring import Ring
from coldplate.streams.slow import Slow
from coldplate.wire.metric import Kind, fast, metric

FRESH = -1
"""The next tick of a row that has had none."""


@dataclass(slots=True)
class Judge:
    """A detector with its memory and its episodes."""

    detector: Detector
    memory: dict[str, NDArray[np.float64]]
    episodes: Episodes


class KindState:
    """State and detectors of one kind of device.

    Parameters
    ----------
    kind
        Of the devices.
    detectors
        Of this kind.
    """

    def __init__(self, kind: Kind, detectors: Sequence[Detector]) -> None:
        self.ring = Ring(kind, fast(kind))
        wanted = dict.fromkeys(name for d in detectors for name in d.needs)
        self.slow = Slow([metric(kind, name) for name in wanted])
        self.next = np.full(0, FRESH, np.int64)
        self.newest = np.full(0, FRESH, np.int64)
        self.tick_ms = np.zeros(0, np.int64)
        judges = [
            Judge(d, {name: np.zeros(0) for name in d.remembers}, Episodes(d)) for d in detectors
        ]
        self.own = [j for j in judges if not j.detector.joined]
        """Asked as soon as a row's tick is there."""
        self.joined = [j for j in judges if j.detector.joined]
        """Asked when everything of the row's rack is there."""

    @property
    def judges(self) -> list[Judge]:
        """All of them."""
        return [*self.own, *self.joined]

    @property
    def newest_ms(self) -> NDArray[np.int64]:
        """Event time of each row's newest tick; negative where there is none."""
        return np.where(self.newest >= 0, self.newest * self.tick_ms, -1)

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows in everything."""
        more = rows - len(self.next)
        if more <= 0:
            return
        self.ring.grow(rows)
        self.slow.grow(rows)
        self.next = np.concatenate([self.next, np.full(more, FRESH, np.int64)])
        self.newest = np.concatenate([self.newest, np.full(more, FRESH, np.int64)])
        self.tick_ms = np.concatenate([self.tick_ms, np.zeros(more, np.int64)])
        for judge in self.judges:
            judge.episodes.grow(rows)
            for name, initial in judge.detector.remembers.items():
                judge.memory[name] = np.concatenate([judge.memory[name], np.full(more, initial)])

    @property
    def nbytes(self) -> int:
        """Bytes of all state."""
        own = self.ring.nbytes + self.slow.nbytes + self.next.nbytes + self.newest.nbytes
        return own + self.tick_ms.nbytes + sum(
            j.episodes.nbytes + sum(a.nbytes for a in j.memory.values()) for j in self.judges
        )  # fmt: skip
