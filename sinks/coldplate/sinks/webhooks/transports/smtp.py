"""Mail, by smtplib in threads: one connection a mail, to an address that was judged.

Replies of 4xx are tried again, 5xx refused; a login that is refused is tried again, as it is while a password is being
changed. TLS that was asked for and is not offered is a failure, never a mail in the clear, and a password is not sent
without it. When a server takes a mail for some recipients only, the others alone are tried again.
"""

import asyncio
import os
import re
import smtplib
import socket
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.utils import formatdate
from functools import partial
from hashlib import sha256
from pathlib import Path

from coldplate.sinks.webhooks.call import Call, Mail, Reply, Verdict
from coldplate.sinks.webhooks.config import Email
from coldplate.sinks.webhooks.guard import Forbidden, Guard
from coldplate.sinks.webhooks.secrets import SecretError, secret_in
from coldplate.sinks.webhooks.transports.certificate import (
    TrustError,
    certificate_said,
    tls_context,
)

THREADS = 4
PARTLY_MAX = 1000
"""Mails of which it is remembered who has them already."""

_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")


class SmtpTransport:
    """Mails of one receiver.

    Parameters
    ----------
    receiver
        Server, sender, recipients.
    base
        The folder that files of the configuration are relative to.
    clock
        Unix seconds, for the mail's date.
    """

    def __init__(
        self, receiver: Email, base: Path = Path(), clock: Callable[[], float] = time.time
    ) -> None:
        self._receiver, self._base, self._clock = receiver, base, clock
        self._guard = Guard(receiver.allow_private)
        file = receiver.password_file
        self._password = secret_in(base, file) if file else None
        self._partly: OrderedDict[str, set[str]] = OrderedDict()
        self._threads = ThreadPoolExecutor(THREADS, f"mail {receiver.name}")

    async def make(self, call: Call) -> Reply:
        """One attempt."""
        assert isinstance(call, Mail)
        loop = asyncio.get_running_loop()
        sending = loop.run_in_executor(self._threads, partial(self._send, call))
        try:
            async with asyncio.timeout(self._receiver.timeout_s):
                return await asyncio.shield(sending)
        except TimeoutError:
            # The thread ends by its own time-outs; nobody waits for what it says.
            sending.add_done_callback(lambda done: done.cancelled() or done.exception())
            return Reply(
                Verdict.RETRY, f"time-out: no answer within {self._receiver.timeout_s:g} s"
            )

    async def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _send(self, mail: Mail) -> Reply:
        r = self._receiver
        if r.user and r.tls == "none":
            return Reply(Verdict.REFUSED, "login: a password is not sent without TLS")
        try:
            self._guard.judge_literal(r.host)
        except Forbidden as error:
            return Reply(Verdict.REFUSED, f"address not allowed: {error}")
        try:
            with self._connected() as server:
                if r.user:
                    server.login(r.user, self._password.value if self._password else "")
                return self._hand_over(server, mail)
        except (smtplib.SMTPException, OSError) as error:
            return _failed(error, r.timeout_s)

    def _connected(self) -> smtplib.SMTP:
        r = self._receiver
        context = tls_context(self._base, r.ca_file) if r.tls != "none" else None
        at = self._guard.resolve(r.host, r.port)[0][1]
        server: smtplib.SMTP = (
            _Tls(at, r.host, r.port, r.timeout_s, context)
            if r.tls == "tls" and context is not None
            else _Plain(at, r.host, r.port, r.timeout_s)
        )
        try:
            if r.tls == "starttls":
                server.starttls(context=context)
        except BaseException:
            server.close()
            raise
        return server

    def _hand_over(self, server: smtplib.SMTP, mail: Mail) -> Reply:
        have = self._partly.get(mail.id, set())
        to = [address for address in self._receiver.to if address not in have]
        refused: dict[str, tuple[int, bytes]]
        try:
            refused = server.send_message(self._letter(mail), self._receiver.sender, to)
        except smtplib.SMTPRecipientsRefused as error:
            refused = error.recipients
        if not refused:
            self._partly.pop(mail.id, None)
            return Reply(Verdict.TAKEN, f"mail taken for {len(to)}")
        codes = sorted({code for code, _ in refused.values()})
        said = f"SMTP {codes[0]}: {len(refused)} of {len(self._receiver.to)} recipients refused"
        if any(code < 500 for code in codes):
            self._partly[mail.id] = have | (set(to) - set(refused))
            while len(self._partly) > PARTLY_MAX:
                self._partly.popitem(last=False)
            return Reply(Verdict.RETRY, said)
        # A person is told when anybody has it; that an address is wrong stands in the text.
        taken = len(refused) < len(to) or bool(have)
        return Reply(Verdict.TAKEN if taken else Verdict.REFUSED, said)

    def _letter(self, mail: Mail) -> EmailMessage:
        r = self._receiver
        letter = EmailMessage()
        letter["From"], letter["To"] = r.sender, ", ".join(r.to)
        # A line break would be a header of its own.
        letter["Subject"] = " ".join(mail.subject.split())
        letter["Date"] = formatdate(self._clock())
        letter["Message-ID"] = _message_id(mail.id, r.sender)
        thread = _message_id(f"thread-{mail.thread}", r.sender)
        letter["In-Reply-To"] = letter["References"] = thread
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(mail.text)
        return letter


class _Plain(smtplib.SMTP):
    """Connects to an address that was judged, and knows the server by its name."""

    def __init__(self, at: str, host: str, port: int, timeout_s: float) -> None:
        self._at = at
        super().__init__(host, port, timeout=timeout_s)

    # smtplib's place to make the socket; it gives no other way to separate name and address.
    def _get_socket(self, _host: str, port: int, timeout: float) -> socket.socket:
        return socket.create_connection((self._at, port), timeout)


class _Tls(smtplib.SMTP_SSL):
    """The same, with TLS from the first byte."""

    def __init__(self, at: str, host: str, port: int, timeout_s: float, context: ssl.SSLContext) -> None:  # fmt: skip
        self._at, self._verify, self._name = at, context, host
        super().__init__(host, port, timeout=timeout_s, context=context)

    def _get_socket(self, _host: str, port: int, timeout: float) -> socket.socket:
        plain = socket.create_connection((self._at, port), timeout)
        try:
            return self._verify.wrap_socket(plain, server_hostname=self._name)
        except BaseException:
            plain.close()
            raise


def _message_id(key: str, sender: str) -> str:
    local = key if _PLAIN.fullmatch(key) else sha256(key.encode()).hexdigest()[:32]
    domain = sender.rpartition("@")[2].strip(" >")
    return f"<{local}@{domain if _PLAIN.fullmatch(domain) else 'coldplate'}>"


def _failed(error: Exception, timeout_s: float) -> Reply:
    """A server's own words may repeat what was sent, so its number alone is told."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Reply(Verdict.RETRY, f"login: SMTP {error.smtp_code}, user or password refused")
    if isinstance(error, smtplib.SMTPConnectError | smtplib.SMTPHeloError):
        return Reply(Verdict.RETRY, f"SMTP {error.smtp_code}: it greets with a refusal")
    if isinstance(error, smtplib.SMTPResponseException):
        later = error.smtp_code < 500
        return Reply(Verdict.RETRY if later else Verdict.REFUSED, f"SMTP {error.smtp_code}")
    return Reply(Verdict.RETRY, _said(error, timeout_s))


def _said(error: Exception, timeout_s: float) -> str:
    # smtplib makes a time-out of the socket, while it waits for a line, a connection that was closed.
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return f"time-out: no answer within {timeout_s:g} s"
    if isinstance(error, ssl.SSLError):
        return certificate_said(error)
    if isinstance(error, SecretError):
        return f"login: {error}"
    if isinstance(error, Forbidden | TrustError):
        return f"connection: {error}"
    if isinstance(error, socket.gaierror):
        return "name: it has no address"
    return _WORDS.get(type(error)) or f"connection: {_strerror(error)}"


_WORDS: dict[type[Exception], str] = {
    smtplib.SMTPNotSupportedError: "TLS: the server does not offer it, or offers no login",
    smtplib.SMTPServerDisconnected: "connection closed: without an answer",
}


def _strerror(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number).lower() if number else type(error).__name__
