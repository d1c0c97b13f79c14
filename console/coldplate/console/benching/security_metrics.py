"""What is tried on a part's `/metrics` by `coldplate bench security`: certificates of both sides, and none."""

import http.client
import ssl
from collections.abc import Mapping, Sequence
from functools import partial

from coldplate.console.benching.security_case import Refused, Trial
from coldplate.console.benching.security_certificates import Authority, Certificate
from coldplate.console.benching.security_world import METRICS, World
from coldplate.console.stack.ports import LOOPBACK
from coldplate.wire.tls import is_no_tls, of_certificate

ASK_S = 5.0


def worker_env(world: World) -> Mapping[str, str]:
    """A worker that offers its metrics over TLS, to those whom the stranger's authority knows.

    Its own certificate is of the other authority: who may ask, and whom to trust, are two questions.
    """
    own = world.authority.issue("metrics", LOOPBACK)
    at = "COLDPLATE_WORKER__LOCAL__"
    return {
        f"{at}PORT": str(world.ports[METRICS]), f"{at}CERT_FILE": str(own.cert), f"{at}KEY_FILE": str(own.key),
        f"{at}CLIENT_CA_FILE": str(world.stranger.file),
    }  # fmt: skip


def cases(world: World) -> Sequence[Trial]:
    """Of a worker that works."""
    port = world.ports[METRICS]
    ask = partial(_ask, port, world.authority)
    allowed = world.stranger.issue("prometheus")
    expired = world.stranger.issue("prometheus", expired=True)
    other = world.authority.issue("prometheus")
    return (
        Trial("metrics: a certificate that may", partial(ask, allowed)),
        Trial("metrics: no certificate", partial(ask, None), "403 Forbidden"),
        Trial("metrics: a probe, without a certificate", partial(ask, None, "/readyz")),
        Trial("metrics: a certificate of another authority", partial(ask, other), "unknown ca"),
        Trial("metrics: a certificate that has expired", partial(ask, expired), "certificate expired"),
        Trial("metrics: its authority is not known", partial(_ask, port, world.stranger, allowed), "not in the file given"),
        Trial("metrics: without TLS", partial(_plain, port), "ended the connection"),
    )  # fmt: skip


def _ask(port: int, ca: Authority, own: Certificate | None, path: str = "/metrics") -> str:
    context = ssl.create_default_context(cafile=str(ca.file))
    if own is not None:
        context.load_cert_chain(own.cert, own.key)
    connection = http.client.HTTPSConnection(LOOPBACK, port, timeout=ASK_S, context=context)
    try:
        return _answer(connection, path)
    except ssl.SSLCertVerificationError as error:
        what = of_certificate(error.verify_message, "the address", "the file given")
        raise Refused(f"{LOOPBACK}:{port} {what}") from None
    except ssl.SSLError as error:
        said = str(error.reason or error).lower().replace("_", " ")
        raise Refused(f"{LOOPBACK}:{port} ended TLS: {said}") from None
    finally:
        connection.close()


def _answer(connection: http.client.HTTPConnection, path: str) -> str:
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise Refused(f"{answer.status} {body.decode(errors='replace').strip()}")
    return f"200, {len(body)} bytes"


def _plain(port: int) -> str:
    """As a Prometheus that is told http:// would."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ASK_S)
    try:
        return _answer(connection, "/metrics")
    except (OSError, http.client.HTTPException) as error:
        if is_no_tls(error) or isinstance(error, http.client.HTTPException):
            said = f"{LOOPBACK}:{port} ended the connection: {type(error).__name__}"
            raise Refused(said) from None
        raise
    finally:
        connection.close()
