"""Answers to requests, one method a route; blocking calls are made from threads."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiohttp import WSCloseCode, web

from coldplate.dashboards.web.channels import channel as channel_of
from coldplate.dashboards.web.counts import TEXT, Counts
from coldplate.dashboards.web.guard import Guard
from coldplate.dashboards.web.hub import Hub
from coldplate.dashboards.web.limits import BODY_S, CLOSING_S, MESSAGE_BYTES_MAX, Waits
from coldplate.dashboards.web.message import SNAPSHOT, packed
from coldplate.dashboards.web.openapi import document
from coldplate.dashboards.web.options import Options
from coldplate.dashboards.web.pages import Pages
from coldplate.dashboards.web.parameters import span_of
from coldplate.dashboards.web.picture import Picture
from coldplate.dashboards.web.pool import Pool
from coldplate.dashboards.web.ports import Answers, Hall, NotThen
from coldplate.dashboards.web.refusals import Refused
from coldplate.dashboards.web.replaying import Replay
from coldplate.dashboards.web.routes import JSON, OCTETS, ROUTES
from coldplate.dashboards.web.sending import encoded, file, sent, unchanged
from coldplate.dashboards.web.viewer import Viewer

log = logging.getLogger(__name__)

Asked = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parts:
    """What answers are made of."""

    hall: Hall
    answers: Answers
    options: Options
    hub: Hub
    guard: Guard
    counts: Counts
    pages: Pages
    pool: Pool
    replays: Pool
    waits: Waits


class Answering:
    """The server's answers.

    Parameters
    ----------
    parts
        Of the server.
    """

    def __init__(self, parts: Parts) -> None:
        self._of = parts
        self._viewers: set[Viewer] = set()

    async def page(self, request: web.Request, _: Asked) -> web.StreamResponse:
        """GET `/`."""
        return file(request, self._of.pages.get("index.html"))

    async def board_page(self, request: web.Request, _: Asked) -> web.StreamResponse:
        """GET `/board`."""
        return file(request, self._of.pages.get("board.html"))

    async def static(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """GET `/static/{name}`."""
        return file(request, self._of.pages.get(asked["name"]))

    async def healthz(self, _request: web.Request, _: Asked) -> web.StreamResponse:
        """GET `/healthz`."""
        return web.Response(text="ok")

    async def metrics(self, _request: web.Request, _: Asked) -> web.StreamResponse:
        """GET `/metrics`."""
        return web.Response(
            body=self._of.counts.rendered().encode(), headers={"Content-Type": TEXT}
        )

    async def login_page(self, request: web.Request, _: Asked) -> web.StreamResponse:
        """GET `/login`."""
        if not self._of.options.token_file:
            return web.Response(status=303, headers={"Location": "./"})
        return file(request, self._of.pages.get("login.html"))

    async def login(self, request: web.Request, _: Asked) -> web.StreamResponse:
        """POST `/login`."""
        try:
            async with asyncio.timeout(BODY_S):
                form = await request.post()
        except TimeoutError:
            raise Refused(400, "the form did not arrive") from None
        except ValueError as error:
            raise Refused(400, "the form cannot be read", "send its field token") from error
        token = form.get("token")
        if not isinstance(token, str):
            raise Refused(400, "no token", "send it in the form's field token")
        return await self._of.guard.log_in(request, token.strip())

    async def logout(self, request: web.Request, _: Asked) -> web.StreamResponse:
        """POST `/logout`."""
        return self._of.guard.log_out(request)

    async def openapi(self, request: web.Request, _: Asked) -> web.StreamResponse:
        """GET `/api/openapi.json`."""
        return sent(request, *encoded(document(ROUTES)))

    async def floor(self, request: web.Request, _: Asked) -> web.StreamResponse:
        """GET `/api/floor`."""
        told = await self._of.hub.floor()
        return unchanged(request, told.version) or sent(
            request,
            told.body,
            told.packed,
            {"ETag": f'"{told.version}"', "Cache-Control": "no-cache"},
        )

    async def hall(self, request: web.Request, _: Asked) -> web.StreamResponse:
        """GET `/api/hall`."""
        return await self._told(request, self._of.answers.hall)

    async def board(self, request: web.Request, _: Asked) -> web.StreamResponse:
        """GET `/api/board`."""
        return await self._told(request, self._of.answers.board)

    async def rack(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """GET `/api/rack/{rack}`."""
        return await self._told(request, lambda: self._of.answers.rack(asked["rack"], asked["at"]))

    async def gpu(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """GET `/api/gpu/{gpu}`."""
        return await self._told(request, lambda: self._of.answers.gpu(asked["gpu"], asked["at"]))

    async def incidents(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """GET `/api/incidents`."""
        answers = self._of.answers
        return await self._told(request, lambda: answers.incidents(asked["state"], asked["limit"]))

    async def why(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """GET `/api/why/{incident}`."""
        return await self._told(request, lambda: self._of.answers.why(asked["incident"]))

    async def power(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """GET `/api/power/{rack}`."""
        begin_ms, end_ms = await self._span(asked)
        answers = self._of.answers
        return await self._told(
            request, lambda: answers.power(asked["rack"], begin_ms, end_ms, asked["steps"])
        )

    async def resistance(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """GET `/api/resistance/{gpu}`."""
        begin_ms, end_ms = await self._span(asked)
        answers = self._of.answers
        return await self._told(
            request, lambda: answers.resistance(asked["gpu"], begin_ms, end_ms, asked["steps"])
        )

    async def replay(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """GET `/api/replay`."""
        octets = OCTETS in request.headers.get("Accept", "")
        hall, name = self._of.hall, asked["channel"]

        def call() -> tuple[bytes, bytes | None]:
            at_ms = hall.span()[1] if asked["at"] is None else asked["at"]
            picture = hall.past(at_ms, asked["step_ms"])
            return (_snapshot(picture, name), None) if octets else encoded(_values(picture, name))

        body, small = await self._of.replays.run(call)
        return sent(request, body, small, {"Vary": "Accept"}, OCTETS if octets else JSON)

    async def live(self, request: web.Request, _: Asked) -> web.StreamResponse:
        """GET `/api/live`."""
        socket = web.WebSocketResponse(
            autoping=False, compress=False, max_msg_size=MESSAGE_BYTES_MAX, timeout=CLOSING_S
        )
        if not socket.can_prepare(request).ok:
            raise Refused(400, "this is no WebSocket's request", "see docs/web.md")
        of = self._of
        if len(self._viewers) >= of.options.viewers_max:
            of.counts.refused["full"] += 1
            raise Refused(
                503, f"{len(self._viewers)} viewers look already", "try again; see web.viewers_max"
            )
        transport = request.transport
        assert isinstance(transport, asyncio.WriteTransport)
        viewer = Viewer(
            socket,
            transport,
            of.hub,
            of.counts,
            lambda: of.guard.may_look(request),
            self._replay,
            of.waits,
        )
        self._viewers.add(viewer)
        try:
            await socket.prepare(request)
            await viewer.run()
        except ConnectionError:
            pass  # gone
        except Exception:
            log.exception("a viewer's connection ended")
        finally:
            self._viewers.discard(viewer)
        return socket

    async def end_viewers(self) -> None:
        """Tell all who look that the server goes."""
        going = [v.close(WSCloseCode.GOING_AWAY, "the server stops") for v in self._viewers]
        await asyncio.gather(*going)

    def _replay(self, viewer: Viewer) -> Replay | None:
        of = self._of
        if of.counts.replaying >= of.options.replays_max:
            return None
        return Replay(of.hall, of.hub, of.replays, viewer)

    async def _span(self, asked: Asked) -> tuple[int, int]:
        now_ms = self._of.hub.now_ms()
        if now_ms is None:
            now_ms = (
                (await self._of.hub.span())[1] if asked["to"] is None else int(time.time() * 1000)
            )
        return span_of(asked, now_ms)

    async def _told(
        self, request: web.Request, call: Callable[[], Mapping[str, Any]]
    ) -> web.Response:
        return sent(request, *await self._of.pool.run(lambda: encoded(call())))


def _values(picture: Picture, name: str) -> dict[str, Any]:
    # Three places are more than any sensor has; NaN becomes null.
    values = np.round(_column(picture, name).astype(np.float64), 3).tolist()
    return {**picture.told(), "channel": name, "values": values}


def _snapshot(picture: Picture, name: str) -> bytes:
    channel = channel_of(name)
    assert channel is not None
    cells = channel.coded(_column(picture, name))
    return packed(SNAPSHOT, channel.number, picture.at_ms, 0, cells, picture.floor, past=True)


def _column(picture: Picture, name: str) -> Any:
    if name not in picture.values:
        shown = ", ".join(picture.values) or "none"
        raise NotThen(f"{name} cannot be shown of that moment; there are {shown}")
    return picture.values[name]
