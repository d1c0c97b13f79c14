"""The server's certificate, read again when it changes."""

import logging
import ssl
from pathlib import Path

from coldplate.dashboards.web.options import Options, OptionsError

log = logging.getLogger(__name__)


class Certificate:
    """A certificate and its key in files.

    Parameters
    ----------
    options
        That name them.

    Raises
    ------
    OptionsError
        When they cannot be used.
    """

    def __init__(self, options: Options) -> None:
        self._cert, self._key = Path(options.cert_file), Path(options.key_file)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._stamps = self._load()

    def refresh(self) -> None:
        """Read it again if it has changed; one that cannot be used is told and the old one kept."""
        try:
            if self._stamped() != self._stamps:
                self._stamps = self._load()
                log.info("certificate read again")
        except (OSError, OptionsError) as error:
            log.warning("the old certificate stays: %s", error)

    def _load(self) -> tuple[int, int]:
        try:
            stamps = self._stamped()
            # A password would be asked for at a terminal that a server does not have.
            self.context.load_cert_chain(self._cert, self._key, password="")
        except (OSError, ValueError) as error:  # SSLError is an OSError
            raise OptionsError(
                f"web.cert_file {self._cert}, web.key_file {self._key}: cannot be used: {error.args[-1]}; "
                "both are PEM, the key is the certificate's and has no password"
            ) from error
        return stamps

    def _stamped(self) -> tuple[int, int]:
        return self._cert.stat().st_mtime_ns, self._key.stat().st_mtime_ns
