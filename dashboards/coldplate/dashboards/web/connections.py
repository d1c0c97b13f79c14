"""Connections that are bounded: in number, in the time to say something, in the time to take an answer."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from coldplate.dashboards.web.counts import Counts
from coldplate.dashboards.web.guard import HEADERS
from coldplate.dashboards.web.limits import KEEPALIVE_S, LINGERING_S, WAITS, Waits
from coldplate.dashboards.web.refusals import Refused, answer

SETTINGS: Mapping[str, Any] = {
    "keepalive_timeout": KEEPALIVE_S, "lingering_time": LINGERING_S, "access_log": None,
}  # fmt: skip

FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 62\r\n"
    b"Retry-After: 5\r\nConnection: close\r\n\r\n"
    b'{"error": "too many connections", "hint": "try again shortly"}'
)
FULL_S = 1.0
"""For whoever is turned away to read why; its request is thrown away meanwhile."""

WATCH_S = 2.0


class Door:
    """All connections of a server.

    Parameters
    ----------
    server
        Answers requests.
    connections_max
        At the same time.
    counts
        To count in.
    waits
        Until one is given up.
    """

    def __init__(
        self, server: web.Server, connections_max: int, counts: Counts,
        waits: Waits = WAITS,
    ) -> None:  # fmt: skip
        self._server, self._max, self.counts = server, connections_max, counts
        self.waits = waits
        self.open: set[Connection] = set()

    def connection(self) -> "Connection":
        """For the next one who comes."""
        return Connection(self, self._server, loop=asyncio.get_running_loop(), **SETTINGS)

    @property
    def full(self) -> bool:
        """Whether there is no room."""
        return len(self.open) >= self._max

    async def watch(self) -> None:
        """Cut who takes nothing, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(WATCH_S, self.waits.untaken_s))
            for connection in list(self.open):
                if connection.untaken_s(loop.time()) > self.waits.untaken_s:
                    self.counts.refused["slow"] += 1
                    connection.cut()


class Connection(web.RequestHandler):
    """One of them.

    Parameters
    ----------
    door
        That it came through.
    server, settings
        As aiohttp's has them.
    """

    __slots__ = ("_door", "_first", "_turned_away", "_untaken", "_wire")

    def __init__(self, door: Door, server: web.Server, **settings: Any) -> None:
        super().__init__(server, **settings)
        self._door, self._turned_away = door, False
        self._first: asyncio.TimerHandle | None = None
        self._wire: asyncio.Transport | None = None
        self._untaken = (0, 0.0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it, or turn it away."""
        assert isinstance(transport, asyncio.Transport)
        self._wire = transport
        loop = asyncio.get_running_loop()
        if self._door.full:
            self._turned_away = True
            self._door.counts.refused["full"] += 1
            transport.write(FULL)
            # Closed at once, with its request unread, it would see a reset in place of the answer.
            loop.call_later(FULL_S, transport.abort)
            return
        self._door.open.add(self)
        self._door.counts.connections = len(self._door.open)
        self._first = loop.call_later(self._door.waits.head_s, self._silent)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Not read from who was turned away."""
        if not self._turned_away:
            super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget it."""
        if self._turned_away:
            return
        self._door.open.discard(self)
        self._door.counts.connections = len(self._door.open)
        self.asked()
        super().connection_lost(exc)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None,
    ) -> web.StreamResponse:  # fmt: skip
        """What is no HTTP is counted, not logged: its bytes are a stranger's, or hold somebody's secret."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        self._door.counts.refused["unreadable"] += 1
        refusal = answer(Refused(status, "this is no HTTP request that can be read"), request)
        refusal.headers.update(HEADERS)
        refusal.force_close()
        return refusal

    def asked(self) -> None:
        """A first request is whole; times between requests are aiohttp's to watch."""
        if self._first is not None:
            self._first.cancel()
            self._first = None

    def untaken_s(self, now_s: float) -> float:
        """For how long nothing has been taken of what waits to be sent."""
        size = self._wire.get_write_buffer_size() if self._wire else 0
        if size == 0 or size != self._untaken[0]:
            self._untaken = (size, now_s)
        return now_s - self._untaken[1]

    def cut(self) -> None:
        """At once."""
        if self._wire is not None:
            self._wire.abort()

    def _silent(self) -> None:
        self._door.counts.refused["slow"] += 1
        self.cut()
