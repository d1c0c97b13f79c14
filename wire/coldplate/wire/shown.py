"""The certificate that a small server of ours shows, read again when its files change.

A file that cannot be used leaves the last one in force; where there was none before, nobody is spoken to. Never is
anything said without TLS where TLS was asked for.
"""

import logging
import ssl
import threading
from pathlib import Path

from coldplate.wire.tls import of_file

log = logging.getLogger(__name__)

Stamp = tuple[int, int, int]


class Shown:
    """A server's certificate.

    Parameters
    ----------
    cert_file, key_file
        Chain and private key, PEM; without the second the key stands in the first.
    client_ca_file
        Authorities of whom may ask; empty asks nobody for a certificate.
    section
        Of the configuration, for messages.

    Notes
    -----
    Three `stat` a connection, and reading them some milliseconds when they have changed. From any thread.
    """

    def __init__(
        self, cert_file: str, key_file: str = "", client_ca_file: str = "", section: str = "local"
    ) -> None:
        self._cert, self._key, self._ca = cert_file, key_file, client_ca_file
        self._section = section
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._stamps: tuple[Stamp, ...] = ()
        self._said = ""
        self.context()

    @property
    def asks_clients(self) -> bool:
        """Whether who asks must show a certificate of his own."""
        return bool(self._ca)

    def context(self) -> ssl.SSLContext | None:
        """For the next connection; None while there is nothing that can be used."""
        with self._lock:
            try:
                stamps = self._stamped()
                if stamps != self._stamps or self._context is None:
                    self._context = self._read()
                    self._stamps = stamps
                    self._tell_again()
            except OSError as error:  # SSLError is one
                self._tell(str(error))
            return self._context

    def _read(self) -> ssl.SSLContext:
        """A context of its own each time: authorities that were taken away are not trusted any more."""
        try:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self._ca or None)
        except (OSError, ValueError) as error:
            raise OSError(f"{self._section}.client_ca_file {self._ca}: {of_file(error)}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._ca:
            # Not required: a probe has none, and hears whether the part is well all the same.
            context.verify_mode = ssl.CERT_OPTIONAL
        try:
            # Without a password a key that has one would ask for it on the terminal.
            context.load_cert_chain(self._cert, self._key or None, password="")
        except (OSError, ValueError) as error:
            where = f"{self._section}.cert_file {self._cert}, {self._section}.key_file {self._key or self._cert}"
            raise OSError(f"{where}: {of_file(error)}") from None
        return context

    def _stamped(self) -> tuple[Stamp, ...]:
        out = []
        for path in filter(None, (self._cert, self._key, self._ca)):
            try:
                found = Path(path).stat()
            except OSError as error:
                raise OSError(f"{self._section}: {path}: {error.strerror}") from None
            out.append((found.st_mtime_ns, found.st_ino, found.st_size))
        return tuple(out)

    def _tell(self, why: str) -> None:
        """Once, until something else is wrong."""
        if why == self._said:
            return
        self._said = why
        if self._context is None:
            log.warning("no connection is taken until there is a certificate: %s", why)
        else:
            log.warning("the certificate of before is shown on: %s", why)

    def _tell_again(self) -> None:
        if self._said:
            log.warning("the certificate can be used: %s", self._cert)
        self._said = ""
