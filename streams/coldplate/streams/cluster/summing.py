"""What a worker tells of its racks, tick by tick, so that the cluster can be added up.

A record tells of one tick, as soon as frames of ordinary length can have brought it: racks send at other seconds, and a
sum over the newest values would make a slope of every step.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.engine import Engine
from coldplate.streams.racks import IN_RACK
from coldplate.wire.metric import Kind
from coldplate.wire.totals import Totals

TICK_MS = 1_000
LATE_MS = 8_000
"""A frame of five ticks, a second and a half on its way, and as much again."""

BEHIND_MAX = 6
"""Ticks that are told of at once, at most: of older ones the state knows nothing any more."""


class Summing:
    """Power of each rack at each tick.

    Parameters
    ----------
    engine
        Has the newest ticks.
    worker
        Name of this one.
    """

    def __init__(self, engine: Engine, worker: str) -> None:
        self._engine, self._worker = engine, worker
        self._told_ms = 0

    def due(self, now_ms: int) -> list[Totals]:
        """Ticks that nobody was told of yet; call it about once a second."""
        last_ms = (now_ms - LATE_MS) // TICK_MS * TICK_MS
        first_ms = max(self._told_ms + TICK_MS, last_ms - (BEHIND_MAX - 1) * TICK_MS)
        out = []
        for t_ms in range(first_ms, last_ms + 1, TICK_MS):
            self._told_ms = t_ms
            racks, power_w = self._power(t_ms)
            told = np.isfinite(power_w)
            if told.any():
                names = [r for r, known in zip(racks, told, strict=True) if known]
                out.append(
                    Totals.of(self._engine.cluster, self._worker, t_ms, names, power_w[told])
                )
        return out

    def _power(self, t_ms: int) -> tuple[list[str], NDArray[np.float64]]:
        """By the rack's own meter, else its nodes' power; W."""
        tables = self._engine.fleet.tables
        racks = list(dict.fromkeys(r for kind in IN_RACK for r in tables[kind].rows_of_rack))
        meters = self._of(Kind.RACK, "rack_power_w", racks, t_ms)
        nodes = self._of(Kind.NODE, "node_power_w", racks, t_ms)
        return racks, np.where(np.isfinite(meters), meters, nodes)

    def _of(self, kind: Kind, name: str, racks: Iterable[str], t_ms: int) -> NDArray[np.float64]:
        """Sum of a kind's devices in each rack; NaN where there is none or one is not known."""
        table = self._engine.fleet.tables[kind]
        names = list(racks)
        out = np.full(len(names), np.nan)
        if not len(table):
            return out
        number = {rack: i for i, rack in enumerate(names)}
        of = np.array([number[rack] for rack in table.racks], np.intp)
        values = self._engine.at(kind, name, range(len(table)), t_ms)
        counts = np.bincount(of, minlength=len(names))
        sums = np.bincount(of, values, minlength=len(names))
        out[counts > 0] = sums[counts > 0]
        return out
