"""Tells systemd how the agent is: a datagram to the socket that it names in the environment.

Without one, as in a container or a shell, nothing is done.

References
----------
sd_notify(3), sd_watchdog_enabled(3).
"""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress


class Notify:
    """systemd's notification socket.

    Parameters
    ----------
    environ
        Has `NOTIFY_SOCKET`, and `WATCHDOG_USEC` where a watchdog is on.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        self._path = "\0" + path[1:] if path.startswith("@") else path
        pid = environ.get("WATCHDOG_PID", "")
        mine = not pid or pid == str(os.getpid())
        usec = environ.get("WATCHDOG_USEC", "")
        # Half of what is allowed, as sd_watchdog_enabled(3) recommends.
        self._every_s = int(usec) / 2e6 if mine and usec.isdigit() else None
        self._petted_s = float("-inf")

    def ready(self, text: str) -> None:
        """The agent samples."""
        self._send(f"READY=1\nSTATUS={text}")

    def tell(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={text}")

    def reloading(self) -> None:
        """The configuration is read again; `ready` ends it."""
        usec = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={usec}")

    def stopping(self) -> None:
        """The agent ends."""
        self._send("STOPPING=1")

    def ticked(self) -> None:
        """The loop lives; sent only as often as the watchdog needs it."""
        if self._every_s is None:
            return
        now_s = time.monotonic()
        if now_s - self._petted_s >= self._every_s:
            self._petted_s = now_s
            self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._path:
            return
        # systemd that is away is no reason to stop.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.settimeout(1.0)
            out.sendto(message.encode(), self._path)
