"""What a detector is: a pure, vectorised function from some rows' values at their tick to scores.

A detector has no clock, does no I/O and logs nothing. What it remembers lies in arrays that the engine
owns and hands in, one element a row, so that it can be grown, copied and pickled. It fires through an
episode (episode.py): score at or above `on` for `hold_s`, silent again below `off` for `clear_s`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.ring import SLOTS, Ring
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

F64 = NDArray[np.float64]
Memory = Mapping[str, F64]
"""A detector's memory: arrays over all rows of its kind; it may write to the rows of the tick only."""


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
        self, mine: Kind, rows: NDArray[np.intp], kind: Kind, name: str, t_ms: NDArray[np.int64], /
    ) -> F64:
        """See `Tick.near`."""

    def rack_of(self, kind: Kind, rows: NDArray[np.intp], /) -> NDArray[np.intp]:
        """See `Tick.rack`."""

    def node_of(self, rows: NDArray[np.intp], /) -> NDArray[np.intp]:
        """See `Tick.node`."""


class Alone:
    """An `Around` with nothing in it: for one who tries a detector by hand."""

    racks = 1

    def latest(self, _kind: Kind, _name: str, rows: NDArray[np.intp], _t: NDArray[np.int64]) -> F64:
        """Nothing is known."""
        return np.full(len(rows), np.nan)

    def near(
        self, _mine: Kind, rows: NDArray[np.intp], _kind: Kind, _name: str, _t: NDArray[np.int64]
    ) -> F64:
        """Nothing stands beside it."""
        return np.full(len(rows), np.nan)

    def rack_of(self, _kind: Kind, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """All in one."""
        return np.zeros(len(rows), np.intp)

    def node_of(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """None is known."""
        return np.full(len(rows), -1, np.intp)


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
    asked: dict[tuple[Kind | None, str], F64] = field(default_factory=dict)
    """Values that a detector has asked for: the next one gets the same array, and must not change it."""

    def value(self, name: str) -> F64:
        """A metric's physical values, one a row; NaN where absent."""
        return self._once(None, name, lambda: self.ring.value(name, self.number % SLOTS, self.rows))

    def latest(self, name: str) -> F64:
        """A slow metric's newest values at or before the tick; NaN where there is none or it is too old."""
        kind = self.ring.kind
        return self._once(None, name, lambda: self.around.latest(kind, name, self.rows, self.t_ms))

    def near(self, kind: Kind, name: str) -> F64:
        """A metric of what stands beside each row: its node, or its rack's CDU or power meter.

        At the row's own tick, or the newest of the seconds before it; NaN where nothing is told. Whole only
        for a detector that is `joined`.
        """
        mine = self.ring.kind
        return self._once(
            kind, name, lambda: self.around.near(mine, self.rows, kind, name, self.t_ms)
        )

    @property
    def rack(self) -> NDArray[np.intp]:
        """A number for the rack of each row, from 0 up to `around.racks`."""
        return self.around.rack_of(self.ring.kind, self.rows)

    @property
    def node(self) -> NDArray[np.intp]:
        """The row of each GPU's node; -1 where it is not known."""
        return self.around.node_of(self.rows)

    def _once(self, kind: Kind | None, name: str, take: Callable[[], F64]) -> F64:
        key = (kind, name)
        if key not in self.asked:
            self.asked[key] = take()
        return self.asked[key]


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
