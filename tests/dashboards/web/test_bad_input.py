"""What cannot be answered is refused with what is wrong and what to do."""

import asyncio
import json
import socket
import threading
import time
from dataclasses import replace

import pytest
from dashboards.web.halls import (
    BEGIN_MS,
    MARK,
    QUICK,
    Got,
    StandInAnswers,
    StandInHall,
    ask,
    asks,
    metric,
    site,
    with_page,
)
from waiting import await_that

from coldplate.dashboards.web.limits import MESSAGES_PER_S_CUT

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def of():
    with site(answers=StandInAnswers(("rack-0001", MARK))) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/power/r?steps=31536000", "whole number from 1 to 2000"),
        ("/api/power/r?steps=0", "whole number from 1 to 2000"),
        ("/api/power/r?steps=1e3", "whole number from 1 to 2000"),
        ("/api/power/r?steps=%D9%A1", "whole number from 1 to 2000"),
        (f"/api/power/r?from=0&to={401 * DAY_MS}", "at most 400 days"),
        ("/api/resistance/g?from=2000&to=1000", "from is not before to"),
        ("/api/rack/r?at=yesterday", "2026-11-20T10:00:00Z"),
        ("/api/rack/r?at=2026-11-20T10:00:00", "offset from UTC"),
        ("/api/rack/r?at=99999999999999999999", "Unix milliseconds"),
        ("/api/rack/r?at=-1", "Unix milliseconds"),
        ("/api/rack/r?at=", "Unix milliseconds"),
        ("/api/rack/r?time=5", "parameters here: at"),
        ("/api/hall?x=1", "parameters here: none"),
        ("/api/rack/r?at=5&at=6", "stands there twice"),
        ("/api/rack/" + "x" * 301, "1 to 300 characters"),
        ("/api/rack/a%00b", "characters that can be printed"),
        ("/api/incidents?state=red", "one of open, closed, all"),
        ("/api/incidents?limit=1001", "from 1 to 1000"),
        ("/api/replay?channel=colour", "one of margin"),
        ("/api/replay?step_ms=0", "from 1 to 86400000"),
        ("/api/live", "WebSocket"),
    ],
)
def test_a_value_that_cannot_be_read_is_400(of, path, said):
    """The answer names the parameter and what it may be."""
    status, _, body = ask(of, path)
    told = json.loads(body)
    assert status == 400
    assert said in f"{told['error']} {told['hint']}"
    assert set(told) == {"error", "hint"}


def test_an_unknown_rack_is_404_with_names_near_it(of):
    """Whoever slips in a name sees what there is."""
    status, _, body = ask(of, "/api/rack/rack-00001")
    assert (404, True) == (status, "rack-0001" in json.loads(body)["error"])


def test_a_moment_that_is_not_kept_is_404_with_words_about_moments(of):
    """Not with the advice to look an id up: no id was given."""
    status, _, body = ask(of, f"/api/replay?at={BEGIN_MS - 1}")
    told = json.loads(body)
    assert (404, True) == (status, str(BEGIN_MS) in told["error"])
    assert "ask for a moment" in told["hint"]
    assert " id " not in told["hint"]


def test_a_script_in_a_name_stays_json(of):
    """No answer with a name in it is read as a page."""
    for path in (f"/api/rack/{MARK}", "/api/rack/none"):
        _, headers, body = ask(of, path)
        assert ("application/json", "nosniff") == (
            headers["Content-Type"],
            headers["X-Content-Type-Options"],
        )
        assert MARK in json.loads(body).get("rack", json.loads(body).get("error", ""))
    _, headers, _ = ask(of, f"/{MARK}", headers={"Accept": "text/html"})
    assert headers["Content-Type"] == "text/plain; charset=utf-8"


def test_what_is_not_there_or_not_allowed_is_told_in_words(of):
    """Programs get JSON, who opens a page in a browser gets text."""
    assert (404, {"error", "hint"}) == (
        ask(of, "/api/none")[0],
        set(json.loads(ask(of, "/api/none")[2])),
    )
    status, headers, body = ask(of, "/nowhere", headers={"Accept": "text/html,*/*"})
    assert (404, "text/plain; charset=utf-8") == (status, headers["Content-Type"])
    assert body.startswith(b"404 Not Found\n\n")
    status, headers, _ = ask(of, "/api/hall", "DELETE")
    assert (405, "GET,HEAD") == (status, headers["Allow"])


def test_a_body_that_is_too_big_or_no_form_is_refused(of):
    """The first with 413, the others with 400."""
    assert ask(of, "/login", "POST", data={"token": "x" * 5000})[0] == 413
    assert ask(of, "/login", "POST", data={"key": "x"})[0] == 400
    assert ask(of, "/login", "POST", json={"token": "x"})[0] == 400
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert ask(of, "/login", "POST", data=b"no form", headers=broken)[0] == 400


def test_a_failure_that_nobody_expected_is_logged_and_not_told(caplog):
    """An answer holds nothing of the inside."""
    with site() as of:
        of.answers.error = RuntimeError("password=hunter2")
        status, _, body = ask(of, "/api/hall")
    assert (500, False) == (status, b"hunter2" in body)
    assert "hunter2" in caplog.text
    caplog.clear()


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("no json", "not understood"),
        ("[]", "not understood"),
        ("{}", "holds 0"),
        ('{"look": "margin", "again": true}', "holds 2"),
        ('{"look": "<b>"}', "no channel"),
        ('{"look": 5}', "not understood"),
        ('{"jump": 5}', "not understood"),
        ('{"again": false}', "not understood"),
        ('{"speed": 7}', "1, 10, 60, 600"),
        ('{"speed": 60}', "for the past"),
        ('{"pause": true}', "for the past"),
        ('{"replay": {"at_ms": 1}}', "kept is from"),
        ('{"replay": {"at_ms": -1}}', "Unix milliseconds"),
        ('{"replay": {"at_ms": 99999999999999999999999}}', "Unix milliseconds"),
        ('{"replay": {"at_ms": 1.5}}', "not understood"),
        ('{"replay": {"at_ms": 1, "speed": 2}}', "1, 10, 60, 600"),
        ("[" * 900, "not understood"),
    ],
)
def test_a_wrong_message_is_told_and_the_connection_stays(of, message, said):
    """What was looked at goes on."""

    async def use(page):
        await page.socket.send_str(message)
        assert said in (await page.told("error"))["message"]
        await page.say(again=True)
        assert isinstance(await page.picture(), Got)

    with_page(of, use)


def test_messages_that_are_too_big_or_no_text_are_refused(of):
    """Octets are told off; more than a kilobyte ends the connection."""

    async def use(page):
        await page.socket.send_bytes(b"\x00")
        await page.told("error")
        await page.socket.send_str('{"look": "' + "x" * 1100 + '"}')
        assert (await page.closing()).data == 1009

    with_page(of, use)


def test_more_messages_than_a_page_sends_are_left_unread(of):
    """It is told once; a flood ends the connection."""

    async def use(page):
        for _ in range(60):
            await page.say(again=True)
        assert "messages a second" in (await page.told("error"))["message"]
        closing = asyncio.create_task(page.closing(30.0))
        while not closing.done():
            # Counted is by the second of a clock that is ours too. Not one more: of what is left unread a reset would come, and no reason.
            await asyncio.sleep(1.0 - time.monotonic() % 1.0)
            for _ in range(MESSAGES_PER_S_CUT + 1):
                await page.say(again=True)
            await asyncio.wait([closing], timeout=0.5)
        assert (await closing).data == 1008

    with_page(of, use)


def test_a_busy_server_says_so_and_queues_no_further():
    """Four calls run, some wait, others are refused at once; who waits too long is told."""
    answers = StandInAnswers()
    answers.hold = threading.Event()
    with site(StandInHall(), answers, waits=replace(QUICK, answer_s=1.0)) as of:
        got = asks(of, [("GET", "/api/hall", {})] * 60)
        statuses = [status for status, _, _ in got]
        assert {429, 503} == set(statuses)
        assert (24, 4) == (statuses.count(429), answers.most)
        assert all("Retry-After" in headers for _, headers, _ in got)
        assert ask(of, "/healthz")[0] == 200
        answers.hold.set()
        answers.hold = None
        await_that(lambda: ask(of, "/api/hall")[0] == 200, 5, "it to have time again")
        assert metric(of, "connections") >= 1


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET / HTTP/1.0\r\n\r\n", b"403"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9000 + b"\r\n\r\n", b"400"),
        (b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n", b"400"),
        (b"GET /api/hall HTTP/1.1\r\nHost: localhost\r\nCookie: \xff=\xfe\r\nAuthorization: Bearer \xff\r\n\r\n", b"200"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_without_filling_the_log(of, caplog, said, status):
    """Bytes that are no HTTP, or too many of them, get an answer and the connection ends."""
    with socket.create_connection(("127.0.0.1", of.port), timeout=5) as line:
        line.sendall(said)
        assert line.recv(4096)[9:12] == status
    assert caplog.text == ""
