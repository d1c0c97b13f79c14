"""Who may look: token, session, proxy; and what a page elsewhere, or a guesser, may not."""

import asyncio
import json
import logging
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import aiohttp
import pytest
import trustme
from dashboards.web.halls import (
    QUICK,
    StandInAnswers,
    StandInHall,
    ask,
    asks,
    metric,
    site,
    with_page,
)
from waiting import await_that

from coldplate.dashboards.web.app import build
from coldplate.dashboards.web.attempts import FORGET_S, WRONG_MAX, Attempts
from coldplate.dashboards.web.certificate import Certificate
from coldplate.dashboards.web.guard import COOKIE
from coldplate.dashboards.web.options import MEANINGS, Options, OptionsError
from coldplate.dashboards.web.tokens import SESSION_S, Token

TOKEN = "a-token-of-32-characters-or-more"
OTHER = "another-token-that-is-as-long-as"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("token") / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.fixture(scope="module")
def guarded(file):
    with site(options=Options(port=0, token_file=str(file))) as of:
        yield of


def bearer(token=TOKEN):
    return {"headers": {"Authorization": f"Bearer {token}"}}


def log_in(of, token=TOKEN, **more):
    return ask(of, "/login", "POST", data={"token": token}, **more)


def cookie_of(headers):
    return headers["Set-Cookie"].partition(";")[0].partition("=")[2]


def test_every_option_has_its_meaning():
    """Docs are made from these."""
    assert set(Options.__struct_fields__) == set(MEANINGS)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"address": "0.0.0.0"}, "opens the hall to the network"),
        ({"address": "::"}, "opens the hall to the network"),
        ({"address": "192.0.2.1", "proxy_header": "X-User"}, "proxy_from is empty"),
        ({"proxy_from": ("10.0.0.0/8",)}, "proxy_header is empty"),
        ({"proxy_header": "X-User", "proxy_from": ("10.0.0.0/99",)}, "proxy_from"),
        ({"proxy_header": "X User:", "proxy_from": ("10.0.0.1",)}, "no header's name"),
        ({"hosts": ("https://hall.example",)}, "give names alone"),
        ({"cert_file": "c.pem"}, "key_file is empty"),
        ({"token_file": "/nowhere/token"}, "cannot be read: No such file"),
    ],
)
def test_what_would_be_unsafe_is_refused_before_it_listens(options, said):
    """The message names the option and what to do."""
    with pytest.raises(OptionsError, match=said):
        build(StandInHall(), StandInAnswers(), Options(**options))


@pytest.mark.parametrize(
    "text", ["", "short", "fifteen-chars-x", f"{TOKEN} {OTHER}", f"{TOKEN}\n{OTHER}"]
)
def test_a_poor_token_is_refused_and_not_told(tmp_path, text):
    """Its file is named, what stands there is not."""
    (tmp_path / "token").write_text(text)
    with pytest.raises(OptionsError, match="at least 16 characters") as raised:
        Token(tmp_path / "token")
    assert not text or text not in str(raised.value)


def test_without_a_token_nothing_is_told(guarded):
    """The page leads to the login form, everything else is 401; health and the form are for all."""
    status, headers, body = ask(guarded, "/api/hall")
    assert (401, 'Bearer realm="coldplate"') == (status, headers["WWW-Authenticate"])
    assert "log in" in json.loads(body)["hint"]
    status, headers, _ = ask(guarded, "/")
    assert (303, "login") == (status, headers["Location"])
    assert ask(guarded, "/api/live")[0] == ask(guarded, "/api/openapi.json")[0] == 401
    assert (200, b"ok") == (ask(guarded, "/healthz")[0], ask(guarded, "/healthz")[2])
    assert b'name="token"' in ask(guarded, "/login")[2]


def test_a_program_comes_in_with_the_token(guarded):
    """As a header of its requests, WebSocket included."""
    assert ask(guarded, "/api/hall", **bearer())[0] == 200
    with_page(guarded, lambda page: page.picture(), **bearer())


def test_a_person_logs_in_and_out(guarded):
    """The cookie is for this site alone, holds nothing of the token, and ends with the session."""
    status, headers, _ = log_in(guarded)
    assert (303, "./") == (status, headers["Location"])
    flags = {f.strip().lower() for f in headers["Set-Cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/", f"max-age={SESSION_S}"} == flags
    session = cookie_of(headers)
    assert TOKEN not in headers["Set-Cookie"]
    mine = {"headers": {"Cookie": f"{COOKIE}={session}"}}
    assert ask(guarded, "/", **mine)[0] == ask(guarded, "/api/hall", **mine)[0] == 200
    assert ask(guarded, "/logout", "POST", **mine)[0] == 303
    assert ask(guarded, "/api/hall", **mine)[0] == 401


@pytest.mark.parametrize("change", [str.upper, lambda c: c[:-1], lambda c: c.replace(".", ".9", 1), lambda c: "", lambda c: "..", lambda c: "é.1.x"])  # fmt: skip
def test_a_session_that_was_made_up_is_none(guarded, change):
    """Any change of a cookie makes it worthless."""
    session = cookie_of(log_in(guarded)[1])
    made_up = {"headers": {"Cookie": f"{COOKIE}={change(session)}"}}
    assert ask(guarded, "/api/hall", **made_up)[0] == 401


def test_a_session_has_an_end(file):
    """After it, its cookie is worth nothing; a restart of the server does not matter."""
    now_s = [1000.0]
    session = Token(file, lambda: now_s[0]).begin()
    again = Token(file, lambda: now_s[0])
    assert again.holds(session)
    now_s[0] += SESSION_S
    assert not again.holds(session)


def test_a_token_is_changed_without_a_restart(tmp_path):
    """The new one counts, sessions and viewers of the old one end; a poor one changes nothing."""
    file = tmp_path / "token"
    file.write_text(TOKEN)

    async def use(page):
        await page.picture()
        file.write_text("short")
        await asyncio.sleep(0.3)  # that nothing happens has no condition to await
        assert ask_again(of, TOKEN) == 200
        file.write_text(OTHER)
        assert (await page.closing()).data == 4401

    def ask_again(of, token):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(ask, of, "/api/hall", **bearer(token)).result()[0]

    with site(
        options=Options(port=0, token_file=str(file)), waits=replace(QUICK, recheck_s=0.1)
    ) as of:
        session = cookie_of(log_in(of)[1])
        with_page(of, use, **bearer())
        assert ask(of, "/api/hall", **bearer(OTHER))[0] == 200
        assert ask(of, "/api/hall", headers={"Cookie": f"{COOKIE}={session}"})[0] == 401
        file.unlink()
        assert ask(of, "/api/hall", **bearer(OTHER))[0] == 200


def test_wrong_tokens_are_slowed_and_bounded(file, caplog):
    """After some of them a client must wait, with a right one too; who is in already stays in."""
    caplog.set_level(logging.DEBUG)
    with site(options=Options(port=0, token_file=str(file))) as of:
        session = cookie_of(log_in(of)[1])
        wrong = [("GET", "/api/hall", bearer(f"wrong-{i}-of-some-length")) for i in range(8)]
        statuses = [status for status, _, _ in asks(of, wrong)]
        assert (WRONG_MAX, 3) == (statuses.count(401), statuses.count(429))
        status, headers, _ = ask(of, "/api/hall", **bearer())
        assert (429, True) == (status, 0 < int(headers["Retry-After"]) <= FORGET_S + 1)
        assert log_in(of)[0] == 429
        assert ask(of, "/api/hall", headers={"Cookie": f"{COOKIE}={session}"})[0] == 200
    assert TOKEN not in caplog.text
    assert "wrong-1-of" not in caplog.text


def test_attempts_are_forgotten_and_a_network_of_addresses_is_one_client():
    """Time lets a client try again; IPv6 gives nobody more tries."""
    now_s = [0.0]
    attempts = Attempts(lambda: now_s[0])
    for i in range(WRONG_MAX):
        attempts.wrong(f"2001:db8::{i + 1}")
    assert attempts.wait_s("2001:db8::ff") == FORGET_S
    assert attempts.wait_s("2001:db8:0:1::1") == 0
    now_s[0] = FORGET_S
    assert attempts.wait_s("2001:db8::ff") == 0


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200), ("localhost", 200), ("LOCALHOST", 200), ("[::1]:80", 200), ("hall.example", 200),
        ("hall.example.:8950", 200), ("evil.example", 403), ("127.0.0.1.evil.example", 403), ("192.0.2.7", 403),
        ("hall.example@evil.example", 403), ("hall.example:x", 403), ("", 403),
    ],
)  # fmt: skip
def test_only_names_of_this_server_reach_it(named, host, status):
    """A name that somebody else points at it is refused, so that no page elsewhere can read the hall."""
    assert status == ask(named, "/api/hall", headers={"Host": host})[0]
    assert ask(named, "/healthz", headers={"Host": host})[0] == 200


@pytest.fixture(scope="module")
def named():
    with site(options=Options(port=0, hosts=("hall.example",))) as of:
        yield of


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True), ("http://{host}", True), ("https://hall.example", True), ("http://evil.example", False),
        ("null", False), ("http://127.0.0.1:1", False), ("http://localhost.evil.example", False), ("http://[", False),
    ],
)  # fmt: skip
def test_streams_and_changes_are_for_this_servers_page_alone(named, origin, allowed):
    """A WebSocket or a form from a page elsewhere is refused, whatever cookies the browser has."""
    headers = {"Origin": origin.format(host=named.host)} if origin else {}
    assert (403 if not allowed else 303) == ask(named, "/logout", "POST", headers=headers)[0]
    if allowed:
        with_page(named, lambda page: page.picture(), headers=headers)
    else:
        with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
            with_page(named, lambda page: page.picture(), headers=headers)
        assert raised.value.status == 403


def test_a_proxy_that_has_asked_lets_people_in():
    """Its header counts from its own addresses alone."""
    user = {"headers": {"X-Forwarded-User": "ada"}}
    near = Options(port=0, proxy_header="X-Forwarded-User", proxy_from=("127.0.0.0/8",))
    with site(options=near) as of:
        assert ask(of, "/api/hall", **user)[0] == 200
        assert (
            ask(of, "/api/hall")[0]
            == ask(of, "/api/hall", headers={"X-Forwarded-User": " "})[0]
            == 401
        )
        assert ask(of, "/metrics")[0] == 401
    far = Options(port=0, proxy_header="X-Forwarded-User", proxy_from=("192.0.2.0/24",))
    with site(options=far) as of:
        assert ask(of, "/api/hall", **user)[0] == 401


def test_metrics_are_for_this_machine_and_for_who_is_known(guarded):
    """What came through somebody else is not of this machine."""
    assert ask(guarded, "/metrics")[0] == 200
    through = {"X-Forwarded-For": "192.0.2.1"}
    assert ask(guarded, "/metrics", headers=through)[0] == 401
    assert ask(guarded, "/metrics", headers=through | bearer()["headers"])[0] == 200
    assert metric(guarded, "connections") >= 1


@pytest.mark.parametrize(
    "path", ["/", "/login", "/static/main.js", "/api/hall", "/healthz", "/none", "/api/live"]
)
def test_every_answer_says_what_a_browser_may_do(named, path):
    """Nothing from elsewhere, nothing inline, in nobody's frame."""
    _, headers, _ = ask(named, path)
    policy = dict(p.strip().split(" ", 1) for p in headers["Content-Security-Policy"].split(";"))
    assert ("'none'", "'self'", "'self'", "'none'") == (
        policy["default-src"], policy["script-src"], policy["style-src"], policy["frame-ancestors"],
    )  # fmt: skip
    assert not any("unsafe" in p or "http" in p for p in policy.values())
    assert ("nosniff", "same-origin", "same-origin", "coldplate") == (
        headers["X-Content-Type-Options"], headers["Referrer-Policy"], headers["Cross-Origin-Opener-Policy"], headers["Server"],
    )  # fmt: skip


def test_the_hall_is_offered_over_tls_and_a_changed_certificate_counts(tmp_path, file, caplog):
    """The cookie is for TLS then; the new certificate is used without a restart."""
    ca = trustme.CA()

    def issue():
        ca.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            tmp_path / "both.pem"
        )

    issue()
    both = str(tmp_path / "both.pem")
    context = ssl.create_default_context()
    ca.configure_trust(context)
    options = Options(port=0, cert_file=both, key_file=both, token_file=str(file))
    with site(options=options, waits=replace(QUICK, recheck_s=0.1)) as of:
        assert of.url.startswith("https://")
        status, headers, _ = log_in(of, ssl=context)
        assert (303, True) == (status, "secure" in headers["Set-Cookie"].lower())
        with_page(of, lambda page: page.picture(), ssl=context, **bearer())
        before = ssl.get_server_certificate(("127.0.0.1", of.port))
        issue()
        await_that(lambda: before != ssl.get_server_certificate(("127.0.0.1", of.port)), 5, "the new certificate")  # fmt: skip
        (tmp_path / "both.pem").write_text("nothing")
        await_that(lambda: "old certificate stays" in caplog.text, 5, "the bad one to be seen")
        assert ask(of, "/healthz", ssl=context)[0] == 200


def test_a_certificate_that_cannot_be_used_is_told(tmp_path):
    """Both files are named."""
    (tmp_path / "key.pem").write_text("nothing")
    options = Options(cert_file=str(tmp_path / "none.pem"), key_file=str(tmp_path / "key.pem"))
    with pytest.raises(OptionsError, match=r"none\.pem.*key\.pem: cannot be used"):
        Certificate(options)
