"""What can be wrong with a receiver."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from string import Template as Text

import msgspec

from coldplate.sinks.webhooks.checks.address import address_faults, host_fault
from coldplate.sinks.webhooks.checks.faults import Faults
from coldplate.sinks.webhooks.checks.files import check_certificates, program_fault, secret_text
from coldplate.sinks.webhooks.config import (
    AnyReceiver,
    Email,
    Exec,
    Http,
    PagerDuty,
    Slack,
    StandardWebhooks,
    Template,
)
from coldplate.sinks.webhooks.formats.standard import key_of
from coldplate.sinks.webhooks.formats.template import FIELDS, NUMBERS, filled

_MAILBOX = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SECRET_HEADERS = ("authorization", "x-api-key", "cookie", "proxy-authorization")


def check_receiver(receiver: AnyReceiver, base: Path, faults: Faults, *at: str | int) -> None:
    """All of its keys.

    Parameters
    ----------
    base
        Folder from which its files are found.
    """
    if isinstance(receiver, Http):
        _check_http(receiver, base, faults, *at)
    match receiver:
        case StandardWebhooks():
            _check_keys(receiver, base, faults, *at)
        case PagerDuty():
            secret_text(
                base, receiver.routing_key_file, "routing_key_file", faults, *at, "routing_key_file"
            )
        case Slack() if receiver.url:
            faults.warn(
                "url: whoever knows a Slack webhook's address can post to it; put it into a file and name"
                " that in url_file",
                *at, "url",
            )  # fmt: skip
        case Template():
            _check_headers(receiver.headers, faults, *at)
            if words := body_fault(receiver.body):
                faults.fault(f"body {words}", *at, "body")
        case Email():
            _check_mail(receiver, base, faults, *at)
        case Exec():
            _check_command(receiver, faults, *at)
        case _:
            pass


def body_fault(body: str) -> str:
    """What is wrong with a template's body; "" when nothing is."""
    text = Text(body)
    for name in text.get_identifiers():
        if name not in FIELDS:
            near = get_close_matches(name, FIELDS, 1)
            hint = f"did you mean {near[0]}? " if near else ""
            return f"has an unknown field ${{{name}}}; {hint}docs/alerts.md lists the fields"
    if not text.is_valid():
        return "has a $ that begins no field; write ${FIELD}, or $$ for a dollar"
    # A field that stands without quotes gives no JSON with these.
    given = {name: 1 if name in NUMBERS else 'a "b"\n' for name in FIELDS}
    try:
        msgspec.json.decode(filled(body, given))
    except msgspec.DecodeError as error:
        return f"is no JSON once it is filled in ({error}); put quotes around each field that is no number"
    return ""


def _check_http(receiver: Http, base: Path, faults: Faults, *at: str | int) -> None:
    if receiver.url and receiver.url_file:
        faults.fault("has url and url_file; leave one of both", *at, "url_file")
    elif not receiver.url and not receiver.url_file and not isinstance(receiver, PagerDuty):
        faults.fault("has no address; give url, or url_file when the address is a secret", *at)
    for key in ("url", "url_file"):
        url = getattr(receiver, key)
        if url and key == "url_file":
            url = secret_text(base, url, key, faults, *at, key)
        if url:
            for words in address_faults(
                url, allow_http=receiver.allow_http, allow_private=receiver.allow_private
            ):
                faults.fault(f"{key} {words}", *at, key)
    if receiver.token_file:
        secret_text(base, receiver.token_file, "token_file", faults, *at, "token_file")
    check_certificates(base, receiver.ca_file, faults, *at, "ca_file")


def _check_keys(receiver: StandardWebhooks, base: Path, faults: Faults, *at: str | int) -> None:
    if not receiver.secret_files:
        faults.fault(
            "has no secret_files; without a signature its receiver cannot tell who calls: give one", *at
        )  # fmt: skip
    for file in receiver.secret_files:
        if text := secret_text(base, file, "secret_files", faults, *at, "secret_files"):
            try:
                key_of(text)
            except ValueError as error:
                faults.fault(f"secret_files: {file} {error}", *at, "secret_files")


def _check_headers(headers: Mapping[str, str], faults: Faults, *at: str | int) -> None:
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or not value.isprintable():
            faults.fault(
                f"headers: {name!r} cannot be sent; write a name of letters and -, and a value in one line",
                *at, "headers", name,
            )  # fmt: skip
        elif name.lower() in _SECRET_HEADERS:
            faults.warn(
                f"headers: {name} is a secret in a file that others may read; put a token into token_file",
                *at, "headers", name,
            )  # fmt: skip


def _check_mail(receiver: Email, base: Path, faults: Faults, *at: str | int) -> None:
    if not receiver.to:
        faults.fault('to is empty; give addresses, as in ["hall@example.org"]', *at, "to")
    for key, addresses in (("sender", (receiver.sender,)), ("to", receiver.to)):
        for address in addresses:
            if not _MAILBOX.fullmatch(address):
                faults.fault(f"{key}: {address!r} is no address; write name@host", *at, key)
    if not re.fullmatch(r"[A-Za-z0-9._:-]+", receiver.host):
        faults.fault("host is the name of a mail server, without its port", *at, "host")
    elif words := host_fault(receiver.host, allow_private=receiver.allow_private):
        faults.fault(f"host {words}", *at, "host")
    if bool(receiver.user) != bool(receiver.password_file):
        faults.fault("user and password_file belong together; give both, or none", *at)
    if receiver.password_file:
        secret_text(base, receiver.password_file, "password_file", faults, *at, "password_file")
    _check_tls(receiver, faults, *at)
    check_certificates(base, receiver.ca_file, faults, *at, "ca_file")


def _check_tls(receiver: Email, faults: Faults, *at: str | int) -> None:
    if receiver.tls != "none":
        return
    words = 'tls = "none" lets everybody on the way read'
    if receiver.user:
        faults.fault(f'{words} the password; use "starttls" or "tls"', *at, "tls")
    else:
        faults.warn(f'{words} the mails; use "starttls" or "tls" where it is offered', *at, "tls")


def _check_command(receiver: Exec, faults: Faults, *at: str | int) -> None:
    words = program_fault(receiver.command)
    if not words:
        return
    # What is not run yet may be installed later.
    tell = faults.fault if receiver.enabled or not receiver.command else faults.warn
    tell(f"command {words}", *at, "command")
