"""The bytes of HTTP/1.1: a request made, an answer taken apart. No socket, no clock.

The standard library's client spends most of its time on mail headers and can wait without end for a server that sends
a byte a second; hundreds of controllers a second are read with this instead. It takes what RFC 9112 allows a
server to send, bounded in every direction, and refuses the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from coldplate.agents.redfish.errors import RedfishError

HEAD_BYTES_MAX = 32 * 1024
CHUNK_LINE_MAX = 1024

BEHIND = -1
"""Left of a chunk when only its line end is."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Parameters
    ----------
    status
        As in HTTP.
    headers
        By lower-case name.
    body
        As it came.
    keeps
        Whether the connection may be used again.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    keeps: bool = True


def request(
    method: str, path: str, host: str, headers: Mapping[str, str], body: bytes = b""
) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Accept: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body or method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


@dataclass(slots=True)
class Parser:
    """Takes one answer apart as its bytes come.

    Parameters
    ----------
    body_bytes_max
        Longest body.
    """

    body_bytes_max: int
    _buffer: bytearray = field(default_factory=bytearray)
    _body: bytearray = field(default_factory=bytearray)
    _status: int = 0
    _headers: dict[str, str] = field(default_factory=dict)
    _left: int | None = None
    _chunked: bool = False
    _closes: bool = False
    _trailing: bool = False

    def feed(self, data: bytes) -> Answer | None:
        """Take bytes; `b""` is the end of the connection.

        Returns
        -------
        Answer or None
            None while there is more to come.

        Raises
        ------
        RedfishError
            When it is no HTTP, too long, or ends early.
        """
        self._buffer += data
        if self._status == 0 and not self._head():
            self._check_more(data)
            return None
        if not (self._chunks() if self._chunked else self._plain(data)):
            self._check_more(data)
            return None
        # Bytes behind the answer belong to nothing that was asked.
        keeps = not self._closes and not self._buffer and bool(data)
        return Answer(self._status, self._headers, bytes(self._body), keeps)

    def _plain(self, data: bytes) -> bool:
        """Whether the body is there; one without a length ends with the connection."""
        if self._left is None:
            self._take(len(self._buffer))
            return not data
        self._left -= self._take(min(self._left, len(self._buffer)))
        return self._left == 0

    def _check_more(self, data: bytes) -> None:
        if not data:
            raise RedfishError("closed", "the connection ended within an answer")

    def _take(self, count: int) -> int:
        self._body += self._buffer[:count]
        del self._buffer[:count]
        if len(self._body) > self.body_bytes_max:
            self._refuse_size()
        return count

    def _refuse_size(self) -> None:
        raise RedfishError(
            "too_large", f"an answer of more than {self.body_bytes_max} bytes (redfish.body_bytes_max)"
        )  # fmt: skip

    def _head(self) -> bool:
        """Whether the head is there and said that an answer follows."""
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            lines = self._buffer[:end].decode("latin-1").split("\r\n")
            del self._buffer[: end + 4]
            version, _, rest = lines[0].partition(" ")
            code = rest[:3]
            if not version.startswith("HTTP/1.") or not code.isdecimal() or code < "100":
                raise RedfishError("protocol", "what answers does not speak HTTP/1.1")
            # 100 Continue and the like announce the answer.
            if code[0] == "1":
                continue
            self._status = int(code)
            self._read_headers(lines[1:], version)
            return True
        if len(self._buffer) > HEAD_BYTES_MAX:
            raise RedfishError("protocol", f"headers of more than {HEAD_BYTES_MAX} bytes")
        return False

    def _read_headers(self, lines: list[str], version: str) -> None:
        for line in lines:
            name, _, value = line.partition(":")
            self._headers[name.strip().lower()] = value.strip()
        said = self._headers.get("connection", "").lower()
        self._closes = "close" in said or (version == "HTTP/1.0" and "keep-alive" not in said)
        length = self._headers.get("content-length")
        self._chunked = "chunked" in self._headers.get("transfer-encoding", "").lower()
        if self._status in (204, 304):
            self._left, self._chunked = 0, False
        elif self._chunked:
            pass
        elif length is None:
            self._closes = True
        elif not length.isdecimal() or len(length) > 15:
            raise RedfishError("protocol", "an answer whose length is no number")
        else:
            self._left = int(length)
            if self._left > self.body_bytes_max:
                self._refuse_size()

    def _chunks(self) -> bool:
        """Whether the last chunk has come."""
        while True:
            if self._left is not None and self._left > 0:
                self._left -= self._take(min(self._left, len(self._buffer)))
                if self._left > 0:
                    return False
                self._left = BEHIND
            end = self._buffer.find(b"\r\n", 0, CHUNK_LINE_MAX)
            if end < 0:
                if len(self._buffer) >= CHUNK_LINE_MAX:
                    raise RedfishError("protocol", "a chunk whose length has no end")
                return False
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 2]
            if self._left == BEHIND:
                # The line end behind a chunk.
                self._left = None
                if line:
                    raise RedfishError("protocol", "a chunk that is longer than it says")
            elif self._trailing:
                if not line:
                    return True
            else:
                self._begin_chunk(line)

    def _begin_chunk(self, line: bytes) -> None:
        digits = line.partition(b";")[0].strip()
        if not 0 < len(digits) < 9 or not all(d in b"0123456789abcdefABCDEF" for d in digits):
            raise RedfishError("protocol", "a chunk whose length is no number")
        self._left = int(digits, 16)
        if self._left == 0:
            self._left, self._trailing = None, True
