"""The client against services that misbehave: each fault has its words, its count, and lets nothing out."""

import logging
import socket
import threading
import time

import pytest
from agents.redfish.services import (
    PASSWORD,
    SECONDARY,
    UNIT,
    cdu,
    client,
    get,
    gone,
    members,
    raw,
    refused,
    reset,
)

from coldplate.agents.options.redfish import Redfish
from coldplate.agents.redfish.client import Client
from coldplate.agents.redfish.errors import RedfishError
from coldplate.agents.redfish.reach import Reach
from coldplate.agents.redfish.steps import run
from coldplate.twin.redfish_mock import ROOT, SESSIONS, tree

OK = b"HTTP/1.1 200 OK\r\n"


def test_a_session_is_opened_used_and_ended(tmp_path):
    """One login for all requests; at the end the service has no session left."""
    with client(tmp_path) as one:
        assert "1" == get(one)["Id"]
        get(one, UNIT)
        assert 1 == one.service.asked[SESSIONS]
        run(one.leave(), 5.0, one.clock)
        assert {} == one.service.tokens


def test_an_ended_session_is_opened_again(tmp_path):
    """A 401 in the middle costs one login and no value."""
    with client(tmp_path) as one:
        get(one)
        one.service.tokens.clear()
        assert "1" == get(one)["Id"]
        assert 2 == one.counts["logins"]


def test_a_refused_login_is_not_tried_again_and_again(tmp_path):
    """Controllers lock accounts: two attempts in the first two minutes, and the words say what to set."""
    with cdu(tmp_path) as one:
        one.service.password = "another"
        assert {} == one.run(120)
        assert one.service.asked[SESSIONS] <= 3
        assert "redfish.password_file" in one.health.text
        assert PASSWORD not in one.health.text
        assert one.health.counts["login"] >= 1


def test_a_changed_password_is_taken_from_its_file(tmp_path):
    """Without a restart."""
    with client(tmp_path) as one:
        one.service.password = "new one"
        refused(one)
        (tmp_path / "password").write_text("new one\n")
        assert "1" == get(one)["Id"]


def test_a_missing_password_file_is_named(tmp_path):
    """By its option and path."""
    with client(tmp_path, password_file=str(tmp_path / "nowhere")) as one:
        assert "redfish.password_file" in str(refused(one))


def test_a_service_without_sessions_gets_the_password_with_each_request(tmp_path):
    """When posting to its sessions is not known to it; the same as `auth = "basic"`."""
    seen = []

    def before(handler):
        seen.append(handler.headers.get("Authorization"))
        if handler.command == "POST":
            handler.rfile.read(int(handler.headers["Content-Length"]))
            handler.answer(404)
        else:
            handler.answer(200, {"Id": "1"})
        return True

    with client(tmp_path, before) as one:
        get(one)
        assert [None, "Basic cmVhZGVyOnMzY3JldC0wZi10aGUtY2R1"] == seen
    with client(tmp_path, before, auth="basic") as one:
        get(one)
        assert seen[1:2] == seen[2:]


def test_nothing_shows_a_secret(tmp_path, caplog):
    """No repr, message or log record of a client that logged in, failed and left."""
    with caplog.at_level(logging.DEBUG), client(tmp_path) as one:
        get(one)
        tokens = list(one.service.tokens)
        shown = [repr(one), repr(one.reach), repr(vars(one.reach.options) if hasattr(one.reach.options, "__dict__") else one.reach.options)]  # fmt: skip
        refused(one, "/redfish/v1/Nothing")
    for text in [*shown, caplog.text]:
        assert PASSWORD not in text
        assert not any(t in text for t in tokens)


@pytest.mark.parametrize("url", ["https://reader:pw@cdu", "ftp://cdu", "https://", "https://cdu:99999", "https://cdu/?x=1", "cdu", "https://cdu\r\nX: y"])  # fmt: skip
def test_an_address_that_is_none_is_refused(url):
    """Before anything is asked, and a password in it is not repeated."""
    with pytest.raises(ValueError, match="Redfish address") as caught:
        Reach.of(url, Redfish())
    assert "pw@" not in str(caught.value)


def test_pages_are_put_together(tmp_path):
    """In their order."""
    path = f"{ROOT}/Chassis"
    first = {"Members": [{"@odata.id": UNIT}], "Members@odata.nextLink": f"{path}?$skip=1"}

    def before(handler):
        if handler.path == f"{path}?$skip=1":
            handler.answer(200, {"Members": [{"@odata.id": SECONDARY}]})
            return True
        return False

    with client(tmp_path, before, {path: first}) as one:
        assert [UNIT, SECONDARY] == [m["@odata.id"] for m in members(one, path)]


@pytest.mark.parametrize("following", [f"{ROOT}/Chassis", "http://169.254.169.254/latest/meta-data", "//evil/redfish/v1", "/etc/passwd", "/redfish/\r\nX: y", 7])  # fmt: skip
def test_pages_without_end_or_elsewhere_are_refused(tmp_path, following):
    """A loop, another host, another path, a broken line, no text at all."""
    path = f"{ROOT}/Chassis"
    first = {"Members": [{"@odata.id": UNIT}], "Members@odata.nextLink": following}
    with client(tmp_path, patch={path: first}) as one, pytest.raises(RedfishError) as caught:
        members(one, path)
    assert "link" == caught.value.reason


def test_members_that_are_elsewhere_are_left_out(tmp_path):
    """A link to another host is not followed."""
    path = f"{ROOT}/Chassis"
    found = {"Members": [{"@odata.id": "http://169.254.169.254/"}, {"@odata.id": UNIT}, 3, None]}
    with client(tmp_path, patch={path: found}) as one:
        assert [UNIT] == [m["@odata.id"] for m in members(one, path)]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(tmp_path, status):
    """Nobody is asked anything at the place it names."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0.1)
        port = other.getsockname()[1]

        def before(handler):
            handler.answer(status, headers={"Location": f"http://127.0.0.1:{port}/latest/meta-data"})  # fmt: skip
            return True

        with client(tmp_path, before) as one:
            assert "redirect" == refused(one).reason
        with pytest.raises(TimeoutError):
            other.accept()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (OK + b"Content-Length: 999999999\r\n\r\n", "too_large"),
        (OK + b"\r\n" + b"x" * 300_000, "too_large"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"fffff\r\n" + b"x" * 300_000, "too_large"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "protocol"),
        (OK + b"Content-Length: -5\r\n\r\n", "protocol"),
        (OK + b"X: " + b"y" * 40_000, "protocol"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "protocol"),
        (OK + b"Content-Length: 100\r\n\r\n{", "closed"),
        (OK + b"Content-Length: 5\r\n\r\n{brok", "json"),
        (OK + b"Content-Length: 2\r\n\r\n[]", "json"),
        (OK + b"Content-Length: 3\r\n\r\nNaN", "json"),
        (OK + b"Content-Length: 100000\r\n\r\n" + b"[" * 100_000, "json"),
        (OK + b"Content-Length: 1\r\n\r\n\xff", "json"),
        (b"", "closed"),
    ],
)  # fmt: skip
def test_answers_that_are_none(tmp_path, data, reason):
    """Each is refused under its reason, and what a service sends is not repeated."""
    with client(tmp_path, lambda h: raw(h, data), body_bytes_max=200_000, user="") as one:
        error = refused(one)
    assert reason == error.reason
    assert "brok" not in str(error).replace("the connection broke", "")


def test_a_reset_connection_is_a_closed_one(tmp_path):
    """Told in words."""
    with client(tmp_path, reset, user="") as one:
        assert "closed" == refused(one).reason


def test_a_kept_connection_that_was_closed_costs_nothing(tmp_path):
    """Servers close idle connections; the request goes out again on a new one."""

    def before(handler):
        handler.close_connection = True
        return False

    with client(tmp_path, before, user="") as one:
        one.service.user = ""
        assert ["1", "1", "1"] == [get(one)["Id"] for _ in range(3)]


def test_an_answer_that_drips_is_given_up(tmp_path):
    """A byte now and then is no sign of life: the whole answer has one time-out."""

    def before(handler):
        handler.close_connection = True
        for byte in OK * 100:
            try:
                handler.connection.sendall(bytes([byte]))
            except OSError:
                break
            time.sleep(0.02)
        return True

    with client(tmp_path, before, user="", timeout_s=0.3) as one:
        began_s = time.monotonic()
        assert "timeout" == refused(one).reason
        assert time.monotonic() - began_s < 3.0


def test_a_hang_is_given_up(tmp_path):
    """Its connection is closed, so that no second request is under way on the next."""
    with client(tmp_path, gone, user="", timeout_s=0.2) as one:
        assert "no answer within 0.2 s" in str(refused(one))


def test_nobody_there(tmp_path):
    """No listener, and a name that nobody knows."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for url, reason in ((f"http://127.0.0.1:{port}", "connect"), ("http://cdu.invalid", "address")):
        one = Client(Reach.of(url, Redfish(timeout_s=5.0)))
        with pytest.raises(RedfishError) as caught:
            run(one.get(UNIT), 20.0, time.monotonic)
        assert reason == caught.value.reason


def test_retry_after_is_kept_to(tmp_path):
    """A controller that asks for 30 s is not asked anything for 30 s, and read on after."""
    busy = threading.Event()

    def before(handler):
        if busy.is_set():
            handler.answer(503, headers={"Retry-After": "30"})
        return busy.is_set()

    with cdu(tmp_path, before=before) as one:
        one.tick()
        busy.set()
        one.run(1)
        busy.clear()
        asked = sum(one.service.asked.values())
        assert {} == one.run(28)
        assert asked == sum(one.service.asked.values())
        assert "left alone (HTTP 503)" in one.health.text
        assert "flow_lpm" in one.run(4)
        assert 1 == one.health.counts["busy"]


def test_a_tag_is_believed_after_it_changed_with_the_content(tmp_path):
    """From then on what stays the same is not sent again, and counts as read."""
    with cdu(tmp_path) as one:
        for litres in (90.0, 91.0, 92.0):
            one.values["flow_lpm"] = litres
            assert litres == one.tick()["flow_lpm"]
        assert [92.0, 92.0] == [one.tick()["flow_lpm"] for _ in range(2)]
        assert one.health.counts["unchanged"] >= 2
        one.values["flow_lpm"] = 93.0
        assert 93.0 == one.tick()["flow_lpm"]


def test_a_tag_that_never_changes_is_never_believed(tmp_path):
    """A controller that calls everything unchanged is asked for the content every time."""

    def before(handler):
        path = handler.place[1]
        if path != SECONDARY:
            return False
        if handler.headers.get("If-None-Match"):
            handler.answer(304)
        else:
            doc = tree(one.values)[path]
            handler.answer(200, doc, {"ETag": '"always"'})
        return True

    with cdu(tmp_path, before=before) as one:
        for litres in (90.0, 91.0, 92.0, 93.0):
            one.values["flow_lpm"] = litres
            assert litres == one.tick()["flow_lpm"]


def test_a_service_that_cannot_expand_after_all_is_read_member_by_member(tmp_path):
    """It says that it can, and refuses."""

    def before(handler):
        if "$expand" in handler.path:
            handler.answer(501)
            return True
        return False

    with client(tmp_path, before, expands=True) as one:
        assert ["1", "2"] == [m["Id"] for m in members(one, f"{UNIT}/Pumps")]
        assert 1 == one.counts["expand_refused"]
        assert "" == one.expanded(f"{UNIT}/Pumps")
