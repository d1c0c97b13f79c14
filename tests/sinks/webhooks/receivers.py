"""Receivers that misbehave, messages for them, and waiting for conditions in an event loop."""

import asyncio
import json
import struct
import time
from contextlib import suppress

from coldplate.sinks.webhooks.call import Post, Reply, Verdict
from coldplate.sinks.webhooks.message import Message, Phase, Text, Told
from coldplate.wire.incident import Incident, Severity, State

SECRET = "s3cr3t-token-of-the-receiver"
T0_MS = 1_700_000_000_000

HANG, RESET, CLOSE, GARBAGE, ENDLESS, CUT = "hang", "reset", "close", "garbage", "endless", "cut"


class Clock:
    """Unix seconds that pass when told to."""

    def __init__(self, t_s=T0_MS / 1000):
        self.t_s = t_s

    def __call__(self):
        return self.t_s


async def soon(condition, what, within_s=10.0):
    """The first true answer of a condition."""
    deadline_s = time.monotonic() + within_s
    while not (answer := condition()):
        if time.monotonic() >= deadline_s:
            raise AssertionError(f"waited {within_s:g} s for {what}; last answer: {answer!r}")
        await asyncio.sleep(0.003)
    return answer


def told(incident="i0", phase=Phase.OPENED, title="Pump stopped"):
    """One incident in a message."""
    of = Incident(
        "c", incident, 0, State.OPEN, "pump-stop", "rack-0001/cdu", "rack-0001", Severity.CRITICAL,
        T0_MS, T0_MS, "the pump stopped", T0_MS,
    )  # fmt: skip
    words = Text(title, "what", "where", "since", "sure", ("1 kPa",), "8 GPUs", ("look",))
    return Told(of, phase, {"kind": "pump-stop"}, words)


def message(
    number=0, group="g", receiver="r", t_ms=T0_MS, phase=Phase.OPENED, tolds=None, title="Stopped"
):
    """A message with an id made of its receiver, group and number."""
    if tolds is None:
        tolds = () if phase is Phase.HEARTBEAT else (told(f"i-{group}", phase, title),)
    return Message(
        f"{receiver}-{group}-{number}", "c", receiver, "route", group, number, t_ms, tolds
    )


class Plain:
    """A format: the message's id and group, to an address with a secret in it."""

    def __init__(self, url, headers=None):
        self.url, self.headers = url, headers or {"Authorization": f"Bearer {SECRET}"}

    def call(self, message, now_s):
        body = json.dumps({"id": message.id, "group": message.group, "number": message.number})
        return Post(f"{self.url}/{SECRET}", body.encode(), dict(self.headers))


class Scripted:
    """A transport without a network: `answer(body)` says what comes of a call."""

    def __init__(self, answer):
        self.answer, self.calls, self.closed = answer, [], False

    async def make(self, call):
        body = json.loads(call.body)
        self.calls.append(body["id"])
        said = self.answer(body)
        if asyncio.iscoroutine(said):
            said = await said
        return said

    async def close(self):
        self.closed = True


TAKEN = Reply(Verdict.TAKEN, "HTTP 200")
LATER = Reply(Verdict.RETRY, "HTTP 500")
NEVER = Reply(Verdict.REFUSED, "HTTP 410")


class Receiver:
    """A real one on the loopback: answers as told, the last answer for ever.

    An answer is a status, (status, headers), or one of HANG, RESET, CLOSE, GARBAGE, ENDLESS, CUT.
    """

    def __init__(self, *answers, context=None):
        self.answers, self.context = list(answers) or [200], context
        self.requests, self.taken = [], []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context)
        self.port = self._server.sockets[0].getsockname()[1]
        self._open = set()
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self):
        scheme = "https" if self.context else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._open.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _answer(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests.append((lines[0], headers, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        status, more = answer if isinstance(answer, tuple) else (answer, {})
        if answer == HANG:
            await asyncio.Event().wait()
        elif answer == RESET:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(1, 13, linger)
        elif answer == GARBAGE:
            writer.write(b"\x00\x01 not http at all\r\n\r\n")
            await writer.drain()
        elif answer == ENDLESS:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n")
            while True:
                writer.write(bytes(65536))
                await writer.drain()
        elif answer == CUT:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
            await writer.drain()
            self.taken.append(body)
        elif answer != CLOSE:
            if 200 <= status < 300:
                self.taken.append(body)
            extra = "".join(f"{k}: {v}\r\n" for k, v in more.items())
            body = "" if status in (204, 304) else "ok"
            writer.write(
                f"HTTP/1.1 {status} Word\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            await writer.drain()
            await reader.read()
