"""Many who look, slow ones, and connections that want nothing but to be in the way."""

import asyncio
import json
import resource
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import aiohttp
import pytest
from dashboards.web.halls import (
    QUICK,
    Got,
    Page,
    StandInAnswers,
    StandInHall,
    ask,
    floor_of,
    metric,
    site,
    with_page,
)
from waiting import await_that

from coldplate.dashboards.web.options import Options

SOCKETS = 1000


@pytest.fixture
def many_files():
    """This process has both ends of every connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_all_who_look_at_a_channel_share_its_bytes():
    """Twenty viewers of 20,000 cells get the same bodies, coded once, and the history is asked once a second."""
    hall = StandInHall(floor_of(313, 64))
    bodies = {}

    async def look(session, of):
        async with session.ws_connect(f"{of.url}api/live") as line:
            page = Page(line)
            await page.say(look="power")
            for _ in range(3):
                got = await page.picture()
                bodies.setdefault((got.kind, got.at_ms), set()).add(got.cells.tobytes())
            await page.say(again=True)
            return await page.until(lambda g: isinstance(g, Got) and g.kind == 1)

    async def run(of):
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            return await asyncio.gather(*(look(session, of) for _ in range(20)))

    with site(hall) as of:
        got = asyncio.run(run(of))
        assert (20, {20_032}) == (len(got), {len(g.cells) for g in got})
        assert all(len(of_moment) == 1 for of_moment in bodies.values())
        pictures = metric(of, "pictures_total")
    assert hall.asked["now"] == pictures <= 10


def test_a_viewer_that_takes_nothing_has_one_picture_waiting():
    """Others go on as ever; once it takes something again, what it gets is whole and of now."""
    hall = StandInHall(floor_of(500, 64))

    with site(hall) as of, ThreadPoolExecutor(1) as pool:

        def count(name):
            return pool.submit(metric, of, name).result()

        async def use(page):
            await page.picture()
            before = count('sent_bytes_total{to="viewers"}')
            while count("thinned_total") < 2:  # noqa: ASYNC110  counted elsewhere
                await asyncio.sleep(0.05)
            assert count('sent_bytes_total{to="viewers"}') - before < 20_000
            late = await page.until(lambda g: isinstance(g, Got) and g.number == 0, 8)
            assert (late.kind, page.cells.tolist()) == (1, late.cells.tolist())

        with_page(of, use)


def test_a_viewer_that_stays_stuck_is_let_go_with_a_code():
    """The reason stands in the closing."""

    async def use(page):
        await asyncio.sleep(1.5)  # takes nothing for longer than is waited
        got = await page.closing()
        assert (4408, True) == (got.data, "nothing taken" in got.extra)

    with site(waits=replace(QUICK, stuck_s=0.5)) as of:
        with_page(of, use, autoping=False)
        await_that(lambda: metric(of, "viewers") == 0, 5, "the viewer to be forgotten")
        assert metric(of, "stuck_total") == 1


def test_as_many_look_as_allowed():
    """One more is told so."""
    with site(options=Options(port=0, viewers_max=1)) as of:

        async def use(page):
            async with aiohttp.ClientSession() as session:
                with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
                    await session.ws_connect(f"{of.url}api/live")
            assert raised.value.status == 503

        with_page(of, use)


@pytest.mark.parametrize(
    "said", [b"", b"GET / HTTP/1.1\r\nHost: lo"], ids=["silent", "half a request"]
)
def test_a_thousand_half_open_connections_are_in_nobodys_way(many_files, said):
    """Others are answered meanwhile, and those are cut."""
    with site(waits=replace(QUICK, head_s=1.0)) as of:
        idle = []
        try:
            for _ in range(SOCKETS):
                idle.append(socket.create_connection(("127.0.0.1", of.port)))
                idle[-1].sendall(said)
            assert ask(of, "/api/hall")[0] == 200
            with_page(of, lambda page: page.picture())
            await_that(lambda: metric(of, "connections") <= 2, 10, "them to be cut")
            refused = ask(of, "/metrics")[2].decode()
            assert f'coldplate_web_refused_total{{reason="slow"}} {SOCKETS}' in refused
        finally:
            for one in idle:
                one.close()


def test_more_connections_than_allowed_are_told_so():
    """Who comes too many gets an answer, and there is room again when others leave."""
    with site(options=Options(port=0, connections_max=16)) as of:
        idle = [socket.create_connection(("127.0.0.1", of.port)) for _ in range(16)]
        try:
            status, _, body = ask_when_full(of)
            assert (503, "too many connections") == (status, json.loads(body)["error"])
        finally:
            for one in idle:
                one.close()
        await_that(lambda: ask(of, "/healthz")[0] == 200, 5, "room")


def ask_when_full(of):
    found = []
    await_that(
        lambda: found.append(ask(of, "/healthz")) or found[-1][0] == 503, 5, "the server to be full"
    )
    return found[-1]


def test_an_answer_that_nobody_takes_is_given_up():
    """Memory is not held for who asks and does not read."""
    answers = StandInAnswers()
    answers.more = {"text": "x" * 12_000_000}
    with site(answers=answers, waits=replace(QUICK, untaken_s=0.3)) as of, socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(("127.0.0.1", of.port))
        lazy.sendall(b"GET /api/hall HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await_that(lambda: answers.most, 5, "the question")
        slow = 'coldplate_web_refused_total{reason="slow"} 1'
        await_that(lambda: slow in ask(of, "/metrics")[2].decode(), 10, "it to be cut")


def test_a_form_that_does_not_come_is_not_waited_for(many_files):
    """The connection is closed; nothing else is held up."""
    with site() as of, socket.create_connection(("127.0.0.1", of.port)) as half:
        half.sendall(b"POST /logout HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf")
        half.settimeout(8)
        assert half.recv(100).startswith(b"HTTP/1.1 303")
        while half.recv(4096):
            pass
