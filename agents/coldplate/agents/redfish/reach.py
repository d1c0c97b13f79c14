"""Where a Redfish service is, and how it is believed and logged in to."""

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from coldplate.agents.options.redfish import Redfish
from coldplate.agents.redfish.errors import RedfishError

log = logging.getLogger(__name__)

PORTS: Mapping[str, int] = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Reach:
    """One service.

    Parameters
    ----------
    url
        As it stands in messages: scheme, host, port and prefix, nothing else.
    secure, host, port, prefix
        Its parts; the prefix stands before every path that the service names.
    options
        The rest.
    """

    url: str
    secure: bool
    host: str
    port: int
    prefix: str
    options: Redfish

    @classmethod
    def of(cls, url: str, options: Redfish) -> "Reach":
        """From an address.

        Raises
        ------
        ValueError
            When it is none, or holds a password: this stands in a file of its own.
        """
        parts = urlsplit(url)
        if "@" in parts.netloc:
            raise ValueError(
                "a Redfish address holds no user or password; set redfish.user and redfish.password_file"
            )
        try:
            port = parts.port
        except ValueError:
            port = 0
        wrong = parts.query or parts.fragment or port == 0 or not parts.hostname
        if parts.scheme not in PORTS or wrong or not url.isascii() or not url.isprintable():
            raise ValueError(f"{url!r} is no Redfish address; write https://host[:port][/prefix]")
        # Whoever writes the root's whole address means the same.
        prefix = parts.path.partition("/redfish")[0].rstrip("/")
        where = f"{parts.scheme}://{parts.netloc}{prefix}"
        port = port or PORTS[parts.scheme]
        made = cls(where, parts.scheme == "https", parts.hostname or "", port, prefix, options)
        _warn(made)
        return made

    def context(self) -> ssl.SSLContext | None:
        """What TLS is spoken with; None without TLS.

        Raises
        ------
        RedfishError
            When the certificates to trust cannot be read.
        """
        if not self.secure:
            return None
        path = self.options.ca_file
        try:
            # A file that was renewed is read anew; otherwise hundreds of services share one context.
            changed_ns = Path(path).stat().st_mtime_ns if path else 0
            return _context(path, self.options.verify, changed_ns)
        except (OSError, ssl.SSLError) as error:
            raise RedfishError("certificate", f"redfish.ca_file {path}: {error}") from None

    def password(self) -> str:
        """The password, read anew so that a changed one is taken.

        Raises
        ------
        RedfishError
            When its file cannot be read.
        """
        path = self.options.password_file
        if not path:
            return ""
        try:
            return Path(path).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise RedfishError("login", f"redfish.password_file {path}: {error}") from None


@lru_cache(maxsize=8)
def _context(ca_file: str, verify: bool, _changed_ns: int) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file or None)
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@lru_cache(maxsize=4096)
def _say(text: str) -> None:
    """Once."""
    log.warning("%s", text)


def _warn(reach: Reach) -> None:
    if reach.secure and not reach.options.verify:
        _say(f"{reach.url}: its certificate is not checked (redfish.verify); set redfish.ca_file")
    if not reach.secure and reach.options.user:
        _say(f"{reach.url}: the password goes over the network in the clear; use https")
