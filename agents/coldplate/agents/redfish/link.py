"""One connection to a service: kept open, never more than one request on it, and nothing here ever blocks.

Names are looked up with the system's resolver, which does block: addresses in numbers avoid it.
"""

import socket
import ssl
from collections.abc import Callable
from errno import EINPROGRESS

from coldplate.agents.redfish.errors import RedfishError
from coldplate.agents.redfish.http import Answer, Parser
from coldplate.agents.redfish.reach import Reach
from coldplate.agents.redfish.steps import READ, WRITE, Steps, Want

RECEIVE_BYTES = 64 * 1024

Where = tuple[object, ...]
"""An address as the system's resolver gives it."""


class Link:
    """Sends requests and takes answers, one at a time.

    Parameters
    ----------
    reach
        Where to.
    clock
        Monotonic seconds.
    """

    def __init__(self, reach: Reach, clock: Callable[[], float]) -> None:
        self._reach, self._clock = reach, clock
        self._socket: socket.socket | None = None
        self.opened = 0

    def exchange(self, request: bytes) -> Steps[Answer]:
        """One request and its answer.

        Raises
        ------
        RedfishError
            When there is none; the connection is then closed.
        """
        until_s = self._clock() + self._reach.options.timeout_s
        kept = self._socket is not None
        try:
            try:
                answer = yield from self._once(request, until_s)
            except RedfishError as error:
                # A server may close an idle connection at any time, also while a request is on its way.
                if not kept or error.reason != "closed":
                    raise
                self.close()
                answer = yield from self._once(request, until_s)
        except TimeoutError:
            self.close()
            seconds = self._reach.options.timeout_s
            raise RedfishError("timeout", f"no answer within {seconds:g} s") from None
        except BaseException:
            self.close()
            raise
        if not answer.keeps:
            self.close()
        return answer

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _once(self, request: bytes, until_s: float) -> Steps[Answer]:
        if self._socket is None:
            self._socket = yield from self._open(until_s)
        here = self._socket
        try:
            yield from self._send(here, request, until_s)
            return (yield from self._receive(here, until_s))
        except TimeoutError:
            raise
        except (OSError, ssl.SSLError) as error:
            raise RedfishError("closed", f"the connection broke ({_words(error)})") from None

    def _send(self, here: socket.socket, request: bytes, until_s: float) -> Steps[None]:
        left = memoryview(request)
        while left:
            try:
                left = left[here.send(left) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                yield Want(here.fileno(), WRITE, until_s)
            except ssl.SSLWantReadError:
                yield Want(here.fileno(), READ, until_s)

    def _receive(self, here: socket.socket, until_s: float) -> Steps[Answer]:
        parser = Parser(self._reach.options.body_bytes_max)
        yield Want(here.fileno(), READ, until_s)
        while True:
            if self._clock() >= until_s:
                # A server that sends a byte a second is ready at every look.
                raise TimeoutError
            try:
                data = here.recv(RECEIVE_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                yield Want(here.fileno(), READ, until_s)
                continue
            except ssl.SSLWantWriteError:
                yield Want(here.fileno(), WRITE, until_s)
                continue
            if (answer := parser.feed(data)) is not None:
                return answer

    def _open(self, until_s: float) -> Steps[socket.socket]:
        context = self._reach.context()
        last = "it has no address"
        for family, where in self._addresses():
            here = socket.socket(family, socket.SOCK_STREAM)
            try:
                here.setblocking(False)
                here.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                yield from _connect(here, where, until_s)
                self.opened += 1
                if context is not None:
                    here = context.wrap_socket(
                        here, server_hostname=self._reach.host, do_handshake_on_connect=False
                    )
                    yield from _shake_hands(here, until_s)
            except ssl.SSLCertVerificationError as error:
                here.close()
                raise RedfishError(
                    "certificate",
                    f"its certificate is not to be trusted ({error.verify_message}); set redfish.ca_file",
                ) from None
            except TimeoutError:
                here.close()
                raise
            except (OSError, ssl.SSLError) as error:
                here.close()
                last = _words(error)
            except BaseException:
                here.close()
                raise
            else:
                return here
        raise RedfishError(
            "connect", f"no connection ({last}); is the address right, and is it on?"
        )

    def _addresses(self) -> list[tuple[socket.AddressFamily, Where]]:
        try:
            found = socket.getaddrinfo(self._reach.host, self._reach.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise RedfishError("address", f"its name is not known ({_words(error)})") from None
        return [(family, where) for family, _, _, _, where in found]


def _connect(here: socket.socket, where: Where, until_s: float) -> Steps[None]:
    code = here.connect_ex(where)
    if code == EINPROGRESS:
        yield Want(here.fileno(), WRITE, until_s)
        code = here.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, "no connection")


def _shake_hands(here: ssl.SSLSocket, until_s: float) -> Steps[None]:
    while True:
        try:
            here.do_handshake()
        except ssl.SSLWantReadError:
            yield Want(here.fileno(), READ, until_s)
        except ssl.SSLWantWriteError:
            yield Want(here.fileno(), WRITE, until_s)
        else:
            return


def _words(error: OSError) -> str:
    """What went wrong, without addresses or bytes of the other side."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS failed").lower().replace("_", " ")
    return error.strerror or type(error).__name__
