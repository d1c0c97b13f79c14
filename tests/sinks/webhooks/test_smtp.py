"""Mails, to a real server of mails."""

import asyncio
import socket
import ssl
import threading
from contextlib import contextmanager

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult
from sinks.webhooks.receivers import SECRET, T0_MS, Clock

from coldplate.sinks.webhooks.call import Mail, Verdict
from coldplate.sinks.webhooks.config import Email
from coldplate.sinks.webhooks.transports.smtp import SmtpTransport

MAIL = Mail("[c] CRITICAL Pump stopped", "Was ist los?\nPumpe steht: 3 µm\n", "ab12-r-0", "c/g1")
ALL = ("a@example.org", "b@example.org")


class Box:
    """What the server got; replies to recipients and to the data as told."""

    def __init__(self, rcpt=(), data="250 OK"):
        self.rcpt, self.data, self.letters = dict(rcpt), data, []

    async def handle_RCPT(self, server, session, envelope, address, options):
        replies = self.rcpt.get(address, ["250 OK"])
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server, session, envelope):
        if self.data.startswith("2"):
            self.letters.append((envelope.mail_from, envelope.rcpt_tos, envelope.content.decode()))
        return self.data


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def files(authority, tmp_path):
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "password").write_text(f"{SECRET}\n")
    return tmp_path


def context(authority, name="127.0.0.1"):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(made)
    return made


@contextmanager
def server(box, implicit=None, **options):
    """Its port; it has a thread and a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start():
        return await loop.create_server(
            lambda: SMTP(box, loop=loop, hostname="mail.example.org", **options),
            "127.0.0.1", 0, ssl=implicit,
        )  # fmt: skip

    async def end(listening):
        listening.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    try:
        listening = asyncio.run_coroutine_threadsafe(start(), loop).result(5)
        yield listening.sockets[0].getsockname()[1]
        asyncio.run_coroutine_threadsafe(end(listening), loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def send(port, base, *mails, **changes):
    """What comes of mails."""
    options = {
        "name": "r", "host": "127.0.0.1", "port": port, "sender": "coldplate@example.org", "to": ALL, "tls": "none",
        "allow_private": True, "timeout_s": 5.0,
    }  # fmt: skip

    async def go():
        transport = SmtpTransport(Email(**(options | changes)), base, Clock())
        try:
            return [await transport.make(mail) for mail in mails or (MAIL,)]
        finally:
            await transport.close()

    return asyncio.run(go())


def test_a_mail_arrives(tmp_path):
    """With an id made of the message's, in its group's thread, in plain text."""
    box = Box()
    with server(box) as port:
        (reply,) = send(port, tmp_path)
    assert (Verdict.TAKEN, "mail taken for 2") == (reply.verdict, reply.said)
    ((sender, to, letter),) = box.letters
    assert ("coldplate@example.org", list(ALL)) == (sender, to)
    for line in (
        "From: coldplate@example.org", "To: a@example.org, b@example.org",
        "Subject: [c] CRITICAL Pump stopped", "Message-ID: <ab12-r-0@example.org>",
        "Date: Tue, 14 Nov 2023 22:13:20 -0000", "Auto-Submitted: auto-generated",
    ):  # fmt: skip
        assert line in letter.splitlines()
    assert letter.count("<") == 3


def test_a_repeat_has_the_same_id_and_a_thread_is_one(tmp_path):
    """A mail program shows the first once, and puts the others of a group beneath each other."""
    box = Box()
    with server(box) as port:
        send(port, tmp_path, MAIL, MAIL, Mail("s", "t", "other id/with ü", "c/g1"))
    heads = [dict(line.split(": ", 1) for line in letter.split("\n\n")[0].replace("\r", "").splitlines() if ": " in line) for _, _, letter in box.letters]  # fmt: skip
    assert heads[0]["Message-ID"] == heads[1]["Message-ID"] != heads[2]["Message-ID"]
    assert 1 == len({head["References"] for head in heads})


def test_a_line_break_in_a_subject_is_no_header(tmp_path):
    """A title comes from names that others gave."""
    box = Box()
    with server(box) as port:
        (reply,) = send(port, tmp_path, Mail("x\r\nBcc: evil@example.org", "t", "i", "g"))
    assert Verdict.TAKEN == reply.verdict
    ((_, to, letter),) = box.letters
    assert "Subject: x Bcc: evil@example.org" in letter.splitlines()
    assert list(ALL) == to


@pytest.mark.parametrize(
    ("rcpt", "data", "verdict", "said"),
    [({}, "451 later", "retry", "SMTP 451"), ({}, "554 no", "refused", "SMTP 554"),
     ({to: ["450 grey"] for to in ALL}, "250 OK", "retry", "SMTP 450: 2 of 2 recipients refused"),
     ({to: ["550 unknown"] for to in ALL}, "250 OK", "refused", "SMTP 550: 2 of 2 recipients refused"),
     ({ALL[0]: ["550 unknown"]}, "250 OK", "taken", "SMTP 550: 1 of 2 recipients refused")],
)  # fmt: skip
def test_what_follows_from_replies(tmp_path, rcpt, data, verdict, said):
    """4xx is tried again, 5xx refused; when one recipient has it, a person was told."""
    with server(Box(rcpt, data)) as port:
        (reply,) = send(port, tmp_path)
    assert (verdict, said) == (reply.verdict, reply.said)


def test_only_who_has_it_not_gets_it_again(tmp_path):
    """One recipient is put off: at the next attempt the other is not bothered."""
    box = Box({ALL[1]: ["450 grey", "450 grey", "250 OK"]})
    with server(box) as port:
        replies = send(port, tmp_path, MAIL, MAIL, MAIL, MAIL)
    assert ["retry", "retry", "taken", "taken"] == [r.verdict for r in replies]
    assert [[ALL[0]], [ALL[1]], list(ALL)] == [to for _, to, _ in box.letters]


def test_starttls_with_a_login(files, authority):
    """The password goes through TLS; a wrong one is tried again, and is in no word."""
    box, seen = Box(), []

    def check(_server, _session, _envelope, _mechanism, data):
        seen.append((data.login, data.password))
        return AuthResult(success=data.password == SECRET.encode(), handled=False)

    options = {"user": "u", "password_file": "password", "ca_file": "ca.pem", "tls": "starttls"}
    with server(box, tls_context=context(authority), require_starttls=True, authenticator=check, auth_required=True) as port:  # fmt: skip
        (taken,) = send(port, files, **options)
        (files / "password").write_text("wrong")
        (wrong,) = send(port, files, **options)
    assert (b"u", SECRET.encode()) == seen[0]
    assert Verdict.TAKEN == taken.verdict
    assert (Verdict.RETRY, "login: SMTP 535, user or password refused") == (wrong.verdict, wrong.said)  # fmt: skip


def test_tls_from_the_first_byte(files, authority):
    """As on port 465."""
    box = Box()
    with server(box, implicit=context(authority)) as port:
        (reply,) = send(port, files, tls="tls", ca_file="ca.pem")
    assert (Verdict.TAKEN, 1) == (reply.verdict, len(box.letters))


@pytest.mark.parametrize("tls", ["tls", "starttls"])
@pytest.mark.parametrize(
    ("name", "ca", "said"),
    [("mail.example.org", "ca.pem", "certificate: hostname mismatch"),
     ("127.0.0.1", "", "certificate: unable to get local issuer certificate")],
)  # fmt: skip
def test_a_wrong_certificate_is_named(files, authority, tls, name, ca, said):
    """Nothing is sent to who shows it."""
    box, shown = Box(), context(authority, name)
    how = {"implicit": shown} if tls == "tls" else {"tls_context": shown}
    with server(box, **how) as port:
        (reply,) = send(port, files, tls=tls, ca_file=ca)
    assert (Verdict.RETRY, said, []) == (reply.verdict, reply.said, box.letters)


def test_without_tls_there_is_neither_a_mail_nor_a_password(files):
    """A server that does not offer the TLS that was asked for gets nothing; a password without TLS is refused at once."""
    box = Box()
    with server(box) as port:
        (asked,) = send(port, files, tls="starttls", ca_file="ca.pem")
        (login,) = send(port, files, user="u", password_file="password")
    assert (Verdict.RETRY, "TLS: the server does not offer it, or offers no login") == (asked.verdict, asked.said)  # fmt: skip
    assert (Verdict.REFUSED, "login: a password is not sent without TLS") == (login.verdict, login.said)  # fmt: skip
    assert [] == box.letters


@pytest.mark.parametrize(
    ("host", "verdict", "said"),
    [("127.0.0.1", "refused", "address not allowed: 127.0.0.1 is loopback; allow_private takes it"),
     ("0x7f.1", "refused", "loopback"), ("localhost", "retry", "is loopback; allow_private takes it"),
     ("no-such-host.invalid", "retry", "name: it has no address")],
)  # fmt: skip
def test_addresses_are_judged(tmp_path, host, verdict, said):
    """By the same rules as those of HTTP receivers."""
    (reply,) = send(25, tmp_path, host=host, allow_private=False)
    assert verdict == reply.verdict
    assert said in reply.said


@contextmanager
def listening(how):
    """A server that treats each connection as told, while the block runs; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: how(server.accept()[0]), daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            thread.join(30)


def silent(connection):
    """Says nothing till the other has gone."""
    with connection:
        connection.recv(1)


def leaving(connection):
    """Greets, and goes when it is greeted."""
    with connection:
        connection.sendall(b"220 hello\r\n")
        connection.recv(100)


@pytest.mark.parametrize(
    ("how", "timeout_s", "said"),
    [(silent, 0.3, "time-out: no answer within 0.3 s"), (leaving, 30, "connection closed: without an answer")],
)  # fmt: skip
def test_nobody_answers(tmp_path, how, timeout_s, said):
    """Silent, or gone in the middle: tried again."""
    with listening(how) as port:
        (reply,) = send(port, tmp_path, timeout_s=timeout_s)
    assert (Verdict.RETRY, said) == (reply.verdict, reply.said)
    assert str(T0_MS) not in repr(reply)


def test_nobody_listens(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (reply,) = send(port, tmp_path)
    assert (Verdict.RETRY, "connection: connection refused") == (reply.verdict, reply.said)


def test_a_time_out_that_smtplib_saw_first_is_a_time_out(tmp_path, monkeypatch):
    """The socket's limit and the attempt's are one number, and either may end first."""
    whole = asyncio.timeout
    monkeypatch.setattr(asyncio, "timeout", lambda _seconds: whole(30))
    with listening(silent) as port:
        (reply,) = send(port, tmp_path, timeout_s=0.3)
    assert (Verdict.RETRY, "time-out: no answer within 0.3 s") == (reply.verdict, reply.said)


def test_a_password_file_that_is_missing_is_named(tmp_path):
    """It may be written later."""
    with server(Box()) as port:
        (reply,) = send(port, tmp_path, user="u", password_file="nowhere", tls="starttls")
    assert Verdict.RETRY == reply.verdict
