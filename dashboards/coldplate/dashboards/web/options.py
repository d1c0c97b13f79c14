"""How the live hall is offered, and what is refused before it listens."""

import ipaddress
from typing import Annotated

import msgspec
from msgspec import Meta

MEANINGS = {
    "address": "where the live hall listens; other than loopback needs `token_file` or `proxy_header`",
    "port": "its port; 0 takes a free one",
    "token_file": "file with the token that people log in with and programs send as `Authorization: Bearer`; at least 16 characters, read again when it changes",
    "proxy_header": "header in which a reverse proxy says who it has let in, e.g. `X-Forwarded-User`",
    "proxy_from": "addresses and networks of that proxy; from anywhere else the header means nothing",
    "hosts": "names under which the page is reached, beside loopback's and the address itself",
    "cert_file": "certificate chain (PEM); with `key_file` the hall is offered over TLS; read again when it changes",
    "key_file": "its private key (PEM)",
    "viewers_max": "pages that look at the same time",
    "replays_max": "of them, how many may be in the past at the same time",
    "connections_max": "connections at the same time; others are refused",
}

TOKEN_CHARACTERS_MIN = 16


class OptionsError(ValueError):
    """The live hall cannot be offered so; the message says what to change and holds no secret."""


class Options(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The live hall's server."""

    address: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8950
    token_file: str = ""
    proxy_header: str = ""
    proxy_from: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    cert_file: str = ""
    key_file: str = ""
    viewers_max: Annotated[int, Meta(ge=1, le=1000)] = 200
    replays_max: Annotated[int, Meta(ge=1, le=64)] = 8
    connections_max: Annotated[int, Meta(ge=16, le=60_000)] = 2000


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(options: Options) -> tuple[Network, ...]:
    """Where the proxy may be.

    Raises
    ------
    OptionsError
    """
    try:
        return tuple(ipaddress.ip_network(n, strict=False) for n in options.proxy_from)
    except ValueError as error:
        raise OptionsError(f"web.proxy_from: {error}; give addresses or networks") from error


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches it.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("hall.example")
    (True, True, False, False)
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address == "localhost"
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback)


def check(options: Options) -> None:
    """What files need not be read for.

    Raises
    ------
    OptionsError
    """
    if not is_loopback(options.address) and not (options.token_file or options.proxy_header):
        raise OptionsError(
            f"web.address: {options.address} opens the hall to the network, and nothing says who may look; "
            "set web.token_file, or web.proxy_header and web.proxy_from behind a proxy that authenticates, "
            "or listen on 127.0.0.1"
        )
    if bool(options.proxy_header) != bool(options.proxy_from):
        missing = "proxy_from" if options.proxy_header else "proxy_header"
        raise OptionsError(
            f"web.{missing} is empty: a proxy's header counts only from addresses that are named; set both or neither"
        )
    if not all(c.isascii() and (c.isalnum() or c == "-") for c in options.proxy_header):
        raise OptionsError(f"web.proxy_header: {options.proxy_header!r} is no header's name")
    for host in options.hosts:
        if not host or set(host) & set("/:@[] "):
            raise OptionsError(
                f"web.hosts: {host!r} is no name; give names alone, e.g. hall.example"
            )
    if bool(options.cert_file) != bool(options.key_file):
        missing = "key_file" if options.cert_file else "cert_file"
        raise OptionsError(f"web.{missing} is empty: TLS needs both cert_file and key_file")
    networks(options)
