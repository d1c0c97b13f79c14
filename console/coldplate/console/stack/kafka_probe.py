"""Whether a Kafka broker answers: one metadata request over a plain socket.

By hand, because a client of kafka-python starts threads, retries in the background and needs a
third of a second to import, and the supervisor asks ten times a second while the broker starts.
The request names no topic, so its answer is a few dozen bytes: the brokers and the controller.
"""

import socket
import struct

API_METADATA, API_VERSION = 3, 1  # the oldest version that can ask for no topic
CORRELATION = 0x636F_6C64
LIMIT_S = 0.5
ANSWER_BYTES_MAX = 64 * 1024

_CLIENT = b"coldplate-health"
_BODY = struct.pack(
    f">hhih{len(_CLIENT)}si", API_METADATA, API_VERSION, CORRELATION, len(_CLIENT), _CLIENT, 0
)
REQUEST = struct.pack(">i", len(_BODY)) + _BODY


def kafka_awaits(host: str, port: int) -> str | None:
    """None when the broker answers and knows itself as a live broker, otherwise what is missing."""
    try:
        with socket.create_connection((host, port), timeout=LIMIT_S) as connection:
            connection.settimeout(LIMIT_S)
            connection.sendall(REQUEST)
            size_bytes = struct.unpack(">i", _receive(connection, 4))[0]
            if not 8 <= size_bytes <= ANSWER_BYTES_MAX:
                return f"an answer of Kafka's on port {port}, got something else"
            correlation, brokers = struct.unpack(">ii", _receive(connection, size_bytes)[:8])
    except ConnectionRefusedError:
        return f"port {port} to open"
    except OSError as error:
        return f"an answer on port {port} ({error})"
    if correlation != CORRELATION:
        return f"an answer of Kafka's on port {port}, got something else"
    return None if brokers > 0 else "the broker to register with its controller"


def _receive(connection: socket.socket, size_bytes: int) -> bytes:
    """Exactly `size_bytes`."""
    received = b""
    while len(received) < size_bytes:
        if not (piece := connection.recv(size_bytes - len(received))):
            raise ConnectionResetError("closed while answering")
        received += piece
    return received
