"""A small HTTP server for one machine's own use: GET, one answer a connection, everything bounded.

It costs nothing while nobody asks: one thread sleeps in `accept`, and a request has a thread for as long as it takes.
A request that is not whole after a few seconds, or longer than some kilobytes, is refused; connections beyond the bound
are turned away at once; none is kept open.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

log = logging.getLogger(__name__)

HEAD_BYTES_MAX = 8192
DEADLINE_S = 5.0
"""For a request to be whole, and again for its answer to be taken."""

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
        See `DEADLINE_S`.

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
    ) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.create_server((address, port), family=family)
        self.port: int = self._socket.getsockname()[1]
        self._route, self._deadline_s = route, deadline_s
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
                _refuse(connection)
                continue
            try:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            except RuntimeError:  # no more threads
                self._free.release()
                _refuse(connection)

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        try:
            method, answer = self._answer(connection)
            connection.settimeout(self._deadline_s)
            connection.sendall(_encoded(answer, with_body=method != "HEAD"))
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # whoever asked is gone
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()
            self._free.release()

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
        try:
            answer = self._route(words[1].partition("?")[0], _header(lines[1:], "accept"))
        except Exception:
            log.exception("%s cannot be answered", words[1][:100])
            answer = _plain(HTTPStatus.INTERNAL_SERVER_ERROR)
        return words[0], answer or _plain(HTTPStatus.NOT_FOUND)


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


def _refuse(connection: socket.socket) -> None:
    """Say that there are too many, without waiting for anything."""
    with suppress(OSError), connection:
        connection.setblocking(False)
        connection.send(_encoded(_plain(HTTPStatus.SERVICE_UNAVAILABLE), with_body=True))
