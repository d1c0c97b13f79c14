"""Certificates for one run: good ones, and such as must be refused."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from coldplate.console.failure import Failure
from coldplate.console.stack.ports import LOOPBACK

ELSEWHERE = "elsewhere.example"
"""A name that nobody here is reached by."""

KEY_MODE = 0o600


@dataclass(frozen=True, slots=True)
class Certificate:
    """Its files; `both` is key and chain in one, as Kafka wants a key store.

    Parameters
    ----------
    cert, key, both
        All PEM.
    """

    cert: Path
    key: Path
    both: Path


class Authority:
    """Issues certificates that are good for `coldplate bench security` and for nothing else.

    Parameters
    ----------
    folder
        For the files.
    name
        Of the authority.

    Raises
    ------
    Failure
        The package that makes certificates is not installed.
    """

    def __init__(self, folder: Path, name: str) -> None:
        try:
            import trustme
        except ImportError:
            raise Failure(
                "certificates are made by the package trustme: pip install trustme"
            ) from None
        self._ca: Any = trustme.CA(organization_name=name)
        self._folder = folder
        self.file = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def issue(self, name: str, *hosts: str, expired: bool = False) -> Certificate:
        """One for a name; without hosts it is for this machine.

        Parameters
        ----------
        expired
            Since yesterday.
        """
        day = timedelta(days=1)
        now = datetime.now(UTC)
        span = {"not_before": now - 9 * day, "not_after": now - day} if expired else {}
        made = self._ca.issue_cert(*(hosts or (LOOPBACK, "localhost")), common_name=name, **span)
        chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
        key = _pkcs8(made.private_key_pem.bytes())
        stem = f"{self.file.stem}-{name}{'-expired' if expired else ''}"
        paths = [self._folder / f"{stem}.{end}" for end in ("crt", "key", "pem")]
        for path, text in zip(paths, (chain, key, key + chain), strict=True):
            path.touch(KEY_MODE)
            path.write_bytes(text)
        return Certificate(*paths)


def _pkcs8(key: bytes) -> bytes:
    """As Kafka reads keys."""
    from cryptography.hazmat.primitives import serialization as form

    loaded = form.load_pem_private_key(key, None)
    return loaded.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
