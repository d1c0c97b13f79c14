"""Whether every frame that agents numbered lately is in the history: the view `ledger`, of minutes instead of a month.

Asked is of this sink's own partitions and of some minutes, so that it costs a large site a fraction of a second a minute.
Only where a number is missing is the agent's own count of dropped frames looked up beside.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from coldplate.sinks.batch import Place
from coldplate.sinks.errors import HistoryError
from coldplate.sinks.store import Store

LOOK_S = 60.0
WINDOW_S = 600
"""Numbers of frames stored so lately are looked at: what is still missing later, only the view tells."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ledger:
    """At one look.

    Parameters
    ----------
    missing
        Frames numbered by agents that are neither stored nor dropped by them: on their way, or lost.
    dropped
        Frames missing because the agent says it dropped them.
    sources
        Agents of which a frame is missing.
    """

    missing: int = 0
    dropped: int = 0
    sources: int = 0


class LedgerWatch:
    """Looks once a minute.

    Parameters
    ----------
    store
        The history.
    topic
        Of the frames; other topics' partitions are left out.
    clock
        Seconds that only grow.
    """

    def __init__(
        self, store: Store, topic: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.ledger = Ledger()
        self._store, self._topic, self._clock = store, topic, clock
        self._look_at_s = clock() + LOOK_S

    def look(self, places: Iterable[Place]) -> None:
        """Look when it is time; a history that does not answer leaves things as they were."""
        now_s = self._clock()
        if now_s < self._look_at_s:
            return
        self._look_at_s = now_s + LOOK_S
        partitions = sorted(f"{topic}/{n}" for topic, n in places if topic == self._topic)
        try:
            self.ledger = self._looked(partitions)
        except HistoryError as error:
            log.debug("ledger: %s", error)

    def _looked(self, partitions: list[str]) -> Ledger:
        gaps = self._store.gaps(partitions, WINDOW_S) if partitions else {}
        if not gaps:
            return Ledger()
        said = self._store.dropped(sorted(gaps))
        dropped = {source: min(n, said.get(source, 0)) for source, n in gaps.items()}
        left = {source: n - dropped[source] for source, n in gaps.items()}
        return Ledger(sum(left.values()), sum(dropped.values()), sum(n > 0 for n in left.values()))
