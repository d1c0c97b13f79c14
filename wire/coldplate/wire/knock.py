"""Why a broker does not let us in: knocks once at its door, and says in words what happened and what to do.

Kafka's clients try again until their time is over and then say that it is over. Agents, sinks and workers use different
ones; so the question is asked beside them, by hand: connect, TLS, `ApiVersions`, and SASL with SCRAM or PLAIN, as KIP-35,
KIP-43 and KIP-152 have them. It costs one connection, and is for whoever could not get in, not for every start.
"""

import base64
import hashlib
import hmac
import secrets
import socket
import ssl
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from coldplate.wire.tls import is_no_tls, of_alert, of_certificate

LIMIT_S = 3.0
ANSWER_BYTES_MAX = 1 << 20
API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE = 18, 17, 36
UNSUPPORTED_MECHANISM = 33
TURNS_MAX = 1_000_000
"""Of PBKDF2: Kafka takes 4,096; one that asks for very many would keep us busy."""

_HASHES = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
_TLS_ALERT = b"\x15\x03"
_NO_BROKER = "answers as no broker does: is that its port?"
_PLAINTEXT = (
    "does not speak TLS, and kafka.security_protocol asks for it: name the broker's port for TLS"
)


@dataclass(frozen=True, slots=True)
class Door:
    """Where to knock, and as whom.

    Parameters
    ----------
    brokers
        `host:port[,host:port]`.
    tls
        None without TLS.
    mechanism, user, password
        Of SASL; no mechanism means none.
    """

    brokers: str
    tls: ssl.SSLContext | None = None
    mechanism: str = ""
    user: str = ""
    password: str = field(default="", repr=False)


class _Shut(Exception):  # noqa: N818  an answer
    """The door stays shut; the words are for a person."""


def door_of(options: Mapping[str, Any]) -> Door:
    """From the options of kafka-python's or aiokafka's clients, which have the same names."""
    brokers = options["bootstrap_servers"]
    login = str(options.get("security_protocol", "")).startswith("SASL")
    return Door(
        brokers if isinstance(brokers, str) else ",".join(brokers),
        options.get("ssl_context"),
        str(options.get("sasl_mechanism") or "") if login else "",
        str(options.get("sasl_plain_username") or ""),
        options.get("sasl_plain_password") or "",
    )


def why_not(door: Door, limit_s: float = LIMIT_S) -> str | None:
    """What keeps us out, of the first broker that does; None when all let us in.

    The words name the broker where there are several, otherwise it is "it"; they never hold a password.
    """
    several = "," in door.brokers
    for broker in door.brokers.split(","):
        host, _, port = broker.strip().rpartition(":")
        if not host or not port.isdecimal():
            return f"{broker.strip()!r} is no host:port; see kafka.brokers"
        try:
            _knock(door, host.strip("[]"), int(port), limit_s)
        except _Shut as shut:
            return f"{broker.strip() if several else 'it'} {shut}"
    return None


def _knock(door: Door, host: str, port: int, limit_s: float) -> None:
    try:
        with socket.create_connection((host, port), timeout=limit_s) as plain:
            if door.tls is None:
                _introduce(door, _Line(plain, limit_s))
                return
            with _in_tls(door.tls, plain, host) as wrapped:
                _introduce(door, _Line(wrapped, limit_s))
    except ConnectionRefusedError:
        raise _Shut("refuses connections: is the broker running, and is that its port?") from None
    except socket.gaierror:
        raise _Shut("is a name that is not known; see kafka.brokers") from None
    except TimeoutError:
        raise _Shut(f"does not answer within {limit_s:g} s") from None
    except ssl.SSLError as error:
        raise _Shut(of_alert(error)) from None
    except OSError as error:
        raise _Shut(f"ended the connection ({error.strerror or error})") from None
    except (ValueError, LookupError, OverflowError, struct.error):
        raise _Shut(_NO_BROKER) from None


def _in_tls(tls: ssl.SSLContext, plain: socket.socket, host: str) -> ssl.SSLSocket:
    try:
        return tls.wrap_socket(plain, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        said = error.verify_message or str(error)
        raise _Shut(of_certificate(said, "kafka.brokers", "kafka.ca_file")) from None
    except (OSError, EOFError) as error:
        if is_no_tls(error):
            raise _Shut(_PLAINTEXT) from None
        raise


class _Line:
    """A connection on which one thing is asked after the other, until the time is over."""

    def __init__(self, connection: socket.socket, limit_s: float) -> None:
        self._connection, self._until_s = connection, time.monotonic() + limit_s

    def ask(self, key: int, version: int, body: bytes) -> bytes:
        """What follows the correlation id in the answer to one request."""
        request = struct.pack(">hhi", key, version, 1) + _text("coldplate-knock") + body
        self._connection.sendall(struct.pack(">i", len(request)) + request)
        head = self._receive(4)
        (size,) = struct.unpack(">i", head)
        if head.startswith(_TLS_ALERT) or not 4 <= size <= ANSWER_BYTES_MAX:
            raise _Shut("speaks TLS, and kafka.security_protocol asks for none: set it to SSL or SASL_SSL")  # fmt: skip
        return self._receive(size)[4:]

    def _receive(self, size: int) -> bytes:
        out = b""
        while len(out) < size:
            if (left_s := self._until_s - time.monotonic()) <= 0:
                raise TimeoutError
            self._connection.settimeout(left_s)
            if not (piece := self._connection.recv(size - len(out))):
                raise _Shut("ends the connection without an answer: does kafka.security_protocol say what this port speaks?")  # fmt: skip
            out += piece
        return out


def _introduce(door: Door, line: _Line) -> None:
    """The first requests of every client."""
    answer = line.ask(API_VERSIONS, 0, b"")
    if len(answer) < 2:
        raise _Shut(_NO_BROKER)
    if not door.mechanism:
        return
    answer = line.ask(SASL_HANDSHAKE, 1, _text(door.mechanism))
    (code,) = struct.unpack_from(">h", answer)
    if code == UNSUPPORTED_MECHANISM:
        offered = ", ".join(_texts(answer, 2))
        raise _Shut(f"offers {offered}, not {door.mechanism}: see kafka.sasl_mechanism")
    if code:
        raise _Shut(f"wants no login on this port (error {code}): see kafka.security_protocol")
    if door.mechanism == "PLAIN":
        _authenticate(line, door, f"\0{door.user}\0{door.password}".encode())
    elif door.mechanism in _HASHES:
        _scram(line, door)


def _scram(line: _Line, door: Door) -> None:
    """RFC 5802, without channel binding."""
    name = _HASHES[door.mechanism]
    user = door.user.replace("=", "=3D").replace(",", "=2C")
    first = f"n={user},r={secrets.token_urlsafe(18)}"
    said = _authenticate(line, door, f"n,,{first}".encode()).decode()
    given = dict(part.split("=", 1) for part in said.split(",") if "=" in part)
    if (turns := int(given["i"])) > TURNS_MAX:
        raise ValueError(turns)
    salted = hashlib.pbkdf2_hmac(name, door.password.encode(), base64.b64decode(given["s"]), turns)
    key = hmac.digest(salted, b"Client Key", name)
    stored = hashlib.new(name, key).digest()
    last = f"c=biws,r={given['r']}"
    signature = hmac.digest(stored, f"{first},{said},{last}".encode(), name)
    proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
    _authenticate(line, door, f"{last},p={base64.b64encode(proof).decode()}".encode())


def _authenticate(line: _Line, door: Door, token: bytes) -> bytes:
    answer = line.ask(SASL_AUTHENTICATE, 0, struct.pack(">i", len(token)) + token)
    (code, length) = struct.unpack_from(">hh", answer)
    if code:
        raise _Shut(
            f"refuses the user {door.user!r} ({door.mechanism}): wrong password, or no such user; see kafka.sasl_user"
            " and kafka.sasl_password_file"
        )
    at = 4 + max(0, length)
    (size,) = struct.unpack_from(">i", answer, at)
    return answer[at + 4 : at + 4 + size]


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def _texts(answer: bytes, at: int) -> list[str]:
    (count,) = struct.unpack_from(">i", answer, at)
    at, out = at + 4, []
    for _ in range(min(count, 32)):
        (size,) = struct.unpack_from(">h", answer, at)
        out.append(answer[at + 2 : at + 2 + size].decode(errors="replace"))
        at += 2 + size
    return out
