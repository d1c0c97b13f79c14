"""Ask the history, at start, for what detectors had learnt; for a bounded while, because detection does not wait.

The history may hang as well as refuse, so it is asked in a thread that is left behind when the time is over.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from coldplate.streams.keeping import Keeping
from coldplate.wire.baseline import Baselines
from coldplate.wire.ports import History, HistoryUnavailable

log = logging.getLogger(__name__)

AGAIN_S = 0.5

OLD_MS = 7 * 86_400_000
"""What was learnt before this is no baseline any more: the longest memory that a detector has."""


async def recall(
    history: History, keeping: Keeping, cluster: str, now_ms: int, wait_s: float
) -> None:
    """Hand over what the history has within `wait_s`; racks that it has not told of by then learn anew."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    asking = _Asking(history, cluster, now_ms - OLD_MS, lambda: loop.call_soon_threadsafe(done.set))
    asking.start()
    with suppress(TimeoutError):
        await asyncio.wait_for(done.wait(), wait_s)
    records = asking.leave()
    keeping.expect(records)
    racks = len({record.rack for record in records})
    if asking.whole:
        log.info("the history knows what was learnt of %d racks", racks)
        return
    log.warning(
        "the history does not tell what was learnt (%s); %d racks are told, others learn anew",
        asking.said or f"no answer in {wait_s:.0f} s", racks,
    )  # fmt: skip


class _Asking(threading.Thread):
    """Reads rack by rack, from the beginning after each failure."""

    def __init__(
        self, history: History, cluster: str, since_ms: int, done: Callable[[], object]
    ) -> None:
        super().__init__(name="recall", daemon=True)
        self._history, self._done = history, done
        self._cluster, self._since_ms = cluster, since_ms
        self._over = threading.Event()
        self._records: list[Baselines] = []
        self.whole, self.said = False, ""

    def run(self) -> None:
        while not self._over.is_set():
            records: list[Baselines] = []
            self._records = records
            try:
                for record in self._history.baselines(self._cluster, self._since_ms):
                    records.append(record)
                    if self._over.is_set():
                        return
            except HistoryUnavailable as error:
                self.said = str(error)
                self._over.wait(AGAIN_S)
            else:
                self.whole = True
                # Nobody may wait any more, nor the loop be there.
                with suppress(RuntimeError):
                    self._done()
                return

    def leave(self) -> list[Baselines]:
        """What came so far; nothing is asked any more."""
        self._over.set()
        return list(self._records)
