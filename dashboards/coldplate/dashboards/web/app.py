"""The live hall's server: made, run, and ended with all that it was handed.

Examples
--------
From a thread or a command::

    stop = threading.Event()
    serve(hall, answers, Options(), stop, tell=print)
"""

import asyncio
import logging
import resource
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from aiohttp import web

from coldplate.dashboards.web.answering import Answering, Parts
from coldplate.dashboards.web.certificate import Certificate
from coldplate.dashboards.web.connections import SETTINGS, Connection, Door
from coldplate.dashboards.web.counts import Counts
from coldplate.dashboards.web.guard import HEADERS, Guard
from coldplate.dashboards.web.hub import Hub, task_of
from coldplate.dashboards.web.limits import (
    ANSWERS,
    ANSWERS_WAITING_MAX,
    BODY_BYTES_MAX,
    WAITS,
    Waits,
)
from coldplate.dashboards.web.options import Options, OptionsError, check
from coldplate.dashboards.web.pages import Pages
from coldplate.dashboards.web.parameters import read_all
from coldplate.dashboards.web.pool import Busy, Pool
from coldplate.dashboards.web.ports import Answers, Hall
from coldplate.dashboards.web.refusals import answer, refused
from coldplate.dashboards.web.routes import ROUTES, Route
from coldplate.dashboards.web.tokens import LOOK_S, Token

log = logging.getLogger(__name__)

PARTS = web.AppKey("parts", Parts)
POLL_S = 0.1
"""How soon a stop is noticed."""

BACKLOG = 1024
PAGES = ("page", "board_page")
"""Who may not look is led from these to the form."""

FILES = 256
"""Open files beside connections."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build(
    hall: Hall, answers: Answers, options: Options, waits: Waits = WAITS, counts: Counts | None = None
) -> web.Application:  # fmt: skip
    """The application; starts nothing before it is run, and does not close what it is handed.

    Raises
    ------
    OptionsError
    """
    check(options)
    counts = counts or Counts()
    token = (
        Token(Path(options.token_file), look_s=min(LOOK_S, waits.recheck_s))
        if options.token_file
        else None
    )
    pool = Pool(ANSWERS, "answers", ANSWERS_WAITING_MAX, waits.answer_s)
    replays = Pool(options.replays_max, "replays", options.replays_max, waits.answer_s)
    parts = Parts(
        hall, answers, options, Hub(hall, pool, counts, waits), Guard(options, token, counts), counts,
        Pages(Path(__file__).parent / "static"), pool, replays, waits,
    )  # fmt: skip
    answering = Answering(parts)
    app = web.Application(middlewares=[_outermost], client_max_size=BODY_BYTES_MAX)
    app[PARTS] = parts
    for route in ROUTES:
        handler = partial(_routed, route, getattr(answering, route.name))
        if route.method == "GET":
            app.router.add_get(route.pattern, handler, allow_head=route.name != "live")
        else:
            app.router.add_post(route.pattern, handler)
    app.on_response_prepare.append(_headers)
    app.cleanup_ctx.append(_running)
    app.on_shutdown.append(lambda _: answering.end_viewers())
    return app


@asynccontextmanager
async def running(
    hall: Hall, answers: Answers, options: Options, waits: Waits = WAITS, counts: Counts | None = None
) -> AsyncIterator[str]:  # fmt: skip
    """A server that listens, by its address; hall and answers are closed with it.

    Raises
    ------
    OptionsError
    """
    runner = None
    try:
        app = build(hall, answers, options, waits, counts)
        certificate = Certificate(options) if options.cert_file else None
        _make_room(options.connections_max)
        runner = web.AppRunner(
            app, handle_signals=False, shutdown_timeout=waits.close_s, **SETTINGS
        )
        await runner.setup()
        assert runner.server is not None
        door = Door(runner.server, options.connections_max, app[PARTS].counts, waits)
        async with _listening(door, options, certificate) as url:
            yield url
    finally:
        if runner is not None:
            await runner.cleanup()
        await _let_go(hall, answers, waits.close_s)


def serve(
    hall: Hall, answers: Answers, options: Options, stop: threading.Event,
    tell: Callable[[str], None] = lambda _: None, counts: Counts | None = None,
) -> None:  # fmt: skip
    """Offer the live hall until told to stop; hall and answers are closed at the end, whatever it is.

    Parameters
    ----------
    hall, answers
        Where everything comes from.
    options
        See options.py.
    stop
        Ends it.
    tell
        Called with the address once it listens.
    counts
        Are counted on, where there are some already.

    Raises
    ------
    OptionsError
        When it cannot be offered so.
    """
    asyncio.run(_until(hall, answers, options, stop, tell, counts))


def examine(options: Options) -> None:
    """Whether it could be offered so; reads the files that are named, and nothing listens.

    Raises
    ------
    OptionsError
    """
    check(options)
    if options.token_file:
        Token(Path(options.token_file))
    if options.cert_file:
        Certificate(options)


async def _until(
    hall: Hall, answers: Answers, options: Options, stop: threading.Event, tell: Callable[[str], None],
    counts: Counts | None,
) -> None:  # fmt: skip
    async with running(hall, answers, options, counts=counts) as url:
        tell(url)
        while not stop.is_set():  # noqa: ASYNC110  a thread's event has nothing to await
            await asyncio.sleep(POLL_S)


@asynccontextmanager
async def _listening(
    door: Door, options: Options, certificate: Certificate | None
) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    tls = certificate.context if certificate else None
    try:
        server = await loop.create_server(
            door.connection, options.address, options.port, backlog=BACKLOG, ssl=tls,
            ssl_handshake_timeout=door.waits.head_s if tls else None,
        )  # fmt: skip
    except OSError as error:
        raise OptionsError(
            f"web.address, web.port: cannot listen on {options.address}:{options.port}: {error.strerror or error}"
        ) from error
    tasks = [task_of(door.watch)]
    if certificate is not None:
        tasks.append(task_of(partial(_watch_certificate, certificate, door.waits.recheck_s)))
    host = f"[{options.address}]" if ":" in options.address else options.address
    try:
        yield f"{'https' if tls else 'http'}://{host}:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _watch_certificate(certificate: Certificate, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        certificate.refresh()


async def _running(app: web.Application) -> AsyncIterator[None]:
    parts = app[PARTS]
    asking = task_of(parts.hub.run)
    yield
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
    close_s = parts.waits.close_s
    pools = (asyncio.to_thread(p.close, close_s) for p in (parts.pool, parts.replays))
    await asyncio.gather(parts.hub.close(close_s), *pools)


@web.middleware
async def _outermost(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Counts, and tells of errors in one form."""
    parts = request.app[PARTS]
    if isinstance(request.protocol, Connection):
        request.protocol.asked()
    try:
        if request.path != "/healthz":
            parts.guard.check_host(request)
        response = await handler(request)
    except Exception as error:  # noqa: BLE001  told by `refused`, which logs what nobody expected
        if isinstance(error, Busy):
            parts.counts.refused["busy"] += 1
        response = answer(refused(error), request)
    parts.counts.requests[f"{response.status // 100}xx"] += 1
    if isinstance(response, web.Response):
        parts.counts.bytes_sent["requests"] += response.content_length or 0
    return response


async def _routed(
    route: Route,
    handler: Callable[[web.Request, dict[str, object]], Awaitable[web.StreamResponse]],
    request: web.Request,
) -> web.StreamResponse:
    """Judges a request and reads its parameters before it is answered."""
    guard = request.app[PARTS].guard
    if route.method == "POST" or route.name == "live":
        guard.check_origin(request)
    machine = route.access == "machine" and guard.may_read_metrics(request)
    if route.access != "all" and not machine:
        if route.name in PAGES and not guard.may_look(request) and guard.has_form:
            return web.Response(status=303, headers={"Location": "login"})
        await guard.check(request)
    asked = read_all(route.parameters, request.match_info, [*request.query.items()])
    return await handler(request, asked)


async def _headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")


def _make_room(connections_max: int) -> None:
    """As many open files as connections need, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections_max + FILES
    unlimited = resource.RLIM_INFINITY
    if soft != unlimited and soft < wanted:
        allowed = wanted if hard == unlimited else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        if allowed < wanted:
            raise OptionsError(
                f"web.connections_max: {connections_max} connections need {wanted} open files, and this process may have {hard}; "
                f"raise its limit (ulimit -n) or set at most {max(0, hard - FILES)}"
            )


async def _let_go(hall: Hall, answers: Answers, within_s: float) -> None:
    """Close what was handed in; one that does not end is left, so that the process can."""
    closing = Pool(2, "closing", 0, within_s)
    closed = await asyncio.gather(
        closing.run(hall.close), closing.run(answers.close), return_exceptions=True
    )
    for error in closed:
        if error is not None:
            log.warning("not closed: %s: %s", type(error).__name__, error)
