"""What is kept of all devices of one kind: the last ticks, the slow metrics, and the detectors with their memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import cast

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import Coarse, Detector, Scores, Tick
from coldplate.streams.episode import Episodes
from coldplate.streams.ring import Ring
from coldplate.streams.slow import Slow
from coldplate.streams.variants import Voice
from coldplate.wire.metric import Kind, fast, metric

FRESH = -1
"""The next tick of a row that has had none."""


@dataclass(slots=True)
class Judge:
    """A detector with its memory and its episodes."""

    detector: Detector
    memory: dict[str, NDArray[np.float64]]
    episodes: Episodes
    voice: Voice | None = None
    """Rows that it is heard for; None: all."""

    def ask(self, tick: Tick) -> tuple[Tick, Scores]:
        """What it saw of a tick, and its answer."""
        if self.voice is None:
            return tick, self.detector.score(self.memory, tick)
        seen = self.voice.seen(tick)
        if not len(seen.rows):
            none = np.zeros(0)
            return seen, Scores(none, none, none)
        return seen, self.voice.heard(seen, self.detector.score(self.memory, seen))


Paced = dict[int, list[Judge]]
"""By how often they look, s."""


class KindState:
    """State and detectors of one kind of device.

    Parameters
    ----------
    kind
        Of the devices.
    detectors
        Of this kind.
    voices
        Of each, where some devices have parameters of their own.
    """

    def __init__(
        self, kind: Kind, detectors: Sequence[Detector], voices: Sequence[Voice | None] = ()
    ) -> None:
        self.ring = Ring(kind, fast(kind))
        wanted = dict.fromkeys(name for d in detectors for name in d.needs)
        self.slow = Slow([metric(kind, name) for name in wanted])
        self.next = np.full(0, FRESH, np.int64)
        self.newest = np.full(0, FRESH, np.int64)
        self.tick_ms = np.zeros(0, np.int64)
        judges = [
            Judge(d, {n: _fresh(v, 0) for n, v in d.remembers.items()}, Episodes(d), voice)
            for d, voice in zip_longest(detectors, voices)
        ]
        self.own = _paced(j for j in judges if not j.detector.joined)
        """Asked as soon as a row's tick is there."""
        self.joined = _paced(j for j in judges if j.detector.joined)
        """Asked when everything of the row's rack is there."""

    @property
    def judges(self) -> list[Judge]:
        """All of them."""
        return [j for paced in (self.own, self.joined) for judges in paced.values() for j in judges]

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
            for name, initial in judge.detector.remembers.items():
                judge.memory[name] = np.concatenate([judge.memory[name], _fresh(initial, more)])

    @property
    def nbytes(self) -> int:
        """Bytes of all state."""
        own = self.ring.nbytes + self.slow.nbytes + self.next.nbytes + self.newest.nbytes
        return own + self.tick_ms.nbytes + sum(
            j.episodes.nbytes + sum(a.nbytes for a in j.memory.values()) for j in self.judges
        )  # fmt: skip


def _paced(judges: Iterable[Judge]) -> Paced:
    out: Paced = {}
    for judge in judges:
        out.setdefault(judge.detector.every_s, []).append(judge)
    return out


def _fresh(initial: float, rows: int) -> NDArray[np.float64]:
    """Memory of rows that have had no tick."""
    dtype = np.float32 if isinstance(initial, Coarse) else np.float64
    return cast(NDArray[np.float64], np.full(rows, initial, dtype))
