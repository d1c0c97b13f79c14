"""What stands beside a device: its node, its rack's coolant unit and meter, and the slow metrics of its own."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import span
from coldplate.streams.racks import NOBODY, Racks
from coldplate.streams.ring import SLOTS
from coldplate.streams.state import KindState
from coldplate.wire.metric import Kind

F64 = NDArray[np.float64]

STALE_MS = 10_000
"""What stands beside a device and has told nothing for longer is not known."""


class Surroundings:
    """Implements `coldplate.streams.detector.Around`.

    Parameters
    ----------
    states
        By kind.
    places
        Which rows stand in which rack.
    """

    def __init__(self, states: Mapping[Kind, KindState], places: Racks) -> None:
        self._states, self._places = states, places

    @property
    def racks(self) -> int:
        """How many racks there are."""
        return len(self._places)

    def latest(self, kind: Kind, name: str, rows: NDArray[np.intp], t_ms: NDArray[np.int64]) -> F64:
        """A slow metric's newest values."""
        return self._states[kind].slow.value(name, span(rows), t_ms)

    def near(
        self, mine: Kind, rows: NDArray[np.intp], kind: Kind, name: str, t_ms: NDArray[np.int64],
        every_s: int = 1,
    ) -> F64:  # fmt: skip
        """A metric of what stands beside rows."""
        if mine is Kind.GPU and kind is Kind.NODE:
            beside = self.node_of(rows)
        else:
            beside = self._places.first[kind][self.rack_of(mine, rows)]
        return self._at(kind, name, beside, t_ms, every_s)

    def rack_of(self, kind: Kind, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Number of the rack of each row."""
        return self._places.of_row[kind][span(rows)]

    def node_of(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Row of each GPU's node."""
        return self._places.node_of_gpu[span(rows)]

    def below(self, rows: NDArray[np.intp], name: str, t_ms: NDArray[np.int64]) -> F64:
        """A metric of the GPUs of nodes, summed."""
        places, nodes = self._places, len(self._states[Kind.NODE].newest)
        asked_ms = np.full(nodes, NOBODY, np.int64)
        asked_ms[rows] = t_ms
        node = places.node_of_gpu
        gpus = np.flatnonzero(node != NOBODY)
        gpus = gpus[asked_ms[node[gpus]] != NOBODY]
        of = node[gpus]
        value = self._at(Kind.GPU, name, gpus.astype(np.intp), asked_ms[of])
        out = np.bincount(of, value, minlength=nodes)[rows]
        return np.where(np.bincount(of, minlength=nodes)[rows] > 0, out, np.nan)

    def _at(
        self, kind: Kind, name: str, rows: NDArray[np.intp], t_ms: NDArray[np.int64], every_s: int = 1
    ) -> F64:  # fmt: skip
        """Values of rows at times, or the newest of the seconds before; NaN where row is `NOBODY`."""
        state, out = self._states[kind], np.full(len(rows), np.nan)
        there = np.flatnonzero(rows != NOBODY)
        there = there[state.newest[rows[there]] >= 0]
        of, at_ms = rows[there], t_ms[there]
        number = np.minimum(at_ms // state.tick_ms[of], state.newest[of])
        fresh = at_ms - number * state.tick_ms[of] <= STALE_MS
        fresh &= state.ring.holds(of, number)
        there, of, number = there[fresh], of[fresh], number[fresh]
        if every_s == 1 or not len(of):
            out[there] = state.ring.value(name, number % SLOTS, of)
        else:
            window = state.ring.window(number, of, every_s, state.tick_ms[of])
            out[there] = state.ring.mean(name, window)
        return out
