"""What a detector is: a pure, vectorised function from some rows' values at their tick to scores.

A detector has no clock, does no I/O and logs nothing. What it remembers lies in arrays that the engine
owns and hands in, one element a row, so that it can be grown, copied and pickled. It fires through an
episode (episode.py): score at or above `on` for `hold_s`, silent again below `off` for `clear_s`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.ring import Ring, Window, slots_of
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

T = TypeVar("T")
F64 = NDArray[np.float64]
Memory = Mapping[str, F64]
"""A detector's memory: arrays over all rows of its kind; it may write to the rows of the tick only."""


class Coarse(float):
    """The initial value of a memory array that is kept with seven digits, in half the room."""


def coarsely(initial: Mapping[str, float]) -> dict[str, float]:
    """All of a memory as `Coarse`; not for times, counters or job numbers."""
    return {name: Coarse(value) for name, value in initial.items()}


class Around(Protocol):
    """What a tick knows beyond its own rows; the engine gives it."""

    @property
    def racks(self) -> int:
        """How many racks there are."""

    def latest(
        self, kind: Kind, name: str, rows: NDArray[np.intp], t_ms: NDArray[np.int64], /
    ) -> F64:
        """See `Tick.latest`."""

    def near(
        self, mine: Kind, rows: NDArray[np.intp], kind: Kind, name: str, t_ms: NDArray[np.int64],
        every_s: int, /,
    ) -> F64:  # fmt: skip
        """See `Tick.near` and, of more than a second, `Tick.near_mean`."""

    def rack_of(self, kind: Kind, rows: NDArray[np.intp], /) -> NDArray[np.intp]:
        """See `Tick.rack`."""

    def node_of(self, rows: NDArray[np.intp], /) -> NDArray[np.intp]:
        """See `Tick.node`."""

    def below(self, rows: NDArray[np.intp], name: str, t_ms: NDArray[np.int64], /) -> F64:
        """See `Tick.below`."""


class Alone:
    """An `Around` with nothing in it: for one who tries a detector by hand."""

    racks = 1

    def latest(self, _kind: Kind, _name: str, rows: NDArray[np.intp], _t: NDArray[np.int64]) -> F64:
        """Nothing is known."""
        return np.full(len(rows), np.nan)

    def near(
        self, _mine: Kind, rows: NDArray[np.intp], _kind: Kind, _name: str, _t: NDArray[np.int64],
        _every_s: int,
    ) -> F64:  # fmt: skip
        """Nothing stands beside it."""
        return np.full(len(rows), np.nan)

    def rack_of(self, _kind: Kind, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """All in one."""
        return np.zeros(len(rows), np.intp)

    def node_of(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """None is known."""
        return np.full(len(rows), -1, np.intp)

    def below(self, rows: NDArray[np.intp], _name: str, _t: NDArray[np.int64]) -> F64:
        """Nothing hangs on it."""
        return np.full(len(rows), np.nan)


@dataclass(frozen=True, slots=True)
class Tick:
    """Values of some rows of one kind, each at its own tick.

    Parameters
    ----------
    ring
        Where the values are.
    rows
        Which rows, ascending.
    number
        Tick number of each row.
    t_ms
        Event time of each row's tick, Unix milliseconds.
    """

    ring: Ring
    rows: NDArray[np.intp]
    number: NDArray[np.int64]
    t_ms: NDArray[np.int64]
    around: Around = field(default_factory=Alone)
    every_s: int = 1
    """Seconds that an answer stands for: the detector's `every_s`."""
    asked: dict[Any, Any] = field(default_factory=dict)
    """What a detector has asked for: the next one gets the same, and must not change it."""

    @property
    def at(self) -> NDArray[np.intp] | slice:
        """The rows; a slice when they lie side by side, which numpy reads and writes in place."""
        return self.once("at", lambda: span(self.rows))

    @property
    def now_ms(self) -> F64:
        """`t_ms` as what a detector can remember."""
        return self.once("now_ms", lambda: self.t_ms.astype(np.float64))

    def value(self, name: str) -> F64:
        """A metric's physical values, one a row; NaN where absent."""
        slots = self.once("slots", lambda: slots_of(self.number))
        return self.once(name, lambda: self.ring.value(name, slots, self.at))

    def past(self, name: str) -> F64:
        """A metric's values since the last look, shape (ticks, rows), this tick's last; NaN where absent."""
        if self._single:
            return self.value(name)[None, :]
        return self.once((name, "past", self.every_s), lambda: self.ring.past(name, self._window))

    def mean(self, name: str) -> F64:
        """Mean of a metric since the last look, of what is there, one a row; its value where every tick is looked at."""
        if self._single:
            return self.value(name)
        return self.once((name, "mean", self.every_s), lambda: self.ring.mean(name, self._window))

    @property
    def _single(self) -> bool:
        return self.every_s == 1 or not len(self.rows)

    @property
    def _window(self) -> Window:
        return self.once(("window", self.every_s), self._take_window)

    def _take_window(self) -> Window:
        return self.ring.window(self.number, self.at, self.every_s, self._tick_ms)

    @property
    def _tick_ms(self) -> NDArray[np.int64]:
        """Length of each row's ticks; one element where all are judged at one."""
        return self.once("tick_ms", self._take_tick_ms)

    def _take_tick_ms(self) -> NDArray[np.int64]:
        number, t_ms = self._times
        return np.maximum(t_ms // np.maximum(number, 1), 1)

    @property
    def _times(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """`number` and `t_ms`; of the first row alone where all are at one tick, as they mostly are."""
        return self.once("times", self._take_times)

    def _take_times(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if (self.number == self.number[0]).all() and (self.t_ms == self.t_ms[0]).all():
            return self.number[:1], self.t_ms[:1]
        return self.number, self.t_ms

    def look(self, every_s: int) -> "Tick":
        """The rows of which a detector that looks every so many seconds is asked now; maybe none."""
        if every_s == 1 or not len(self.rows):
            return self
        due = self._times[1] % (1000 * every_s) < self._tick_ms
        if due.all():
            return replace(self, every_s=every_s)
        at = np.flatnonzero(due) if len(due) == len(self.rows) else np.zeros(0, np.intp)
        return replace(self.part(at), every_s=every_s)

    def part(self, at: NDArray[np.intp]) -> "Tick":
        """The tick of some of its rows, by their positions."""
        return replace(
            self, rows=self.rows[at], number=self.number[at], t_ms=self.t_ms[at], asked={}
        )

    def latest(self, name: str) -> F64:
        """A slow metric's newest values at or before the tick; NaN where there is none or it is too old."""
        kind = self.ring.kind
        return self.once(name, lambda: self.around.latest(kind, name, self.rows, self.t_ms))

    def near(self, kind: Kind, name: str) -> F64:
        """A metric of what stands beside each row: its node, or its rack's CDU or power meter.

        At the row's own tick, or the newest of the seconds before it; NaN where nothing is told. Whole only
        for a detector that is `joined`.
        """
        return self.once((kind, name), lambda: self._take_near(kind, name, 1))

    def near_mean(self, kind: Kind, name: str) -> F64:
        """As `near`, and as `mean`."""
        every_s = self.every_s
        return self.once((kind, name, every_s), lambda: self._take_near(kind, name, every_s))

    def _take_near(self, kind: Kind, name: str, every_s: int) -> F64:
        first, size = self.once((kind, "runs"), lambda: self._runs(kind))
        rows, t_ms = self.rows[first], self.t_ms[first]
        # Many rows have one neighbour: it is asked once.
        return np.repeat(self.around.near(self.ring.kind, rows, kind, name, t_ms, every_s), size)

    def _runs(self, kind: Kind) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Where runs of rows with one neighbour at one time begin, and how long they are."""
        beside = self.node if (self.ring.kind, kind) == (Kind.GPU, Kind.NODE) else self.rack
        return runs(beside, self.t_ms)

    @property
    def rack(self) -> NDArray[np.intp]:
        """A number for the rack of each row, from 0 up to `around.racks`."""
        return self.once("rack", lambda: self.around.rack_of(self.ring.kind, self.rows))

    @property
    def node(self) -> NDArray[np.intp]:
        """The row of each GPU's node; -1 where it is not known."""
        return self.once("node", lambda: self.around.node_of(self.rows))

    def below(self, name: str) -> F64:
        """A metric of each node's GPUs, summed, at the node's own tick; NaN where one of them does not tell.

        Whole only for a detector that is `joined`.
        """
        return self.around.below(self.rows, name, self.t_ms)

    def once(self, key: object, take: Callable[[], T]) -> T:
        """What several detectors derive of a tick in the same way, by a key of its own: taken once."""
        if key not in self.asked:
            self.asked[key] = take()
        out: T = self.asked[key]
        return out


def span(rows: NDArray[np.intp]) -> NDArray[np.intp] | slice:
    """Ascending rows that lie side by side as a slice, others as they are."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def runs(*keys: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where runs of equal keys begin, and how long they are."""
    begins = np.zeros(len(keys[0]), np.bool_)
    begins[:1] = True
    for key in keys:
        begins[1:] |= key[1:] != key[:-1]
    first = np.flatnonzero(begins)
    size = np.empty(len(first), np.intp)
    size[:-1], size[-1:] = first[1:] - first[:-1], len(begins) - first[-1:]
    return first, size


@dataclass(frozen=True, slots=True)
class Scores:
    """A detector's answer, one element a row of the tick.

    Parameters
    ----------
    score
        Grows with trouble; NaN where the method cannot tell (a value absent, a baseline not yet there).
    value, baseline
        What is shown as evidence, in the metric's unit; baseline NaN where the method has none.
    """

    score: F64
    value: F64
    baseline: F64


class Detector(Protocol):
    """The contract; tests/contract/test_detectors.py runs every check on every detector."""

    @property
    def name(self) -> str:
        """Unique, in kebab case."""

    @property
    def kind(self) -> Kind:
        """Which rows it judges."""

    @property
    def fault(self) -> str:
        """The kind of fault it speaks for, in the fixed words of design section 9."""

    @property
    def metric(self) -> str:
        """The metric shown as evidence."""

    @property
    def severity(self) -> Severity:
        """What an anomaly of it would be alone."""

    @property
    def on(self) -> float:
        """Fires at or above."""

    @property
    def off(self) -> float:
        """Falls silent below."""

    @property
    def at_once(self) -> float:
        """At or above this, one tick is enough."""

    @property
    def hold_s(self) -> float:
        """Seconds at or above `on` before it fires."""

    @property
    def clear_s(self) -> float:
        """Seconds below `off` before it falls silent."""

    @property
    def every_s(self) -> int:
        """1 where every tick is judged; else it is asked at whole multiples of so many seconds, for those before."""

    @property
    def joined(self) -> bool:
        """True when it compares within a rack: judged when all of the rack's sources have told of a tick."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Slow metrics that it asks the tick's `latest` for."""

    @property
    def remembers(self) -> Mapping[str, float]:
        """Names of its memory arrays with their initial value."""

    def threshold(self, baseline: float) -> float:
        """The limit in the metric's unit that `on` stands for, at a baseline; for the evidence."""

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Judge the rows of a tick and remember what is needed."""
