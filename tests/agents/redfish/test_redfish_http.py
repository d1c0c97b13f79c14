"""Answers are taken apart as they come, and a tag is believed only as far as it has proved true."""

import pytest

from coldplate.agents.redfish.etag import PROOF_EVERY, Tagged
from coldplate.agents.redfish.http import Parser

OK = b"HTTP/1.1 200 OK\r\n"


CHUNKED = (
    OK + b'Transfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4;x=y\r\n":1}\r\n0\r\nTrailer: t\r\n\r\n'
)  # fmt: skip


@pytest.mark.parametrize(
    ("data", "status", "body", "keeps"),
    [
        (OK + b"Content-Length: 2\r\n\r\n{}", 200, b"{}", True),
        (OK + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}", 200, b"{}", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}", False),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n", 200, b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 304, b"", True),
        (b"HTTP/1.1 204\r\n\r\n", 204, b"", True),
        (CHUNKED, 200, b'{"a":1}', True),
    ],
)  # fmt: skip
def test_an_answer_is_taken_apart_however_it_comes(data, status, body, keeps):
    """In one piece, and byte by byte."""
    whole = Parser(1000).feed(data)
    piecewise = Parser(1000)
    answers = [a for b in data if (a := piecewise.feed(bytes([b]))) is not None]
    for answer in (whole, answers[0]):
        assert (status, body, keeps) == (answer.status, answer.body, answer.keeps)
    assert 1 == len(answers)


def test_a_body_without_a_length_ends_with_the_connection():
    """As HTTP/1.0 had it."""
    parser = Parser(1000)
    assert parser.feed(OK + b"\r\n{}") is None
    answer = parser.feed(b"")
    assert (b"{}", False) == (answer.body, answer.keeps)


def test_bytes_behind_an_answer_close_the_connection():
    """They would be taken for the next one's."""
    assert not Parser(1000).feed(OK + b"Content-Length: 2\r\n\r\n{}HTTP/1.1 200 OK").keeps


def test_a_tag_that_stops_changing_is_found_out():
    """At the latest with the next reading without condition."""
    tagged = Tagged()
    tagged.came('"1"', b"a")
    tagged.came('"2"', b"b")
    assert [*['"2"'] * (PROOF_EVERY - 1), ""] == [tagged.condition() for _ in range(PROOF_EVERY)]
    tagged.came('"2"', b"c")
    assert "" == tagged.condition()


def test_a_weak_tag_is_no_tag():
    """It says itself that the content may differ."""
    tagged = Tagged()
    for i in range(3):
        tagged.came(f'W/"{i}"', b"%d" % i)
    assert "" == tagged.condition()
