"""Asks a source again and again from a thread of its own, so that a slow history never holds a key up."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from coldplate.console.live.picture import Away, Detail, Hall, Shown, Source

REST = 1.0
"""After a look the source rests for at least so many times what the look took."""

CLOSE_S = 2.0


@dataclass(frozen=True, slots=True)
class News:
    """What a look brought; what is None has not changed.

    Parameters
    ----------
    hall, detail
        As they are now.
    away
        Why the source does not answer; "" when it does.
    """

    hall: Hall | None = None
    detail: Detail | None = None
    away: str = ""


class Poller:
    """Looks at the hall at intervals, and at what is shown of it as soon as that changes.

    Parameters
    ----------
    source
        Asked, and closed, by this thread alone.
    every_s
        From one look to the next.
    tell
        Called from the thread.
    """

    def __init__(self, source: Source, every_s: float, tell: Callable[[News], None]) -> None:
        self._source, self._every_s, self._tell = source, every_s, tell
        self._shown = self._asked = Shown()
        self._changed = threading.Condition()
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def show(self, shown: Shown) -> None:
        """Look at this from now on."""
        with self._changed:
            if shown != self._shown:
                self._shown = shown
                self._changed.notify_all()

    def close(self) -> None:
        """End; a look that hangs is left to its time limit."""
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        due_s = 0.0
        while not self._stop:
            began_s = time.monotonic()
            hall_due = began_s >= due_s
            shown = self._asked = self._shown
            news = self._look(shown, hall=hall_due)
            now_s = time.monotonic()
            if hall_due or news.away:
                # On the beat where that can be held, and never more than half of the time.
                due_s = max(began_s + self._every_s, now_s + REST * (now_s - began_s))
            if not self._stop:
                self._tell(news)
            with self._changed:
                self._changed.wait_for(self._wanted, max(0.0, due_s - time.monotonic()))
        self._source.close()

    def _wanted(self) -> bool:
        return self._stop or self._shown != self._asked

    def _look(self, shown: Shown, *, hall: bool) -> News:
        try:
            found = self._source.hall() if hall else None
            return News(found, self._source.detail(shown))
        except Away as error:
            return News(away=str(error) or "no answer")
