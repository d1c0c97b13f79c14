"""What a detector is: a pure, vectorised function from some rows' values at their tick to scores.

A detector has no clock, does no I/O and logs nothing. What it remembers lies in arrays that the engine
owns and hands in, one element a row, so that it can be grown, copied and pickled. It fires through an
episode (episode.py): score at or above `on` for `hold_s`, silent again below `off` for `clear_s`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.ring import SLOTS, Ring
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

F64 = NDArray[np.float64]
Memory = Mapping[str, F64]
"""A detector's memory: arrays over all rows of its kind; it may write to the rows of the tick only."""


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

    def value(self, name: str) -> F64:
        """A metric's physical values, one a row; NaN where absent."""
        return self.ring.value(name, self.number % SLOTS, self.rows)


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
    def remembers(self) -> Mapping[str, float]:
        """Names of its memory arrays with their initial value."""

    def threshold(self, baseline: float) -> float:
        """The limit in the metric's unit that `on` stands for, at a baseline; for the evidence."""

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Judge the rows of a tick and remember what is needed."""
