"""One question over gRPC on a Unix socket: a connection, a call, its answer.

The gRPC library costs an agent 22 MB resident; h2, which speaks HTTP/2 alone, 1.5 MB. A connection is made a call: once
in ten seconds that costs less than to keep one alive, and there is nothing to notice when the server restarts.
"""

import socket
import time
from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

from coldplate.agents.jobs.owner import JobsUnavailableError

ANSWER_BYTES_MAX = 16 * 1024 * 1024
"""What Kubernetes' own clients take at most."""

_PREFIX_BYTES = 5


def ask(path: str, method: str, request: bytes, *, timeout_s: float) -> bytes:
    """The answer's message.

    Parameters
    ----------
    path
        Of the Unix socket.
    method
        `/v1.PodResourcesLister/List`.
    request
        The encoded message.
    timeout_s
        For all of it.

    Raises
    ------
    JobsUnavailableError
        When the socket cannot be reached, the server says no, or the time is over.
    """
    deadline_s = time.monotonic() + timeout_s
    call = _Call(method, request, timeout_s)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(timeout_s)
            link.connect(path)
            while not call.over:
                link.settimeout(_left_s(deadline_s))
                link.sendall(call.to_send())
                call.take(link.recv(65536))
            return call.message()
    except TimeoutError:
        raise JobsUnavailableError(f"{path}: no answer in {timeout_s:g} s", "timeout") from None
    except PermissionError:
        raise JobsUnavailableError(f"{path}: no permission", "no-permission") from None
    except OSError as error:
        raise JobsUnavailableError(f"{path}: {error.strerror or error}", "refused") from None
    except (ProtocolError, ValueError) as error:
        raise JobsUnavailableError(f"{path}: {error or type(error).__name__}") from None


class _Call:
    """One call's bytes, without a socket."""

    def __init__(self, method: str, request: bytes, timeout_s: float) -> None:
        self._http = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self.over = False
        self._http.initiate_connection()
        self._http.send_headers(1, [
            (":method", "POST"), (":scheme", "http"), (":path", method), (":authority", "localhost"),
            ("te", "trailers"), ("content-type", "application/grpc"),
            ("grpc-timeout", f"{max(1, round(timeout_s * 1000))}m"), ("user-agent", "coldplate"),
        ])  # fmt: skip
        self._http.send_data(1, b"\0" + len(request).to_bytes(4, "big") + request, end_stream=True)

    def to_send(self) -> bytes:
        """What the server is to get now."""
        return self._http.data_to_send()

    def take(self, data: bytes) -> None:
        """What the server sent; nothing is its end."""
        if not data:
            raise ValueError("the server ended the connection")
        for event in self._http.receive_data(data):
            self._heard(event)

    def message(self) -> bytes:
        """The message of an answer that is over."""
        status = self._headers.get("grpc-status")
        if status != "0":
            said = unquote(self._headers.get("grpc-message", ""))
            http = self._headers.get(":status", "none")
            raise ValueError(f"gRPC status {status}, HTTP status {http}: {said}"[:200])
        length = int.from_bytes(self._body[1:_PREFIX_BYTES], "big")
        if len(self._body) != _PREFIX_BYTES + length or self._body[0]:
            raise ValueError("the answer is no single uncompressed message")
        return bytes(self._body[_PREFIX_BYTES:])

    def _heard(self, event: Event) -> None:
        if isinstance(event, (ResponseReceived, TrailersReceived)):
            self._headers |= {str(name): str(value) for name, value in event.headers}
        elif isinstance(event, DataReceived):
            self._body += event.data
            if len(self._body) > ANSWER_BYTES_MAX:
                raise ValueError("the answer is too long")
            self._http.acknowledge_received_data(event.flow_controlled_length, 1)
        elif isinstance(event, StreamEnded):
            self.over = True
        elif isinstance(event, StreamReset) or (
            isinstance(event, ConnectionTerminated) and event.error_code
        ):
            raise ProtocolError(f"the server broke off (error {event.error_code})")


def _left_s(deadline_s: float) -> float:
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s
