"""Calls by HTTP, to receivers that behave in every way that receivers do."""

import asyncio
import gc
import logging
import ssl

import pytest
import trustme
from sinks.webhooks.receivers import (
    CLOSE,
    CUT,
    ENDLESS,
    GARBAGE,
    HANG,
    RESET,
    SECRET,
    T0_MS,
    Clock,
    Receiver,
)

from coldplate.sinks.webhooks.call import Post, Verdict
from coldplate.sinks.webhooks.config import Slack
from coldplate.sinks.webhooks.transports.http import HttpTransport, wait_s

NOW_S = T0_MS / 1000
LOCAL = {"allow_http": True, "allow_private": True}


def post(url, **headers):
    return Post(f"{url}/{SECRET}", b'{"a": 1}', {"Authorization": f"Bearer {SECRET}", **headers})


async def one(url, base=None, **changes):
    """What comes of one call."""
    options = {"name": "r", "timeout_s": 2.0, **LOCAL, **changes}
    transport = HttpTransport(Slack(**options), *([base] if base else []), clock=Clock())
    try:
        return await transport.make(post(url)), transport
    finally:
        await transport.close()


def reply(*answers, context=None, **changes):
    """What comes of a call to a receiver that answers so; and the receiver, the transport."""

    async def go():
        async with Receiver(*answers, context=context) as receiver:
            made, transport = await one(receiver.url, **changes)
            return made, receiver, transport

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, "taken"), (202, "taken"), (204, "taken"), (301, "refused"), (307, "refused"), (304, "refused"),
     (400, "refused"), (401, "retry"), (403, "retry"), (404, "retry"), (405, "refused"), (407, "retry"),
     (408, "retry"), (410, "refused"), (413, "refused"), (422, "refused"), (425, "retry"), (429, "retry"),
     (500, "retry"), (502, "retry"), (503, "retry"), (599, "retry")],
)  # fmt: skip
def test_what_follows_from_a_status(status, verdict):
    """The table at the head of http.py."""
    made, _, _ = reply(status)
    assert (verdict, f"HTTP {status}") == (made.verdict, made.said.partition(":")[0])


def test_the_call_arrives_as_it_was_made():
    """Method, path, body and headers, once, under our own name."""
    _, receiver, _ = reply(200)
    ((line, headers, body),) = receiver.requests
    assert f"POST /{SECRET} HTTP/1.1" == line
    assert b'{"a": 1}' == body
    assert f"Bearer {SECRET}" == headers["authorization"]
    assert headers["user-agent"].startswith("coldplate/")


@pytest.mark.parametrize(
    ("asked", "wait"),
    [("17", 17.0), ("0", 0.0), ("99999999", 3600.0), ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
     ("Tue, 14 Nov 2023 20:00:00 GMT", 0.0), ("soon", None), ("", None), ("-5", None), ("1e9", None)],
)  # fmt: skip
def test_retry_after_is_kept_to(asked, wait):
    """Seconds or a date, an hour at most; what is neither is no wish."""
    assert wait == wait_s(asked, NOW_S)
    made, _, _ = reply((429, {"Retry-After": asked} if asked else {}))
    assert (Verdict.RETRY, wait) == (made.verdict, made.wait_s)


@pytest.mark.parametrize(
    ("answer", "said"),
    [(HANG, "time-out: no answer within 0.3 s"), (RESET, "connection: connection reset by peer"),
     (CLOSE, "connection closed: without an answer"), (GARBAGE, "not HTTP: the answer is not understood")],
)  # fmt: skip
def test_no_answer_is_tried_again(answer, said):
    """Whatever the receiver does instead of answering, in words without its address."""
    made, _, _ = reply(answer, timeout_s=0.3 if answer == HANG else 30)
    assert (Verdict.RETRY, said) == (made.verdict, made.said)


def test_a_status_counts_whatever_becomes_of_the_body():
    """A body that breaks off or never ends changes nothing, and of it 64 kB are read at most."""
    made, receiver, _ = reply(CUT)
    assert (Verdict.TAKEN, 1) == (made.verdict, len(receiver.taken))
    made, _, transport = reply(ENDLESS)
    assert (Verdict.TAKEN, 65_536) == (made.verdict, transport.body_bytes)


def test_nobody_listens():
    """A receiver that is down is tried again."""

    async def go():
        async with Receiver() as receiver:
            url = receiver.url
        return (await one(url))[0]

    made = asyncio.run(go())
    assert (Verdict.RETRY, "connection: connection refused") == (made.verdict, made.said)


def test_a_redirect_is_not_followed():
    """Neither to a cloud's metadata nor to a receiver that stands there and would take it."""

    async def go():
        async with Receiver() as target:
            there = {"Location": f"{target.url}/x"}
            async with Receiver((307, there)) as receiver:
                made = [(await one(receiver.url))[0]]
            async with Receiver((302, {"Location": "http://169.254.169.254/latest"})) as receiver:
                made.append((await one(receiver.url))[0])
            return made, target.requests

    made, requests = asyncio.run(go())
    assert [Verdict.REFUSED] * 2 == [m.verdict for m in made]
    assert "HTTP 307: redirects are not followed, configure where it leads" == made[0].said
    assert [] == requests


@pytest.mark.parametrize(
    ("url", "said"),
    [("http://127.0.0.1:1", "127.0.0.1 is loopback"), ("http://2130706433:1", "loopback"),
     ("http://0x7f.1:1", "loopback"), ("http://[::1]:1", "::1 is loopback"), ("http://169.254.169.254", "cloud metadata"),
     ("http://user@10.0.0.1:80", "10.0.0.1 is private"), ("http://[::ffff:10.0.0.1]", "private")],
)  # fmt: skip
def test_addresses_inside_are_refused(url, said):
    """However they are written, without a connection."""
    made, _ = asyncio.run(one(url, allow_private=False))
    assert Verdict.REFUSED == made.verdict
    assert said in made.said


def test_a_name_that_leads_inside_is_not_called():
    """It is judged after it was resolved; its answer may be another later, so it is tried again."""

    async def go():
        async with Receiver() as receiver:
            url = f"http://localhost:{receiver.port}"
            refused, _ = await one(url, allow_private=False)
            assert [] == receiver.requests
            taken, _ = await one(url)
            return refused, taken, receiver.requests[0][1]["host"], receiver.port

    refused, taken, host, port = asyncio.run(go())
    assert (Verdict.RETRY, "name: not allowed") == (refused.verdict, refused.said[:17])
    assert Verdict.TAKEN == taken.verdict
    assert f"localhost:{port}" == host


@pytest.mark.parametrize(
    ("url", "said"),
    [("http://example.com", "http needs allow_http"), ("ftp://example.com", "only https is"),
     ("file:///etc/passwd", "only https is"), ("https://", "names no host"), ("nonsense", "only https is")],
)  # fmt: skip
def test_only_https_is_called(url, said):
    """Http only where it is allowed."""
    made, _ = asyncio.run(one(url, allow_http=False))
    assert Verdict.REFUSED == made.verdict
    assert said in made.said


def test_a_name_without_an_address_is_tried_again():
    """The DNS may know it later."""
    made, _ = asyncio.run(one("http://no-such-host.invalid"))
    assert (Verdict.RETRY, "name: it has no address") == (made.verdict, made.said)


def test_the_environments_proxy_is_not_used(monkeypatch):
    """The address that was judged is the one that is called."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    made, receiver, _ = reply(200)
    assert (Verdict.TAKEN, 1) == (made.verdict, len(receiver.requests))


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def serving(authority, *names):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


@pytest.fixture
def trusted(authority, tmp_path):
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def test_certificates_are_verified(authority, trusted):
    """One that a trusted authority gave to this name is taken; a relative path begins at the configuration's folder."""
    made, _, _ = reply(200, context=serving(authority, "127.0.0.1"), ca_file="ca.pem", base=trusted.parent)  # fmt: skip
    assert Verdict.TAKEN == made.verdict


@pytest.mark.parametrize(
    ("names", "ca", "said"),
    [(("other.example.com",), True, "certificate: hostname mismatch"),
     (("127.0.0.1",), False, "certificate: unable to get local issuer certificate")],
)  # fmt: skip
def test_a_wrong_certificate_is_named_and_tried_again(authority, trusted, names, ca, said):
    """Nothing of the message goes to who shows it."""
    changes = {"ca_file": str(trusted)} if ca else {}
    made, receiver, _ = reply(200, context=serving(authority, *names), **changes)
    assert (Verdict.RETRY, said, []) == (made.verdict, made.said, receiver.requests)


def test_no_tls_where_it_is_expected_is_named(authority, trusted):
    """A plain server behind an https address."""

    async def go():
        async def plain(_reader, writer):
            writer.write(b"HTTP/1.1 400 This is not HTTPS\r\n\r\n")
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            return (await one(url, ca_file=str(trusted)))[0]

    made = asyncio.run(go())
    assert (Verdict.RETRY, "TLS") == (made.verdict, made.said[:3])


@pytest.mark.parametrize("data", [None, "no certificate"])
def test_a_file_of_certificates_that_is_of_no_use_is_named(tmp_path, data):
    """It may be put in its place later."""
    path = tmp_path / "ca.pem"
    if data is not None:
        path.write_text(data)
    made, _ = asyncio.run(one("https://127.0.0.1:1", ca_file=str(path)))
    assert Verdict.RETRY == made.verdict
    assert str(path) in made.said


def test_secrets_are_in_no_word_of_ours(caplog):
    """Neither in what is said, nor in a repr or log, whatever goes wrong."""
    caplog.set_level(logging.DEBUG)
    said = [repr(post("https://hooks.example.com"))]
    for answer in (200, 500, 410, HANG, RESET, CLOSE, GARBAGE, CUT, (302, {"Location": f"/{SECRET}"})):  # fmt: skip
        made, _, transport = reply(answer, timeout_s=0.2)
        said += [made.said, repr(made), repr(transport)]
    for url in (f"http://{SECRET}.invalid", f"http://[{SECRET}", f"{SECRET}://x", "http://127.0.0.1:1", f"http://127.0.0.1:{SECRET}"):  # fmt: skip
        said.append(asyncio.run(one(url))[0].said)
    assert [] == [words for words in said + [r.getMessage() for r in caplog.records if r.name != "asyncio"] if SECRET in words]  # fmt: skip
    gc.collect()


def test_a_header_that_is_none_is_no_crash():
    """A line break in a value would be a header of its own: it is not sent."""

    async def go():
        async with Receiver() as receiver:
            transport = HttpTransport(Slack(name="r", **LOCAL))
            made = await transport.make(post(receiver.url, **{"X-A": "a\r\nX-B: b"}))
            await transport.close()
            return made, receiver.requests

    made, requests = asyncio.run(go())
    assert Verdict.TAKEN != made.verdict
    assert [] == requests
