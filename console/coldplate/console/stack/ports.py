"""Free ports on the loopback address.

A port found free is free only until somebody takes it, and a server binds it seconds later. Between
coldplate's own stacks a reservation (a lock file per port, one folder per user) closes that gap.
"""

import os
import random
import socket
import tempfile
from collections.abc import Iterable
from pathlib import Path

from coldplate.console.stack.errors import LockHeld, StackError
from coldplate.console.stack.lock import FileLock

LOOPBACK = "127.0.0.1"
# Below Linux's ephemeral range (32768 up), so that no outgoing connection takes one by chance.
SEARCHED_PORTS = range(20_000, 32_000)
ATTEMPTS = 200


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: a connection in TIME_WAIT does not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


class PortReservations:
    """The ports that one stack keeps other stacks of this user from choosing."""

    def __init__(self) -> None:
        self._locks: dict[int, FileLock] = {}

    def choose(self, preferred: Iterable[int] = ()) -> int:
        """The first free port among `preferred`, otherwise any free one; reserved until `release`.

        Raises
        ------
        StackError
            No free port was found, which means something is wrong with the loopback device.
        """
        wanted = list(preferred)
        for port in (*wanted, *random.sample(SEARCHED_PORTS, ATTEMPTS)):
            if is_free(port) and self._reserve(port):
                return port
        raise StackError(f"no free port on {LOOPBACK}: tried {wanted} and {ATTEMPTS} others")

    def release(self) -> None:
        """Give all ports back."""
        for lock in self._locks.values():
            lock.release()
        self._locks.clear()

    def _reserve(self, port: int) -> bool:
        if port in self._locks:
            return False
        folder = Path(tempfile.gettempdir()) / f"coldplate-ports-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        lock = FileLock(folder / str(port))
        try:
            lock.acquire()
        except LockHeld:
            return False
        self._locks[port] = lock
        return True
