"""HTTP receivers, over aiohttp: one connection an attempt, to an address that was judged, no redirect, no proxy.

| answer | verdict | why |
|---|---|---|
| 2xx | taken | |
| 3xx | refused | a redirect is a slip of the configuration, and following it would leave the judged address |
| 408, 425, 429, 5xx | retry | the receiver says that it may work later; `Retry-After` is kept to |
| 401, 403, 404, 407 | retry | a receiver that is being set up, or whose key is being changed, must not cost a page |
| 410 and other 4xx | refused | it will never take it; Standard Webhooks says 410 when it is gone |
| none | retry | time-out, reset, refused connection, certificate |

A body is read to 64 kB, counted and thrown away.
"""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from coldplate.sinks.webhooks.call import Call, Post, Reply, Verdict
from coldplate.sinks.webhooks.config import Http
from coldplate.sinks.webhooks.guard import Forbidden, Guard
from coldplate.sinks.webhooks.transports.certificate import (
    TrustError,
    certificate_said,
    tls_context,
)

BODY_BYTES_MAX = 65_536
RETRY_AFTER_S_MAX = 3600.0
LATER = (401, 403, 404, 407, 408, 425, 429)
CONNECTIONS_MAX = 8
RESOLVERS = 2


class HttpTransport:
    """Calls of one receiver.

    Parameters
    ----------
    receiver
        Its time-out, certificates and what is allowed.
    base
        The folder that files of the configuration are relative to.
    clock
        Unix seconds, for a `Retry-After` that is a date.
    """

    def __init__(
        self, receiver: Http, base: Path = Path(), clock: Callable[[], float] = time.time
    ) -> None:
        self.body_bytes = 0
        """Of answers that were read and thrown away."""
        self._receiver, self._base, self._clock = receiver, base, clock
        self._guard = Guard(receiver.allow_private)
        self._session: aiohttp.ClientSession | None = None
        # Of its own: names that nobody resolves must not keep other receivers' names waiting for a thread.
        self._threads = ThreadPoolExecutor(RESOLVERS, f"resolve {receiver.name}")

    async def make(self, call: Call) -> Reply:
        """One attempt."""
        assert isinstance(call, Post)
        try:
            return await self._post(call, self._judged(call.url))
        except Forbidden as error:
            return Reply(Verdict.REFUSED, f"address not allowed: {error}")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _failed(error, self._receiver.timeout_s)

    async def close(self) -> None:
        """Let go of everything."""
        if self._session is not None:
            await self._session.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _judged(self, address: str) -> URL:
        try:
            url = URL(address)
        except ValueError:
            # The parser's words hold the address.
            raise Forbidden("it is no URL") from None
        if url.scheme != "https" and not (url.scheme == "http" and self._receiver.allow_http):
            what = "http needs allow_http" if url.scheme == "http" else "only https is"
            raise Forbidden(what)
        if not url.host:
            raise Forbidden("it names no host")
        # aiohttp does not ask its resolver about a host that is written as an address.
        self._guard.judge_literal(url.host)
        return url

    async def _post(self, call: Post, url: URL) -> Reply:
        async with self._opened().request(
            call.method, url, data=call.body, headers=call.headers, allow_redirects=False
        ) as answer:
            # What follows the status changes nothing of it, whether it breaks off or never ends.
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                self.body_bytes += await _drained(answer.content)
            return self._reply(answer.status, answer.headers.get("Retry-After", ""))

    def _reply(self, status: int, retry_after: str) -> Reply:
        said = f"HTTP {status}"
        if 200 <= status < 300:
            return Reply(Verdict.TAKEN, said)
        if 300 <= status < 400:
            return Reply(Verdict.REFUSED, f"{said}: redirects are not followed, configure where it leads")  # fmt: skip
        if status in LATER or status >= 500:
            return Reply(Verdict.RETRY, said, wait_s(retry_after, self._clock()))
        return Reply(Verdict.REFUSED, said)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=_Judging(self._guard, self._threads), use_dns_cache=False, limit=CONNECTIONS_MAX,
                    # A connection that was kept can be dead at the moment of a page, and was judged long ago.
                    force_close=True, ssl=tls_context(self._base, self._receiver.ca_file),
                ),
                timeout=aiohttp.ClientTimeout(total=self._receiver.timeout_s),
                cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False,
                headers={"User-Agent": f"coldplate/{_version()}"},
            )  # fmt: skip
        return self._session


class _Judging(AbstractResolver):
    """What aiohttp asks for addresses; it connects to those that it gets here."""

    def __init__(self, guard: Guard, threads: ThreadPoolExecutor) -> None:
        self._guard, self._threads = guard, threads

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses of a host, all of them judged."""
        asked = partial(self._guard.resolve, host, port)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, asked)
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=of, proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for of, address in found
            if family in (socket.AF_UNSPEC, of)
        ]  # fmt: skip

    async def close(self) -> None:
        """Nothing to let go of."""


def wait_s(retry_after: str, now_s: float) -> float | None:
    """What a `Retry-After` asks for, in seconds or as a date; an hour at most, None when it is neither."""
    text = retry_after.strip()
    try:
        asked_s = float(text) if text.isdigit() else parsedate_to_datetime(text).timestamp() - now_s
    except (ValueError, OverflowError):
        return None
    return min(max(asked_s, 0.0), RETRY_AFTER_S_MAX)


async def _drained(content: aiohttp.StreamReader) -> int:
    n = 0
    while n < BODY_BYTES_MAX and (chunk := await content.read(BODY_BYTES_MAX - n)):
        n += len(chunk)
    return n


def _failed(error: Exception, timeout_s: float) -> Reply:
    """An attempt without an answer. aiohttp's own words hold the address, so they are not used."""
    if isinstance(error, aiohttp.InvalidURL):
        return Reply(Verdict.REFUSED, "address not allowed: it is no URL")
    return Reply(Verdict.RETRY, _said(error, timeout_s))


def _said(error: Exception, timeout_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"time-out: no answer within {timeout_s:g} s"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "connection closed: without an answer"
    if isinstance(error, aiohttp.ClientResponseError):
        return "not HTTP: the answer is not understood"
    inner = _inner(error)
    if isinstance(inner, ssl.SSLError | ssl.CertificateError):
        return certificate_said(inner)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"name: {_own_words(inner) or 'it has no address'}"
    return f"connection: {_own_words(inner) or _strerror(inner)}"


def _inner(error: Exception) -> Exception:
    """What aiohttp wrapped."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return error.certificate_error
    return error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error


def _own_words(error: Exception) -> str:
    if isinstance(error, Forbidden):
        return f"not allowed: {error}"
    return str(error) if isinstance(error, TrustError) else ""


def _strerror(error: Exception) -> str:
    # Its own text can hold the address.
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number).lower() if number else type(error).__name__


def _version() -> str:
    try:
        return version("coldplate")
    except PackageNotFoundError:
        return "0"
