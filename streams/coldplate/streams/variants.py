"""Instances of one detector with other parameters, and which of them speaks for which row.

A detector may compare a row with its neighbours. So an instance with a rack's or a GPU's own parameters sees whole racks,
remembers for itself, and is heard for the rows that are its own only; the instance of all others sees everything, as
ever, and is not heard for those. Neighbours are seen as they are, whoever judges them.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import Detector, Scores, Tick
from coldplate.streams.fleet import Table
from coldplate.streams.parameters import Override, places
from coldplate.wire.inventory import Inventory
from coldplate.wire.metric import Kind

ALL_OTHERS = 0
"""Number of the instance that has the file's parameters for everybody."""

MANY = (Kind.GPU, Kind.NODE)
"""Kinds with so many devices that only some racks of them are shown; of the others an instance sees all."""


class Voices:
    """Of one detector: the number of the instance that speaks for each row; devices that are new are taken in.

    Parameters
    ----------
    overrides
        Instance 1 is the first one's, and so on.
    table
        The rows.
    inventory
        Knows rows, halls and models.
    """

    def __init__(
        self, overrides: Sequence[Override], table: Table, inventory: Inventory | None
    ) -> None:
        self._number = {(o.place, o.value): i for i, o in enumerate(overrides, 1)}
        self._table, self._inventory = table, inventory
        self._racks: dict[str, int] = {}
        self.of_row: NDArray[np.intp] = np.zeros(0, np.intp)
        self.rack: NDArray[np.intp] = np.zeros(0, np.intp)

    def cover(self) -> int:
        """Take in all rows there are; how many."""
        new = range(len(self.of_row), len(self._table))
        if not new:
            return len(self.of_row)
        racks = [self._table.racks[row] for row in new]
        numbers = [self._racks.setdefault(rack, len(self._racks)) for rack in racks]
        self.rack = np.concatenate([self.rack, np.array(numbers, np.intp)])
        self.of_row = np.concatenate([self.of_row, np.array([self._of(r) for r in new], np.intp)])
        return len(self.of_row)

    def _of(self, row: int) -> int:
        where = places(self._table.ids[row], self._table.racks[row], self._inventory)
        return next((self._number[p] for p in where if p in self._number), ALL_OTHERS)


class Voice:
    """One instance's rows.

    Parameters
    ----------
    voices
        Of the detector.
    number
        Of the instance.
    everything
        True where it sees all rows, whoever speaks for them.
    """

    def __init__(self, voices: Voices, number: int, *, everything: bool) -> None:
        self._voices, self._number, self._everything = voices, number, everything
        self._speaks: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._sees: NDArray[np.bool_] = np.zeros(0, np.bool_)

    def seen(self, tick: Tick) -> Tick:
        """The rows that it must see of a tick."""
        if self._everything:
            return tick
        self._cover()
        return tick.part(np.flatnonzero(self._sees[tick.rows]))

    def heard(self, tick: Tick, scores: Scores) -> Scores:
        """Its answer, with NaN, which changes nothing, where another speaks."""
        self._cover()
        return replace(scores, score=np.where(self._speaks[tick.rows], scores.score, np.nan))

    def speaks_for(self, row: int) -> bool:
        """Whether a row is its own."""
        self._cover()
        return bool(self._speaks[row])

    def _cover(self) -> None:
        voices = self._voices
        if len(self._speaks) == voices.cover():
            return
        self._speaks = voices.of_row == self._number
        self._sees = np.isin(voices.rack, np.unique(voices.rack[self._speaks]))


def variants(
    detectors: Sequence[Detector], overrides: Sequence[Override], table: Table, inventory: Inventory | None
) -> list[tuple[Detector, Voice | None]]:  # fmt: skip
    """Detectors of one kind, each with the instances that overrides ask for behind it; None is heard for all rows.

    Parameters
    ----------
    detectors
        With everybody's parameters.
    overrides
        All there are.
    table, inventory
        The kind's rows, and where they stand.
    """
    out: list[tuple[Detector, Voice | None]] = []
    for detector in detectors:
        others = [(o, d) for o in overrides for d in o.detectors if d.name == detector.name]
        if not others:
            out.append((detector, None))
            continue
        voices = Voices([o for o, _ in others], table, inventory)
        out.append((detector, Voice(voices, ALL_OTHERS, everything=True)))
        few = detector.kind not in MANY
        out += [(d, Voice(voices, i, everything=few)) for i, (_, d) in enumerate(others, 1)]
    return out
