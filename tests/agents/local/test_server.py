"""The local HTTP server against a stdlib client, and against clients that misbehave."""

import socket
import threading
import urllib.error
import urllib.request
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection

import pytest
from waiting import await_that

from coldplate.agents.local.server import HEAD_BYTES_MAX, Answer, LocalServer


@pytest.fixture
def serve():
    """Start servers; each is closed at the end."""
    made = []

    def start(route=None, **options):
        def default(path, accept):
            return Answer(HTTPStatus.OK, "text/plain", f"{path} {accept}\n")

        made.append(LocalServer("127.0.0.1", 0, route or default, **options))
        return made[-1]

    yield start
    for server in made:
        server.close()


def ask(server, path, method="GET", **headers):
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=5)) as connection:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode(), response


def raw(server, data):
    """What comes back for these bytes, until the server ends the connection."""
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=5)) as connection:
        connection.sendall(data)
        out = b""
        while part := connection.recv(4096):
            out += part
        return out.decode()


def test_a_path_is_answered_without_its_query(serve):
    """The Accept header is handed on, and the connection is not kept."""
    status, body, response = ask(serve(), "/metrics?a=b", Accept="text/plain")
    assert (200, "/metrics text/plain\n") == (status, body)
    assert ("close", "no-store") == (
        response.getheader("Connection"), response.getheader("Cache-Control"),
    )  # fmt: skip


def test_a_head_has_no_body(serve):
    """But its length."""
    status, body, response = ask(serve(), "/a", "HEAD")
    assert (200, "", "4") == (status, body, response.getheader("Content-Length"))


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST / HTTP/1.1\r\n\r\n", 405),
        (b"GET /\r\n\r\n", 400),
        (b"GET / SIP/2.0\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * (HEAD_BYTES_MAX + 4096), 431),
    ],
    ids=["post", "no version", "another protocol", "TLS", "endless header"],
)
def test_what_is_no_request_is_refused(serve, data, status):
    """With HTTP's own words for it."""
    assert f"HTTP/1.1 {status} " == raw(serve(), data)[:13]


def test_nothing_under_a_path_is_404_and_an_error_is_500(serve):
    """A page that cannot be made does not end the server."""

    def route(path, _accept):
        if path == "/broken":
            raise RuntimeError("no")

    server = serve(route)
    assert [500, 404] == [ask(server, path)[0] for path in ("/broken", "/nothing")]


def test_a_request_that_never_ends_is_given_up(serve):
    """Byte by byte does not help: the time is for the whole request."""
    server = serve(deadline_s=0.3)
    assert "HTTP/1.1 408 " == raw(server, b"GET / HT")[:13]


def test_too_many_at_once_are_turned_away(serve):
    """At once, and room comes back when others leave."""
    inside, go_on = threading.Event(), threading.Event()

    def route(_path, _accept):
        inside.set()
        go_on.wait(5)
        return Answer(HTTPStatus.OK, "text/plain", "late\n")

    server = serve(route, connections_max=1)
    first = []
    asking = threading.Thread(target=lambda: first.append(ask(server, "/")[0]))
    asking.start()
    assert inside.wait(5)
    assert "HTTP/1.1 503 " == raw(server, b"")[:13]
    go_on.set()
    asking.join()
    assert [200] == first
    assert 200 == await_that(lambda: _status(server) == 200 and 200, 5, "room")


def _status(server):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/", timeout=5) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_port_that_is_taken_is_an_error(serve):
    """The caller says what to do about it."""
    with pytest.raises(OSError, match="in use"):
        LocalServer("127.0.0.1", serve().port, lambda *_: None)


def test_closing_cuts_what_is_open_and_frees_the_port(serve):
    """Twice is once."""
    server = serve(deadline_s=60)
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=5)) as waiting:
        await_that(lambda: server._open, 5, "the connection")
        server.close()
        server.close()
        assert b"HTTP/1.1 400 " == waiting.recv(13) or waiting.recv(1) == b""
    LocalServer("127.0.0.1", server.port, lambda *_: None).close()
