"""Makes as few bytes as will do of one picture after another.

A sensor's last digit changes every second in a third of all cells and tells nobody anything. So a cell is told again only
when it has moved by more than a dead band from what was told of it; the band is as narrow as a budget of bytes allows, and
opens at once when a hall changes as a whole. A cell that appears or vanishes is always told, a code (job, incident) always
exactly. What was told is never more than the band away from what is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.dashboards.web.channels import U8, Channel
from coldplate.dashboards.web.message import DELTA, SNAPSHOT, packed

BUDGET_BYTES = 24_000
"""Of a delta: a second each, with the words beside it, stays under 300 kbit/s."""

BANDS = (0, 1, 2, 3, 4, 6, 8, 12, 16)
"""Steps of a channel by which a cell may be away from what was told."""

CALM = 0.5
"""Share of the budget below which the next narrower band is tried."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A message and how it came out.

    Parameters
    ----------
    message
        With number 0.
    cells
        That it changes.
    band
        That it was made with.
    """

    message: bytes
    cells: int
    band: int


class Coder:
    """One channel's way from picture to picture; shared by all who look at it.

    Parameters
    ----------
    channel
        Which.
    budget_bytes
        That a delta is to stay under; kept to unless even the widest band does not do.
    past
        Whether its pictures are of the past.
    """

    def __init__(
        self, channel: Channel, budget_bytes: int = BUDGET_BYTES, *, past: bool = False
    ) -> None:
        self.channel, self._budget, self._past = channel, budget_bytes, past
        self._told: U8 = np.zeros(0, np.uint8)
        self._floor, self._at_ms, self._band = "", 0, 0

    def delta(self, cells: U8, at_ms: int, floor: str) -> Coded | None:
        """What changed since the last picture; None when only a snapshot can tell."""
        if floor != self._floor or len(cells) != len(self._told):
            self._told, self._floor, self._at_ms, self._band = cells.copy(), floor, at_ms, 0
            return None
        exact = self.channel.scale is None
        if self._band and not exact:
            self._band -= 1
            coded = self._coded(cells, at_ms)
            if len(coded.message) > CALM * self._budget:
                self._band += 1
                coded = self._coded(cells, at_ms)
        else:
            coded = self._coded(cells, at_ms)
        while not exact and len(coded.message) > self._budget and self._band + 1 < len(BANDS):
            self._band += 1
            coded = self._coded(cells, at_ms)
        self._told, self._at_ms = self._after(cells), at_ms
        return coded

    def snapshot(self) -> bytes:
        """All that was told, for who comes anew; what follows fits to it."""
        return packed(
            SNAPSHOT, self.channel.number, self._at_ms, 0, self._told, self._floor, past=self._past
        )

    def _after(self, cells: U8) -> U8:
        return np.where(self._moved(cells), cells, self._told)

    def _moved(self, cells: U8) -> NDArray[np.bool_]:
        band = BANDS[self._band]
        if not band:
            return np.not_equal(cells, self._told)
        away = np.greater(np.abs(cells.astype(np.int16) - self._told), band)
        moved: NDArray[np.bool_] = away | ((cells == 0) != (self._told == 0))
        return moved

    def _coded(self, cells: U8, at_ms: int) -> Coded:
        moved = self._moved(cells)
        change = np.where(moved, cells - self._told, np.uint8(0)).astype(np.uint8)
        message = packed(DELTA, self.channel.number, at_ms, 0, change, self._floor, past=self._past)
        return Coded(message, int(np.count_nonzero(moved)), BANDS[self._band])
