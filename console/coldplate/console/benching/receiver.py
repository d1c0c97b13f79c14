"""A receiver of webhooks for benchmarks: notes when each came and what it told, and may do something before it answers."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

BODY_BYTES_MAX = 4 << 20


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message as it came.

    Parameters
    ----------
    at_s
        Unix seconds when the whole body was here.
    message
        Its id.
    number
        Within its group.
    told
        By incident: what was told, in the order of the message.
    """

    at_s: float
    message: str
    number: int
    told: tuple[tuple[str, str], ...]


OnArrival = Callable[[Arrival], None]


class Receiver:
    """Listens on loopback on a free port.

    Parameters
    ----------
    before, after
        Called for each message before and after it is answered.
    """

    def __init__(self, before: OnArrival | None = None, after: OnArrival | None = None) -> None:
        self.arrivals: list[Arrival] = []
        self._before, self._after = before, after
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="receiver")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _took(self, headers: Any, body: bytes) -> Arrival:
        data: dict[str, Any] = json.loads(body)["data"]
        told = tuple((i["id"], i["phase"]) for i in data["incidents"])
        return Arrival(time.time(), headers["webhook-id"], int(data["number"]), told)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length", 0)), BODY_BYTES_MAX)
                body = self.rfile.read(length)
                arrival = receiver._took(self.headers, body)
                receiver.arrivals.append(arrival)
                if receiver._before is not None:
                    receiver._before(arrival)
                try:
                    self.send_response(204)
                    self.end_headers()
                    self.wfile.flush()
                except OSError:
                    # Who called is gone: it was killed for the measurement.
                    self.close_connection = True
                if receiver._after is not None:
                    receiver._after(arrival)

            def log_message(self, *_: object) -> None:
                """Nothing on stderr."""

        return Handler
