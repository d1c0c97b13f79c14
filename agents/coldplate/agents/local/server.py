"""A small HTTP server for one machine's own use: GET, one answer a connection, everything bounded.

It costs nothing while nobody asks: one thread sleeps in `accept`, and a request has a thread for as long as it takes.
A request that is not whole after a few seconds, or longer than some kilobytes, is refused; connections beyond the bound
are turned away at once; none is kept open. With a certificate everything goes over TLS: who speaks without it gets nothing.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from ssl import SSLError, SSLSocket

from coldplate.wire.shown import Shown

log = logging.getLogger(__name__)

HEAD_BYTES_MAX = 8192
DEADLINE_S = 5.0
"""For a request to be whole, and again for its answer to be taken."""

FOR_PROBES = ("/healthz", "/readyz")
"""What is told to those too who have no certificate of their own."""

HEAR_S = 0.5
"""For a client to hear why TLS was ended."""

RETRY_S = 0.2
"""Pause after an `accept` that failed, as it does when the process has no descriptor left."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: HTTPStatus
    content_type: str
    body: str


Route = Callable[[str, str], Answer | None]
"""From the path and the Accept header to the answer; None when there is nothing under that path."""


class LocalServer:
    """Answers until it is closed.

    Parameters
    ----------
    address, port
        Where to listen; port 0 takes a free one.
    route
        Gives the answers; called from a thread of the request.
    connections_max
        Requests at the same time.
    deadline_s
        See `DEADLINE_S`; for TLS to begin as well.
    certificate
        Of the server; None speaks without TLS.

    Raises
    ------
    OSError
        When the address cannot be had.
    """

    def __init__(
        self,
        address: str,
        port: int,
        route: Route,
        *,
        connections_max: int = 8,
        deadline_s: float = DEADLINE_S,
        certificate: Shown | None = None,
    ) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.create_server((address, port), family=family)
        self.port: int = self._socket.getsockname()[1]
        self._route, self._deadline_s = route, deadline_s
        self._certificate = certificate
        self._free = threading.BoundedSemaphore(connections_max)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="local-http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and cut what is open; may be called twice."""
        self._closing.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes `accept`
        self._socket.close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(1.0)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                self._closing.wait(RETRY_S)
                continue
            if not self._free.acquire(blocking=False):
                self._refuse(connection)
                continue
            try:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            except RuntimeError:  # no more threads
                self._free.release()
                self._refuse(connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection = self._wrapped(connection)
            with self._lock:
                self._open.add(connection)
            self._speak(connection)
        except OSError:
            pass  # whoever asked is gone, or speaks something else
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()
            self._free.release()

    def _wrapped(self, connection: socket.socket) -> socket.socket:
        """The connection as it is spoken on; its descriptor is the answer's from here on."""
        if self._certificate is None:
            return connection
        context = self._certificate.context()
        if context is None:
            raise ConnectionAbortedError("no certificate to speak with")
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)

    def _speak(self, connection: socket.socket) -> None:
        if isinstance(connection, SSLSocket):
            connection.settimeout(self._deadline_s)
            try:
                connection.do_handshake()
            except SSLError:
                _let_hear(connection)
                raise
        method, answer = self._answer(connection)
        connection.settimeout(self._deadline_s)
        connection.sendall(_encoded(answer, with_body=method != "HEAD"))
        connection.shutdown(socket.SHUT_WR)

    def _refuse(self, connection: socket.socket) -> None:
        """Say that there are too many, without waiting for anything; TLS would have to be waited for."""
        with suppress(OSError), connection:
            connection.setblocking(False)
            if self._certificate is None:
                connection.send(_encoded(_plain(HTTPStatus.SERVICE_UNAVAILABLE), with_body=True))

    def _answer(self, connection: socket.socket) -> tuple[str, Answer]:
        head = _read_head(connection, time.monotonic() + self._deadline_s)
        if isinstance(head, HTTPStatus):
            return "", _plain(head)
        lines = head.split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return "", _plain(HTTPStatus.BAD_REQUEST)
        if words[0] not in ("GET", "HEAD"):
            return "", _plain(HTTPStatus.METHOD_NOT_ALLOWED)
        path = words[1].partition("?")[0]
        if path not in FOR_PROBES and not self._may_ask(connection):
            return words[0], _plain(HTTPStatus.FORBIDDEN)
        try:
            answer = self._route(path, _header(lines[1:], "accept"))
        except Exception:
            log.exception("%s cannot be answered", words[1][:100])
            answer = _plain(HTTPStatus.INTERNAL_SERVER_ERROR)
        return words[0], answer or _plain(HTTPStatus.NOT_FOUND)

    def _may_ask(self, connection: socket.socket) -> bool:
        """Whether who asks has shown what is wanted of him; a certificate that is wrong has ended TLS before."""
        if self._certificate is None or not self._certificate.asks_clients:
            return True
        return isinstance(connection, SSLSocket) and bool(connection.getpeercert())


def _let_hear(connection: SSLSocket) -> None:
    """Wait for a client to close: it has asked already, and a reset would take from it the alert that says why not."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)  # what is read from here on is read as it comes
        connection.settimeout(HEAR_S)
        for _ in range(HEAD_BYTES_MAX // 4096):
            if not connection.recv(4096):
                return


def _read_head(connection: socket.socket, deadline_s: float) -> str | HTTPStatus:
    """Request line and headers, or why there are none."""
    data = bytearray()
    while b"\r\n\r\n" not in data:
        if len(data) > HEAD_BYTES_MAX:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            return HTTPStatus.REQUEST_TIMEOUT
        connection.settimeout(left_s)
        try:
            part = connection.recv(4096)
        except TimeoutError:
            return HTTPStatus.REQUEST_TIMEOUT
        if not part:
            return HTTPStatus.BAD_REQUEST
        data += part
    return data.partition(b"\r\n\r\n")[0].decode("latin-1")


def _header(lines: list[str], name: str) -> str:
    found = (line.partition(":") for line in lines)
    return ",".join(value.strip() for key, _, value in found if key.strip().lower() == name)


def _plain(status: HTTPStatus) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", f"{status.phrase}\n")


def _encoded(answer: Answer, *, with_body: bool) -> bytes:
    body = answer.body.encode()
    refused = answer.status == HTTPStatus.METHOD_NOT_ALLOWED
    allow = "Allow: GET, HEAD\r\n" if refused else ""
    head = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\n"
        f"Content-Type: {answer.content_type}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
        f"{allow}Connection: close\r\n\r\n"
    )
    return head.encode("latin-1") + (body if with_body else b"")
