"""What stands between us and a Grafana: refusals, proxies, slow servers, certificates; and secrets that are never shown."""

import logging
import ssl
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import trustme
from dashboards.grafanas import FIRST, NAMES, Site
from dashboards.stand_in import (
    HANG,
    PASSWORD,
    PROXY_PAGE,
    RESET,
    TOKEN,
    TRICKLE,
    USER,
    Fault,
    StandIn,
)

from coldplate.dashboards.access import Access
from coldplate.dashboards.answer import line, redirected, said, wait_s
from coldplate.dashboards.errors import GrafanaError
from coldplate.dashboards.grafana import Grafana

FOLDER = "GET /folders"


@pytest.fixture
def site():
    with StandIn() as stand_in:
        yield Site(stand_in)


def refusal(site, **access):
    """The error of reading the folder."""
    with site.grafana(**access) as grafana, pytest.raises(GrafanaError) as caught:
        grafana.folder("coldplate")
    return caught.value


def test_a_wrong_token_is_said_without_it(site):
    """At once: it gets no better."""
    error = refusal(site, token="glsa_wr0ng")
    assert "read folder coldplate: HTTP 401: Invalid API key (the token or password is not taken)" == str(error)  # fmt: skip
    assert (True, False, []) == (error.stranger, error.away, site.waits_s)


def test_a_user_with_a_password_is_taken(site):
    """And becomes the one who made the versions."""
    done = site.push(token="", reach={"user": USER, "password": PASSWORD})
    assert [] == done.failed
    assert USER == site.stand_in.boards[FIRST]["versions"][0]["createdBy"]


def test_a_wrong_password_is_said_without_it(site):
    """Umlauts and all."""
    error = refusal(site, token="", user=USER, password="wr0ng-für-ada")
    assert "HTTP 401: Invalid username or password" in str(error)
    assert "wr0ng" not in str(error)


def test_a_grafana_under_a_path_is_reached():
    """With or without a slash at the end."""
    with StandIn(prefix="/grafana") as stand_in:
        for url in (stand_in.url, f"{stand_in.url}/"):
            assert [] == Site(stand_in).push(reach={"url": url}).failed
        away = stand_in.url.removesuffix("/grafana")
        assert {"folder coldplate": "create folder coldplate: HTTP 404: Not found"}.items() <= Site(
            stand_in
        ).failed(reach={"url": away}).items()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_get_better_is_tried_again(site, status):
    """With growing waits, four times in all."""
    site.stand_in.faults.append(Fault(FOLDER, status, times=3))
    assert [] == site.push().failed
    assert [0.5, 1.0, 2.0] == site.waits_s
    site.stand_in.faults.append(Fault(FOLDER, status, times=4))
    error = refusal(site)
    assert f"read folder coldplate: HTTP {status}: a fault; tried 4 times" == str(error)
    assert error.away


@pytest.mark.parametrize("status", [400, 403, 404, 409, 412, 422])
def test_a_refusal_is_final(site, status):
    """It is asked once."""
    site.stand_in.faults.append(Fault("POST /folders", status))
    assert f"create folder coldplate: HTTP {status}: a fault" in site.failed()["folder coldplate"]
    assert [] == site.waits_s


def test_retry_after_is_kept_to(site):
    """In seconds, within bounds."""
    for asked in ("7", "86400", "soon"):
        site.stand_in.faults.append(Fault(FOLDER, 429, headers={"Retry-After": asked}))
    assert [] == site.push().failed
    assert [7.0, 30.0, 2.0] == site.waits_s


def test_retry_after_may_be_a_date():
    """Bounded, and never in the past."""
    now = datetime(2026, 11, 20, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=9), usegmt=True)
    assert [9.0, 0.0, 30.0] == [wait_s(later, now.timestamp() + s) for s in (0, 60, -3600)]
    assert None is wait_s("", 0)


@pytest.mark.parametrize("path", ["/login", "https://sso.example.com/oauth?state=s3cr3t"])
def test_a_redirect_is_not_followed(site, path):
    """The token goes nowhere else; the query is not shown, it may hold a secret."""
    site.stand_in.faults.append(Fault(FOLDER, 302, headers={"Location": path}))
    error = refusal(site)
    assert f"read folder coldplate: HTTP 302: leads to {path.partition('?')[0]}, and is not followed" in str(error)  # fmt: skip
    assert (True, 1) == (error.stranger, len(site.stand_in.requests))
    assert "s3cr3t" not in str(error)


@pytest.mark.parametrize(("status", "away"), [(502, True), (403, False), (200, False)])
def test_a_proxys_page_is_one_line(site, status, away):
    """With its title; also where it says success."""
    site.stand_in.faults.append(Fault(FOLDER, status, PROXY_PAGE, times=9))
    error = refusal(site)
    assert f"HTTP {status}: a page called '502 Bad Gateway' instead of an answer of Grafana" in str(error)  # fmt: skip
    assert (away, False) == (error.away, "\n" in str(error))


@pytest.mark.parametrize("body", [b"", b"[]", b'"message"', b"null", b'{"message": 1}', b"\xff\xfe", b"[" * 50_000], ids=range(7))  # fmt: skip
@pytest.mark.parametrize("status", [200, 202, 400])
def test_an_answer_of_no_use_is_an_error_of_ours(site, status, body):
    """Whatever comes, it has the step and the status."""
    site.stand_in.faults.append(Fault("GET /dashboards", status, body, times=9))
    with site.grafana() as grafana, pytest.raises(GrafanaError, match=r"^read dashboard x: ") as caught:  # fmt: skip
        grafana.dashboard("x")
    assert "\n" not in str(caught.value)


def test_an_answer_without_an_end_is_given_up(site):
    """Memory is bounded."""
    site.stand_in.faults.append(Fault(FOLDER, 200, b" " * (33 << 20)))
    assert "HTTP 200: more than 32 MiB" in str(refusal(site))


def test_words_of_a_server_cannot_move_the_cursor():
    """And are short."""
    body = b'{"message": "\\u001b[2Jgone\\n' + b"x" * 500 + b'"}'
    told = said(400, body)
    assert "\x1b" not in told
    assert (True, 200) == (told.startswith("HTTP 400: [2Jgone xx"), len(line("y" * 300)))
    assert "leads to nowhere" in redirected(302, "")
    assert "leads to somewhere" in redirected(302, "http://[bad")


def test_a_server_that_echoes_the_token_is_not_repeated(site):
    """Neither in an error nor in what is tried again."""
    for status in (400, 503, 200):
        site.stand_in.faults[:] = [Fault(FOLDER, status, f"you sent {TOKEN}".encode(), times=9)]
        assert "you sent ***" in str(refusal(site))


def test_a_server_that_does_not_answer_is_given_up(site):
    """After its time, four times."""
    site.stand_in.faults.append(Fault(FOLDER, HANG, times=9))
    error = refusal(site, timeout_s=0.1)
    assert f"{site.stand_in.url} did not answer within 0.1 s; tried 4 times" in str(error)
    assert error.away


def test_a_server_that_sends_a_byte_now_and_then_is_given_up(site):
    """The time-out is of the whole answer."""
    site.stand_in.faults.append(Fault(FOLDER, TRICKLE, times=9))
    began_s = time.monotonic()
    assert "did not answer within 0.1 s" in str(refusal(site, timeout_s=0.1))
    assert 10 > time.monotonic() - began_s


def test_a_connection_that_breaks_is_made_again(site):
    """Once is no error."""
    site.stand_in.faults.append(Fault(FOLDER, RESET))
    assert [] == site.push().failed
    assert [0.5] == site.waits_s


def test_nobody_there_is_said():
    """In words, with the address."""
    with StandIn() as stand_in:
        url = stand_in.url
    error = refusal(Site(stand_in), url=url)
    assert f"read folder coldplate: {url}: refuses the connection; tried 4 times" == str(error)
    assert error.away


def test_the_environments_proxies_and_passwords_are_not_used(site, monkeypatch, tmp_path):
    """What is meant for Grafana goes to Grafana."""
    (tmp_path / ".netrc").write_text("default login x password y\n")
    for name, value in {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "NETRC": str(tmp_path / ".netrc")}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert [] == site.push().failed


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def trusted(authority, tmp_path):
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def serving(authority, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def test_a_certificate_of_the_named_authority_is_taken(authority, trusted):
    """Over TLS everything is as without."""
    with StandIn(serving(authority, "127.0.0.1")) as stand_in:
        done = Site(stand_in).push(reach={"ca_file": trusted})
        assert (NAMES, []) == (done.created[2:], done.failed)


@pytest.mark.parametrize(
    ("name", "ca", "words"),
    [("127.0.0.1", False, "unable to get local issuer certificate"), ("other.example.com", True, "mismatch")],
)  # fmt: skip
def test_a_wrong_certificate_ends_it_at_once(authority, trusted, name, ca, words):
    """Nothing was sent, and nothing is tried again."""
    with StandIn(serving(authority, name)) as stand_in:
        site = Site(stand_in)
        error = refusal(site, ca_file=trusted if ca else "")
        assert ([], []) == (stand_in.requests, site.waits_s)
    assert words in str(error).lower()
    assert str(error).startswith("read folder coldplate: certificate: ")


def test_no_tls_where_it_is_expected_is_said(site):
    """A plain server behind an https address."""
    error = refusal(site, url=site.stand_in.url.replace("http:", "https:"))
    assert str(error).startswith("read folder coldplate: certificate: ")
    assert [] == site.stand_in.requests


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"url": "http://grafana.example.com"}, "use https"),
        ({"url": "ftp://grafana"}, "must be https://host"),
        ({"url": "https://"}, "must be https://host"),
        ({"url": "https://a:b@grafana"}, "holds a user or a password"),
        ({"url": "https://grafana:99999"}, "cannot be read"),
        ({"url": "https://grafana/?orgId=1"}, "must end before ?"),
        ({"url": "https://grafana/api"}, "must end before /api"),
        ({"token": ""}, "is needed"),
        ({"user": "ada", "password": "x"}, "is needed"),
        ({"token": "", "user": "ada"}, "needs a password"),
        ({"token": "", "user": "a:b", "password": "x"}, "colon"),
        ({"token": "two\nlines"}, "no token does"),
        ({"timeout_s": 0.0}, "time-out"),
        ({"timeout_s": float("nan")}, "time-out"),
        ({"ca_file": "nowhere.pem"}, "no such file"),
        ({"ca_file": __file__}, "no certificate"),
    ],
)  # fmt: skip
def test_an_access_that_cannot_be_meant_is_refused(change, words):
    """Before anything is sent, without a secret."""
    given = {"url": "https://grafana", "token": "glsa_x"} | change
    with pytest.raises(ValueError) as caught:
        Access(**given)
    assert words in str(caught.value)


@pytest.mark.parametrize("url", ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:3000"])
def test_http_to_this_machine_is_taken(url):
    """Nobody is on the way."""
    assert url == Access(url, "x").shown
    assert "http://grafana" == Access("http://grafana", "x", allow_http=True).shown


def test_secrets_are_in_no_repr_and_no_log(site, caplog):
    """At the most talkative."""
    caplog.set_level(logging.DEBUG)
    site.push()
    access = Access("https://grafana", "", "ada", PASSWORD)
    assert PASSWORD not in repr(access)
    assert TOKEN not in f"{Access('https://grafana', TOKEN)!r} {caplog.text} {caplog.records}"
    with Grafana(Access("https://grafana", TOKEN)) as grafana:
        assert TOKEN not in repr(vars(grafana))
