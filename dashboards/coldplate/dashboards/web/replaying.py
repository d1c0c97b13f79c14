"""One viewer's way through the past: a picture a wall second, one question at a time, until now is reached."""

import asyncio
import logging
from typing import Protocol

from coldplate.dashboards.web.channels import Channel
from coldplate.dashboards.web.hub import Hub
from coldplate.dashboards.web.moments import Moment, Moments, Snapshot
from coldplate.dashboards.web.pool import Busy, Pool, TooSlow
from coldplate.dashboards.web.ports import Away, Hall, NotThere

log = logging.getLogger(__name__)


class Traveller(Protocol):
    """Who looks at the past."""

    channel: Channel | None

    def offer_past(self, news: Moment | str) -> None:
        """A new moment, or why there is none; must not wait."""

    def reached(self, why: str | None) -> None:
        """Now is reached, or it cannot go on because of this."""


class Replay:
    """Runs until now is reached; stands while paused.

    Parameters
    ----------
    hall
        Where pictures come from.
    hub
        Knows what time it is.
    pool
        To ask in.
    viewer
        Whose.
    """

    def __init__(self, hall: Hall, hub: Hub, pool: Pool, viewer: Traveller) -> None:
        self._hall, self._hub, self._pool, self._viewer = hall, hub, pool, viewer
        self._moments = Moments(past=True)
        self._latest: Moment | None = None
        self._base_ms, self._base_s, self._speed = 0, 0.0, 1
        self._paused = False
        self._changed = asyncio.Event()

    def go(self, at_ms: int, speed: int) -> None:
        """To this moment, and on from there."""
        # Coded anew: cells of another hour must not be told as small differences to this one's.
        self._moments, self._latest, self._paused = Moments(past=True), None, False
        self._rebase(at_ms, speed)

    def set_speed(self, speed: int) -> None:
        """From where it is."""
        self._rebase(self._at_ms(), speed)

    def pause(self, paused: bool) -> None:
        """Stand, or go on."""
        self._rebase(self._at_ms(), self._speed)
        self._paused = paused

    async def snapshot(self, channel: Channel) -> Snapshot | None:
        """See `Source`."""
        return await self._hub.snapshot_of(self._moments, channel)

    async def run(self) -> None:
        """Until now is reached or cancelled."""
        while True:
            self._changed.clear()
            if not self._paused or self._latest is None:
                at_ms, now_ms = self._at_ms(), self._hub.now_ms()
                if now_ms is not None and at_ms >= now_ms:
                    self._viewer.reached(None)
                    return
                if not await self._picture(at_ms):
                    return
            else:
                self._viewer.offer_past(self._latest)
            await self._next_second()

    async def _picture(self, at_ms: int) -> bool:
        """Ask for one and offer it; False when there will be none."""
        moments, step_ms = self._moments, self._speed * 1000
        channel = self._viewer.channel
        channels = set() if channel is None else {channel}

        def look() -> Moment:
            picture = self._hall.past(at_ms, step_ms)
            cells = max((len(v) for v in picture.values.values()), default=0)
            return moments.advance(picture, cells, channels)

        try:
            moment = await self._pool.run(look)
        except NotThere as error:
            self._viewer.reached(str(error))
            return False
        except (Away, TooSlow) as error:
            self._viewer.offer_past(str(error))
        except Busy:
            pass  # this second is left out
        except Exception:
            log.exception("a picture of the past cannot be made")
            self._viewer.reached("the picture cannot be made; the server's log says why")
            return False
        else:
            if moments is self._moments:  # nobody went elsewhere meanwhile
                self._latest = moment
                self._viewer.offer_past(moment)
        return True

    async def _next_second(self) -> None:
        """Whole seconds since the last change, so that one that took longer leaves pictures out instead of lagging."""
        loop = asyncio.get_running_loop()
        since_s, second_s = loop.time() - self._base_s, self._hub.waits.second_s
        try:
            async with asyncio.timeout(second_s - since_s % second_s):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _at_ms(self) -> int:
        if self._paused:
            return self._base_ms
        since_s = asyncio.get_running_loop().time() - self._base_s
        return self._base_ms + round(since_s / self._hub.waits.second_s) * self._speed * 1000

    def _rebase(self, at_ms: int, speed: int) -> None:
        self._base_ms, self._speed = at_ms, speed
        self._base_s = asyncio.get_running_loop().time()
        self._changed.set()
