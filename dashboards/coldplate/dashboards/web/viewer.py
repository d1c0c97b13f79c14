"""One page that looks: what it is sent, and when it is rather sent nothing.

After each picture goes a ping. Until its pong is back the picture is on its way, wherever it is held up, and the next one
is left out: never more than one waits for a viewer, and what it is sent next is whole.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from coldplate.dashboards.web.channels import CHANNELS, SEVERITIES, Channel
from coldplate.dashboards.web.channels import channel as channel_of
from coldplate.dashboards.web.counts import Counts
from coldplate.dashboards.web.hub import Hub, task_of
from coldplate.dashboards.web.limits import (
    CLOSING_S,
    ENDED_CODE,
    MESSAGES_PER_S,
    MESSAGES_PER_S_CUT,
    SPEEDS,
    STALE_S,
    STUCK_CODE,
    WAITS,
    Waits,
)
from coldplate.dashboards.web.message import renumbered
from coldplate.dashboards.web.moments import Moment, Source, Told
from coldplate.dashboards.web.pool import Busy, TooSlow
from coldplate.dashboards.web.ports import Away
from coldplate.dashboards.web.replaying import Replay
from coldplate.dashboards.web.wishes import Past, Wish, WishError, wish

PROTOCOL = 1


class Viewer:
    """Serves one connection until it ends.

    Parameters
    ----------
    socket
        The prepared WebSocket; pings are answered here.
    transport
        Beneath it.
    hub
        The present.
    counts
        To count in.
    may_look
        Asked now and then; once it says no, the connection ends.
    replay
        Makes the viewer's way through the past; None when too many are there.
    waits
        Until it is given up.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.WriteTransport,
        hub: Hub,
        counts: Counts,
        may_look: Callable[[], bool],
        replay: "Callable[[Viewer], Replay | None]",
        waits: Waits = WAITS,
    ) -> None:
        self.channel: Channel | None = None
        self._socket, self._transport, self._hub, self._counts = socket, transport, hub, counts
        self._may_look, self._make_replay, self._waits = may_look, replay, waits
        self._source: Source = hub
        self._replay: tuple[Replay, asyncio.Task[None]] | None = None
        self._news: Moment | str | None = None
        self._error: str | None = None
        self._again = False
        self._changed = asyncio.Event()
        # What it was sent last: words, moment whose cells it has, number of the message.
        self._told: Told | None = None
        self._held: int | None = None
        self._number = 0
        self._pings, self._pongs = 0, 0
        self._sending_s: float | None = None
        self._checked_s = time.monotonic()
        self._window = (0, 0)
        self._ending: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until the connection ends."""
        sending = task_of(self._send)
        try:
            await self._read()
        finally:
            self._hub.leave(self)
            self._to_present()
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending
            if self._ending is not None:
                await self._ending

    def offer(self, news: Moment | str) -> None:
        """See `Looking`; the present does not matter to who is in the past."""
        now_s = time.monotonic()
        if self._sending_s is not None and now_s - self._sending_s > self._waits.stuck_s:
            self._counts.stuck += 1
            self._end(STUCK_CODE, f"nothing taken for {self._waits.stuck_s:g} s")
        elif now_s - self._checked_s > self._waits.recheck_s:
            self._checked_s = now_s
            if not self._may_look():
                self._end(ENDED_CODE, "log in again")
        if self._replay is None:
            self.offer_past(news)

    def offer_past(self, news: Moment | str) -> None:
        """The same, from the viewer's own replay."""
        if self._news is not None:
            # The one before is still on its way, so this one takes the place of the one that waits.
            self._counts.thinned += 1
        self._news = news
        self._changed.set()

    def reached(self, why: str | None) -> None:
        """The viewer's own replay has come to now, or cannot go on."""
        self._to_present()
        if why is not None:
            self._error = why
            self._changed.set()

    async def close(self, code: int, why: str) -> None:
        """End the connection; takes `CLOSING_S` at most."""
        await self._end(code, why)

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is WSMsgType.PONG:
                self._ponged(message.data)
            elif message.type is WSMsgType.PING:
                await self._socket.pong(message.data)
            elif not await self._counted():
                continue
            elif message.type is WSMsgType.TEXT:
                await self._wished(message.data)
            elif message.type is WSMsgType.BINARY:
                await self._say("error", message="messages are JSON texts")

    async def _counted(self) -> bool:
        """Whether a message of the client is to be read."""
        second, count = self._window
        if int(time.monotonic()) != second:
            second, count = int(time.monotonic()), 0
        self._window = (second, count + 1)
        if count == MESSAGES_PER_S:
            await self._say("error", message=f"more than {MESSAGES_PER_S} messages a second")
        elif count >= MESSAGES_PER_S_CUT:
            self._end(WSCloseCode.POLICY_VIOLATION, "far too many messages")
        return count < MESSAGES_PER_S

    async def _wished(self, text: str) -> None:
        try:
            await self._do(wish(text))
        except WishError as error:
            await self._say("error", message=str(error))

    async def _do(self, asked: Wish) -> None:
        if asked.look is not None:
            self.channel = channel_of(asked.look)
            self._anew()
        elif asked.again:
            self._anew()
        elif asked.replay:
            await self._to_past(asked.replay)
        elif asked.live:
            self._to_present()
        elif self._replay is None:
            raise WishError("speed and pause are for the past; say replay first")
        elif asked.speed is not None:
            self._replay[0].set_speed(asked.speed)
        elif asked.pause is not None:
            self._replay[0].pause(asked.pause)

    async def _to_past(self, past: Past) -> None:
        try:
            begin_ms, end_ms = await self._hub.span()
        except (Away, Busy, TooSlow) as error:
            await self._say("away", why=str(error))
            return
        end_ms = max(end_ms, self._hub.now_ms() or end_ms)
        if not begin_ms <= past.at_ms <= end_ms:
            raise WishError(f"at_ms {past.at_ms}: kept is from {begin_ms} to {end_ms}")
        if self._replay is None:
            made = self._make_replay(self)
            if made is None:
                raise WishError("too many look at the past already; try again later")
            self._counts.replaying += 1
            made.go(past.at_ms, past.speed)
            self._replay = (made, asyncio.ensure_future(made.run()))
        else:
            self._replay[0].go(past.at_ms, past.speed)
        self._source, self._told, self._held, self._news = self._replay[0], None, None, None

    def _to_present(self) -> None:
        if self._replay is not None:
            self._counts.replaying -= 1
            self._replay[1].cancel()
            self._replay = None
            self._source, self._told, self._news = self._hub, None, None
            self._anew()

    def _anew(self) -> None:
        self._held, self._again = None, True
        self._changed.set()

    def _taken(self) -> bool:
        return self._sending_s is None and self._transport.get_write_buffer_size() == 0

    def _ponged(self, data: bytes) -> None:
        if data == str(self._pings).encode():
            self._pongs, self._sending_s = self._pings, None
            self._changed.set()

    async def _send(self) -> None:
        with suppress(ConnectionError):  # gone; who reads sees it too
            await self._hello()
            self._hub.join(self)
            await self._send_on()

    async def _send_on(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            nothing = self._news is None and self._error is None and not self._again
            if nothing or not self._taken():
                continue  # the pong will wake
            news, self._news = self._news, None
            again, self._again = self._again, False
            self._sending_s = time.monotonic()
            if self._error is not None:
                error, self._error = self._error, None
                await self._say("error", message=error)
            if isinstance(news, str):
                await self._say("away", why=news)
                self._again = again
            elif news is not None:
                await self._show(news)
            elif again:
                await self._show_latest()
            await self._ping()

    async def _hello(self) -> None:
        self._sending_s = time.monotonic()
        floor, span = "", None
        with suppress(Away, Busy, TooSlow, TimeoutError):
            async with asyncio.timeout(self._waits.now_s):
                floor = (await self._hub.floor()).version
                span = await self._hub.span()
        await self._say(
            "hello", protocol=PROTOCOL, floor=floor, channels=[c.told() for c in CHANNELS],
            severities=SEVERITIES, span_ms=span, speeds=SPEEDS, stale_s=STALE_S,
        )  # fmt: skip
        await self._ping()

    async def _show(self, moment: Moment) -> None:
        channel = self.channel
        delta = moment.deltas.get(channel.name) if channel else None
        if channel is None or (self._held is not None and self._held >= moment.serial):
            await self._words(moment)
        elif delta is not None and delta.before == self._held:
            await self._words(moment)
            self._number, self._held = self._number + 1, moment.serial
            await self._cells(renumbered(delta.message, self._number))
        elif not await self._show_latest():
            await self._words(moment)

    async def _show_latest(self) -> bool:
        """All cells, after their moment's words where these are not told yet; False when there are none."""
        channel, source = self.channel, self._source
        snapshot = None if channel is None else await source.snapshot(channel)
        if snapshot is None or channel is not self.channel or source is not self._source:
            return False
        if snapshot.moment.told is not self._told:
            await self._words(snapshot.moment)
        self._number, self._held = 0, snapshot.moment.serial
        await self._cells(snapshot.message)
        return True

    async def _words(self, moment: Moment) -> None:
        text = moment.text(self._told)
        self._told = moment.told
        self._counts.bytes_sent["viewers"] += len(text)
        await self._socket.send_str(text)

    async def _cells(self, message: bytes) -> None:
        self._counts.bytes_sent["viewers"] += len(message)
        await self._socket.send_bytes(message)

    async def _ping(self) -> None:
        self._pings += 1
        await self._socket.ping(str(self._pings).encode())

    async def _say(self, kind: str, **fields: object) -> None:
        text = msgspec.json.encode({"type": kind, **fields}).decode()
        self._counts.bytes_sent["viewers"] += len(text)
        with suppress(ConnectionError):
            await self._socket.send_str(text)

    def _end(self, code: int, why: str) -> asyncio.Task[None]:
        if self._ending is None:
            self._ending = asyncio.ensure_future(self._ended(code, why))
        return self._ending

    async def _ended(self, code: int, why: str) -> None:
        # `close` waits for what is before it in the buffer, which who is stuck never takes.
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(CLOSING_S):
                await self._socket.close(code=code, message=why.encode())
        if self._transport.get_write_buffer_size():
            self._transport.abort()
