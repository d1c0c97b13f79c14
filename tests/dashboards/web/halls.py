"""Stand-ins of what the live hall's server is handed, and the real server over real sockets."""

import asyncio
import threading
import time
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
import numpy as np

from coldplate.dashboards.web.app import running
from coldplate.dashboards.web.channels import CHANNELS
from coldplate.dashboards.web.floor import Floor, RackPlace
from coldplate.dashboards.web.limits import Waits
from coldplate.dashboards.web.message import HEADER
from coldplate.dashboards.web.options import Options
from coldplate.dashboards.web.picture import Picture
from coldplate.dashboards.web.ports import Away, NotThen, NotThere

BEGIN_MS = 1_700_000_000_000
NOW_MS = BEGIN_MS + 86_400_000
QUICK = Waits(second_s=0.2)
"""So that tests do not take as long as walls do."""

MARK = "<img src=x onerror=alert(1)>"
"""A rack's name that somebody else wrote."""

CODES = {"job", "incident"}


def floor_of(racks=3, cells=8, name="rack-{:04d}"):
    places = [RackPlace(name.format(i), "hall", f"row-{i // 8}", i * cells, cells) for i in range(racks)]  # fmt: skip
    return Floor(places, [f"{p.id}/n{c // 8}/g{c % 8}" for p in places for c in range(cells)])


class StandInHall:
    """Pictures of arrays that a test sets: `values` of now, and of the past whatever `then` makes of a moment."""

    def __init__(self, floor=None):
        self.of = floor or floor_of()
        n = len(self.of.gpus)
        self.values = {c.name: np.full(n, 20.0, np.float32) for c in CHANNELS if c.name not in CODES}  # fmt: skip
        self.values |= {c: np.zeros(n, np.float32) for c in CODES}
        self.strip, self.incidents, self.silent, self.jobs = {"power_w": 1000.0}, [], [], []
        self.away, self.wait_s, self.closed, self.age_ms = "", 0.0, False, 1000
        self.asked = {"now": 0, "past": [], "floor": 0, "span": 0}
        self.hold = None
        """A threading.Event that `now` and `past` wait for."""
        self.began_s = time.monotonic()

    def now_ms(self):
        return NOW_MS + int(1000 * (time.monotonic() - self.began_s))

    def floor(self):
        self.asked["floor"] += 1
        self._may_fail()
        return self.of

    def now(self):
        self.asked["now"] += 1
        self._may_fail()
        return self._picture(self.now_ms(), dict(self.values))

    def past(self, at_ms, step_ms):
        self.asked["past"].append((at_ms, step_ms))
        self._may_fail()
        if at_ms < BEGIN_MS:
            raise NotThen(f"nothing is kept of {at_ms}; the oldest is {BEGIN_MS}")
        return self._picture(at_ms, self.then(at_ms))

    def then(self, at_ms):
        """Values of a past moment: the minute of the hour, in every cell; incidents are not known of it."""
        past = np.full(len(self.of.gpus), at_ms // 60_000 % 60, np.float32)
        return {name: past for name in self.values if name != "incident"}

    def span(self):
        self.asked["span"] += 1
        self._may_fail()
        return BEGIN_MS, self.now_ms()

    def close(self):
        self.closed = True

    def _picture(self, at_ms, values):
        return Picture(
            self.of.version, at_ms, at_ms - self.age_ms, values, list(self.silent), dict(self.strip), list(self.jobs),
            list(self.incidents),
        )  # fmt: skip

    def _may_fail(self):
        if self.hold is not None:
            self.hold.wait(20)
        time.sleep(self.wait_s)
        if self.away:
            raise Away(self.away)


class StandInAnswers:
    """Says what it was asked, and `more`; `hold` as the hall's."""

    def __init__(self, racks=("rack-0000",)):
        self.racks, self.closed, self.hold, self.error, self.most = racks, False, None, None, 0
        self.more = {}
        self._running, self._lock = 0, threading.Lock()

    def hall(self):
        return self._say(of="hall", power_w=float("nan"), racks=np.int64(3))

    def rack(self, rack, at_ms):
        if rack not in self.racks and "/" not in rack:
            raise NotThere(f"no rack {rack!r}; near: {', '.join(self.racks)}")
        return self._say(of="rack", rack=rack, at_ms=at_ms)

    def gpu(self, gpu, at_ms):
        return self._say(of="gpu", gpu=gpu, at_ms=at_ms)

    def board(self):
        return self._say(of="board")

    def incidents(self, state, limit):
        return self._say(of="incidents", state=state, limit=limit)

    def why(self, incident):
        return self._say(of="why", incident=incident)

    def power(self, rack, begin_ms, end_ms, steps):
        return self._say(of="power", rack=rack, begin_ms=begin_ms, end_ms=end_ms, steps=steps)

    def resistance(self, gpu, begin_ms, end_ms, steps):
        return self._say(of="resistance", gpu=gpu, begin_ms=begin_ms, end_ms=end_ms, steps=steps)

    def close(self):
        self.closed = True

    def _say(self, **said):
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
        try:
            if self.hold is not None:
                self.hold.wait(20)
            if self.error is not None:
                raise self.error
            return said | self.more
        finally:
            with self._lock:
                self._running -= 1


@dataclass
class Site:
    """A server that runs in a thread."""

    url: str
    hall: StandInHall
    answers: StandInAnswers

    @property
    def port(self):
        return int(self.url.rstrip("/").rpartition(":")[2])

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"


@contextmanager
def site(hall=None, answers=None, options=None, waits=QUICK):
    """The real server, in a thread, on a free port."""
    hall, answers = hall or StandInHall(), answers or StandInAnswers()
    options = options or Options(port=0)
    up, stop, told = threading.Event(), threading.Event(), []

    async def run():
        try:
            async with running(hall, answers, options, waits) as url:
                told.append(url)
                up.set()
                while not stop.is_set():  # noqa: ASYNC110  a thread's event
                    await asyncio.sleep(0.02)
        finally:
            up.set()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    up.wait(10)
    try:
        assert told, "the server did not start"
        yield Site(told[0], hall, answers)
    finally:
        for of in (hall, answers):
            if of.hold is not None:
                of.hold.set()
        stop.set()
        thread.join(20)
        assert not thread.is_alive(), "the server does not stop"


@dataclass
class Got:
    """A binary message."""

    kind: int
    channel: int
    past: bool
    at_ms: int
    number: int
    floor: int
    cells: np.ndarray


def unpacked(message):
    """As a page reads it."""
    sign, version, kind, channel, flags, zero, at_ms, number, cells, floor = HEADER.unpack_from(message)  # fmt: skip
    assert (sign, version, zero) == (b"CP", 1, 0)
    body = np.frombuffer(zlib.decompress(message[HEADER.size :]), np.uint8)
    assert len(body) == cells
    return Got(kind, channel, bool(flags & 1), at_ms, number, floor, body)


@dataclass
class Page:
    """What a page does with what it is sent."""

    socket: aiohttp.ClientWebSocketResponse
    words: dict = field(default_factory=dict)
    texts: list = field(default_factory=list)
    messages: list = field(default_factory=list)
    cells: np.ndarray | None = None
    number: int | None = None

    async def say(self, **wish):
        await self.socket.send_json(wish)

    async def take(self, within_s=5.0):
        """The next message: the text's JSON, or Got."""
        message = await self.socket.receive(within_s)
        if message.type is aiohttp.WSMsgType.TEXT:
            told = message.json()
            self.texts.append(told)
            if told["type"] == "picture":
                self.words = {**self.words, **told}
            return told
        assert message.type is aiohttp.WSMsgType.BINARY, message
        got = unpacked(message.data)
        self.messages.append((got, len(message.data)))
        if got.kind == 1:
            assert got.number == 0
            self.cells = got.cells.copy()
        else:
            assert got.number == self.number + 1
            self.cells = self.cells + got.cells
        self.number = got.number
        return got

    async def until(self, true, within_s=6.0):
        """The first message of which this is true."""
        async with asyncio.timeout(within_s):
            while not true(got := await self.take(within_s)):
                pass
            return got

    async def picture(self, within_s=6.0):
        """The next picture's cells."""
        return await self.until(lambda got: isinstance(got, Got), within_s)

    async def closing(self, within_s=8.0):
        """What the server says in closing; a connection that ends without a word is an error, and no wait for ever."""
        async with asyncio.timeout(within_s):
            while (got := await self.socket.receive()).type is not aiohttp.WSMsgType.CLOSE:
                assert got.type not in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR), got
            return got

    async def told(self, kind, within_s=6.0):
        """The next text of a type."""
        return await self.until(lambda got: isinstance(got, dict) and got["type"] == kind, within_s)


async def let_go(of, *, tls):
    """What comes of it; TLS is given the time to end, for which a closed session does not wait (aiohttp's "Graceful Shutdown")."""
    out = await of
    if tls:
        await asyncio.sleep(0.25)
    return out


def with_page(of, use, look="margin", **more):
    """Open the WebSocket, look, and do something with it."""

    async def run():
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{of.url}api/live", **more) as socket:  # fmt: skip
            page = Page(socket)
            assert (await page.take())["type"] == "hello"
            if look:
                await page.say(look=look)
            return await use(page)

    return asyncio.run(let_go(run(), tls="ssl" in more))


def ask(of, path, method="GET", **more):
    """One request: status, headers, body."""
    return asks(of, [(method, path, more)])[0]


def asks(of, requests):
    """Several at the same time."""

    async def one(session, method, path, more):
        async with session.request(method, f"{of.url.rstrip('/')}{path}", allow_redirects=False, **more) as got:  # fmt: skip
            return got.status, got.headers, await got.read()

    async def run():
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            return await asyncio.gather(*(one(session, *r) for r in requests))

    return asyncio.run(let_go(run(), tls=any("ssl" in more for _, _, more in requests)))


def metric(of, name):
    """A number of `/metrics`."""
    _, _, body = ask(of, "/metrics")
    found = [line for line in body.decode().splitlines() if line.startswith(f"coldplate_web_{name} ")]  # fmt: skip
    return float(found[0].rpartition(" ")[2])
