"""TLS in front of a server that has none: stunnel where it is installed, otherwise a small proxy of our own.

    python -I -S security_tls.py TARGET PORT CERTIFICATE [PORT CERTIFICATE...]

ClickHouse's library opens no TLS ports. The proxy is for trying things out: one thread a direction, no limits.
"""

import shutil
import socket
import ssl
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coldplate.console.benching.security_certificates import Certificate
    from coldplate.console.stack.part import Part

LOOPBACK = "127.0.0.1"
NAMES = ("stunnel4", "stunnel")


def tls_part(folder: Path, ports: Mapping[int, "Certificate"], target: int) -> "Part":
    """Offers `target` over TLS on each of the ports with its certificate."""
    from functools import partial

    from coldplate.console.stack.part import Part

    binary = _stunnel()
    if binary is not None:
        config = folder / "stunnel.conf"
        services = "".join(
            f"[to-{port}]\naccept = {LOOPBACK}:{port}\nconnect = {LOOPBACK}:{target}\ncert = {c.both}\n"
            for port, c in ports.items()
        )
        config.write_text(f"foreground = yes\npid =\ndebug = 4\n{services}", "utf-8")
        argv: tuple[str, ...] = (binary, str(config))
    else:
        pairs = (word for port, c in ports.items() for word in (str(port), str(c.both)))
        argv = (sys.executable, "-I", "-S", __file__, str(target), *pairs)
    return Part("tls", argv, health=partial(_listens, tuple(ports)), stop_limit_s=3.0)


def proxy() -> str:
    """Which one it is, for the report."""
    return _stunnel() or "a proxy of its own"


def _stunnel() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def _listens(ports: tuple[int, ...]) -> str | None:
    for port in ports:
        try:
            socket.create_connection((LOOPBACK, port), timeout=0.5).close()
        except OSError:
            return f"port {port} to open"
    return None


def _serve(target: int, port: int, certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server((LOOPBACK, port)) as server:
        while True:
            plain, _ = server.accept()
            threading.Thread(target=_join, args=(context, plain, target), daemon=True).start()


def _join(context: ssl.SSLContext, plain: socket.socket, target: int) -> None:
    with (
        plain, suppress(OSError), context.wrap_socket(plain, server_side=True) as near,
        socket.create_connection((LOOPBACK, target)) as far,
    ):  # fmt: skip
        back = threading.Thread(target=_pump, args=(far, near), daemon=True)
        back.start()
        _pump(near, far)
        back.join()


def _pump(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            to.sendall(data)
    for end in (source, to):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def main(argv: list[str]) -> None:
    """Serve until killed."""
    target, *rest = argv
    threads = [
        threading.Thread(target=_serve, args=(int(target), int(port), certificate))
        for port, certificate in zip(rest[::2], rest[1::2], strict=True)
    ]
    for thread in threads:
        thread.start()


if __name__ == "__main__":
    main(sys.argv[1:])
