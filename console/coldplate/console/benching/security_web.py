"""What is tried on the live hall by `coldplate bench security`: tokens, names, origins, a proxy that is none, TLS."""

import http.client
import json
import secrets
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from coldplate.console.benching.security_case import Refused, Trial
from coldplate.console.benching.security_programs import Program
from coldplate.console.benching.security_world import World
from coldplate.console.running import read_stats
from coldplate.console.stack.clickhouse_config import READER
from coldplate.console.stack.ports import LOOPBACK
from coldplate.wire.tls import is_no_tls, of_certificate

PROXY = "127.0.0.9"
"""From here alone the proxy's header would count; nobody here sends from it but where a case says so."""

HEADER = "X-Forwarded-User"
ASK_S, ROTATED_S = 5.0, 5.0
STATS = "web.json"


def web_program(world: World) -> Program:
    """The live hall over TLS, with a token and a proxy."""
    own = world.authority.issue("web", LOOPBACK)
    token = world.file("web-token", world.passwords["web"])
    stats = world.folder / STATS
    return Program(
        "web", ("web", "--stats", str(stats)),
        {
            **world.clickhouse_env(READER), "COLDPLATE_WEB__PORT": "0",
            "COLDPLATE_WEB__TOKEN_FILE": str(token), "COLDPLATE_WEB__PROXY_HEADER": HEADER,
            "COLDPLATE_WEB__PROXY_FROM": f'["{PROXY}"]',
            "COLDPLATE_WEB__CERT_FILE": str(own.cert), "COLDPLATE_WEB__KEY_FILE": str(own.key),
        },
    )  # fmt: skip


def listens(world: World) -> bool:
    """Whether it has said where."""
    return "url" in read_stats(world.folder / STATS)


def cases(world: World) -> Sequence[Trial]:
    """One after the other: too many wrong tokens are made to wait."""
    port = urlsplit(str(read_stats(world.folder / STATS)["url"])).port or 0
    ask = partial(_ask, world, port)
    right = {"Authorization": f"Bearer {world.passwords['web']}"}
    forged = {HEADER: "admin", "X-Forwarded-For": PROXY, "Forwarded": f"for={PROXY}"}
    return (
        Trial("web: the token", partial(ask, right)),
        Trial("web: no token", partial(ask, {}), "401 not logged in"),
        Trial("web: wrong token", partial(ask, {"Authorization": "Bearer wrong-wrong-wrong-wrong"}), "401 not logged in"),
        Trial("web: a proxy's header from elsewhere", partial(ask, forged), "401 not logged in"),
        Trial("web: the proxy's header from the proxy", partial(ask, {HEADER: "ann"}, source=PROXY)),
        Trial("web: from another page", partial(ask, {**right, "Origin": "https://evil.example"}, path="/login", method="POST"), "403 not from 'https://evil.example'"),
        Trial("web: by a name that was made to point here", partial(ask, {**right, "Host": "evil.example"}), "403 not reached as 'evil.example'"),
        Trial("web: its authority is not known", partial(ask, right, ca=world.stranger.file), "not in the file given"),
        Trial("web: without TLS", partial(_plain, port, right), "ended the connection"),
        Trial("web: token changed in its file, no restart", partial(_rotated, world, ask)),
        Trial("web: the token of before", partial(ask, right), "401 not logged in"),
    )  # fmt: skip


def _ask(
    world: World, port: int, headers: Mapping[str, str], *, path: str = "/api/hall", method: str = "GET",
    ca: Path | None = None, source: str = LOOPBACK,
) -> str:  # fmt: skip
    context = ssl.create_default_context(cafile=str(ca or world.authority.file))
    connection = http.client.HTTPSConnection(
        LOOPBACK, port, timeout=ASK_S, context=context, source_address=(source, 0)
    )
    try:
        return _answer(connection, method, path, headers)
    except ssl.SSLCertVerificationError as error:
        what = of_certificate(error.verify_message, "the address", "the file given")
        raise Refused(f"{LOOPBACK}:{port} {what}") from None
    finally:
        connection.close()


def _answer(
    connection: http.client.HTTPConnection, method: str, path: str, headers: Mapping[str, str]
) -> str:
    connection.request(method, path, headers=dict(headers))
    answer = connection.getresponse()
    body = answer.read()
    if answer.status == 200:
        return f"200, {len(body)} bytes"
    try:
        told = json.loads(body)
        said = f"{told['error']}: {told['hint']}"
    except (ValueError, KeyError, TypeError):
        said = body.decode(errors="replace").strip()
    raise Refused(f"{answer.status} {said}")


def _plain(port: int, headers: Mapping[str, str]) -> str:
    """As a browser that is told http:// would."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ASK_S)
    try:
        return _answer(connection, "GET", "/api/hall", headers)
    except (OSError, http.client.HTTPException) as error:
        if is_no_tls(error) or isinstance(error, http.client.HTTPException):
            raise Refused(
                f"{LOOPBACK}:{port} ended the connection: {type(error).__name__}"
            ) from None
        raise
    finally:
        connection.close()


def _rotated(world: World, ask: Callable[..., str]) -> str:
    new = secrets.token_urlsafe(24)
    world.passwords["web-new"] = new
    world.file("web-token", new)
    until_s = time.monotonic() + ROTATED_S
    while True:
        try:
            return f"{ask({'Authorization': f'Bearer {new}'})}, by the same process as before"
        except Refused:
            if time.monotonic() > until_s:
                raise
        time.sleep(0.2)
