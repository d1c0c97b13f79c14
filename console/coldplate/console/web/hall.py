"""`Hall` over ClickHouse."""

import threading
import time

from coldplate.console.web.cells import CHANGED, LINES, Ground, ground_of
from coldplate.console.web.connections import Ask, Connections
from coldplate.console.web.drift import Lines, lines_of
from coldplate.console.web.past import Kept, Past
from coldplate.console.web.present import LEARNT_S, Present
from coldplate.dashboards.web.floor import Floor
from coldplate.dashboards.web.picture import Picture
from coldplate.sinks.settings import ClickHouseSettings

FLOOR_S, KEPT_S = 10.0, 10.0
"""How long the inventory, and what the history keeps, are taken to be the same."""

PAST_AT_ONCE = 3


class HistoryHall:
    """See `coldplate.dashboards.web.ports.Hall`.

    Parameters
    ----------
    settings
        Of the reader.
    """

    def __init__(self, settings: ClickHouseSettings) -> None:
        self._own, self._others = Ask(settings), Ask(settings)
        self._asks = Connections(lambda: Ask(settings), PAST_AT_ONCE)
        self._lock = threading.Lock()
        self._ground, self._ground_s = Ground(), 0.0
        self._written: tuple[object, ...] | None = None
        self._kept: Kept | None = None
        self._kept_s = 0.0
        self._lines: tuple[str, Lines, float] | None = None
        self._present: Present | None = None
        self._past = Past()

    def floor(self) -> Floor:
        """As the inventory has it."""
        return self._grounded().floor

    def now(self) -> Picture:
        """The newest picture."""
        ground = self._grounded()
        if self._present is None or self._present.ground is not ground:
            self._present = Present(self._own, ground)
        return self._present.picture()

    def past(self, at_ms: int, step_ms: int) -> Picture:
        """A picture of a past moment; where samples and rollups of its step are gone, means of the finest rollup that is kept."""
        ground, kept = self._grounded(), self._what_is_kept()
        lines = self._learnt(ground)
        with self._asks.one() as ask:
            return self._past.picture(ask, ground, lines, kept, at_ms, step_ms)

    def span(self) -> tuple[int, int]:
        """From the oldest that is kept until now."""
        kept = self._what_is_kept()
        return (kept.now_ms if kept.oldest_ms is None else kept.oldest_ms), kept.now_ms

    def close(self) -> None:
        """Drop the connections."""
        self._own.close()
        self._others.close()
        self._asks.close()

    def _grounded(self) -> Ground:
        with self._lock:
            if time.monotonic() >= self._ground_s:
                written = self._others.rows(CHANGED)[0]
                if written != self._written:
                    self._ground = ground_of(self._others.rows(LINES))
                    self._written = written
                self._ground_s = time.monotonic() + FLOOR_S
            return self._ground

    def _what_is_kept(self) -> Kept:
        with self._lock:
            if self._kept is None or time.monotonic() >= self._kept_s:
                self._kept = Kept.of(self._others)
                self._kept_s = time.monotonic() + KEPT_S
            return self._kept

    def _learnt(self, ground: Ground) -> Lines:
        with self._lock:
            version, now_s = ground.floor.version, time.monotonic()
            if self._lines is None or self._lines[0] != version or now_s >= self._lines[2]:
                self._lines = (version, lines_of(self._others, ground), now_s + LEARNT_S)
            return self._lines[1]
