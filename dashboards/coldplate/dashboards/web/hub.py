"""Asks for the hall's picture once a second while somebody looks, and hands it to all who do."""

import asyncio
import contextlib
import gzip
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from coldplate.dashboards.web.channels import Channel
from coldplate.dashboards.web.counts import Counts
from coldplate.dashboards.web.floor import Floor
from coldplate.dashboards.web.fresh import Fresh
from coldplate.dashboards.web.limits import FRESH_S, WAITS, Waits
from coldplate.dashboards.web.moments import Moment, Moments, Snapshot
from coldplate.dashboards.web.pool import Busy, Pool, TooSlow
from coldplate.dashboards.web.ports import Away, Hall

log = logging.getLogger(__name__)


class Looking(Protocol):
    """Who looks."""

    channel: Channel | None

    def offer(self, news: Moment | str) -> None:
        """A new moment, or why there is none; called once a second, must not wait."""


@dataclass(frozen=True, slots=True)
class ToldFloor:
    """A floor, ready to be sent."""

    version: str
    cells: int
    body: bytes
    packed: bytes


class Hub:
    """The present.

    Parameters
    ----------
    hall
        Where pictures come from.
    pool
        For questions about floor and span.
    counts
        To count pictures in.
    waits
        How far pictures are apart, and when one is given up.
    """

    def __init__(self, hall: Hall, pool: Pool, counts: Counts, waits: Waits = WAITS) -> None:
        self._hall, self._counts, self.waits = hall, counts, waits
        # One thread, so that `now` is called by one at a time; another, so that snapshots do not wait for it.
        self._own = Pool(1, "live-now", waiting_max=0, within_s=None)
        self._coding = Pool(1, "live-cells", waiting_max=1000)
        self._moments = Moments()
        self._looking: set[Looking] = set()
        self._someone = asyncio.Event()
        self._asking: asyncio.Task[Moment] | None = None
        self._asked_s = 0.0
        self._latest: tuple[float, Moment] | None = None
        self._told: ToldFloor | None = None
        self._well = True
        self._floor = Fresh(lambda: pool.run(self._ask_floor), FRESH_S)
        self._span = Fresh(lambda: pool.run(hall.span), FRESH_S)

    async def floor(self) -> ToldFloor:
        """The floor, some seconds old at most.

        Raises
        ------
        Away, Busy, TooSlow
        """
        told = await self._floor.get()
        return self._told or told  # a picture may have brought a newer one

    async def span(self) -> tuple[int, int]:
        """See `Hall.span`; some seconds old at most.

        Raises
        ------
        Away, Busy, TooSlow
        """
        return await self._span.get()

    def now_ms(self) -> int | None:
        """The history's clock, as far as it is known."""
        if self._latest is None:
            return None
        since_s = asyncio.get_running_loop().time() - self._latest[0]
        return self._latest[1].at_ms + int(1000 * since_s)

    def join(self, who: Looking) -> None:
        """Offer to this one too."""
        self._looking.add(who)
        self._counts.viewers = len(self._looking)
        self._someone.set()

    def leave(self, who: Looking) -> None:
        """Offer to this one no more."""
        self._looking.discard(who)
        self._counts.viewers = len(self._looking)
        if not self._looking:
            self._someone.clear()

    async def snapshot(self, channel: Channel) -> Snapshot | None:
        """See `Source`."""
        return await self.snapshot_of(self._moments, channel)

    async def snapshot_of(self, moments: Moments, channel: Channel) -> Snapshot | None:
        """The same of other moments, in a thread that waits for no picture."""
        try:
            return await self._coding.run(lambda: moments.snapshot(channel))
        except (Busy, TooSlow):
            return None

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        while True:
            await self._someone.wait()
            wait_s = next_s - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            next_s = max(next_s + self.waits.second_s, loop.time())
            news = await self._news()
            for who in list(self._looking):
                try:
                    who.offer(news)
                except Exception:  # one viewer's trouble must not darken the others' walls
                    log.exception("a viewer was offered nothing")

    async def close(self, within_s: float) -> None:
        """End the threads."""
        if self._asking is not None:
            self._asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._asking
        pools = (asyncio.to_thread(p.close, within_s) for p in (self._own, self._coding))
        await asyncio.gather(*pools)

    async def _news(self) -> Moment | str:
        """The next moment, or why there is none. A question that has not been answered is waited for, not asked again."""
        loop = asyncio.get_running_loop()
        first = self._asking is None
        if self._asking is None:
            self._asked_s = loop.time()
            channels = {who.channel for who in self._looking if who.channel is not None}
            self._asking = asyncio.ensure_future(self._own.run(lambda: self._look(channels)))
        done, _ = await asyncio.wait(
            {self._asking}, timeout=self.waits.now_s if first else self.waits.second_s
        )
        if not done:
            return self._away(f"no answer for {loop.time() - self._asked_s:.0f} s")
        task, self._asking = self._asking, None
        try:
            moment = task.result()
        except Away as error:
            return self._away(str(error))
        except Exception:
            if self._well:
                log.exception("the picture of the hall cannot be made")
            return self._away("the picture cannot be made; the server's log says why")
        self._counts.pictures += 1
        if not self._well:
            log.info("history answers again")
        self._well = True
        self._latest = (loop.time(), moment)
        return moment

    def _away(self, why: str) -> str:
        self._counts.away += 1
        if self._well:
            log.warning("history away: %s", why)
        self._well = False
        return why

    def _look(self, channels: set[Channel]) -> Moment:
        picture = self._hall.now()
        told = self._told
        if told is None or told.version != picture.floor:
            told = self._ask_floor()
        return self._moments.advance(picture, told.cells, channels)

    def _ask_floor(self) -> ToldFloor:
        floor = self._hall.floor()
        told = self._told
        if told is None or told.version != floor.version:
            told = told_floor(floor)
            self._told = told
        return told


def told_floor(floor: Floor) -> ToldFloor:
    """For the page; takes some hundred milliseconds at 100,000 cells."""
    body = msgspec.json.encode(floor.told())
    return ToldFloor(floor.version, len(floor.gpus), body, gzip.compress(body, 6, mtime=0))


def task_of(run: Callable[[], Any]) -> asyncio.Task[None]:
    """A loop in a task whose failure is told at once rather than when somebody looks at it."""
    task: asyncio.Task[None] = asyncio.ensure_future(run())

    def ended(of: asyncio.Task[None]) -> None:
        if not of.cancelled() and (error := of.exception()):
            log.error("a loop of the live hall's server ended", exc_info=error)

    task.add_done_callback(ended)
    return task
