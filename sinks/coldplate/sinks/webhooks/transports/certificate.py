"""Certificates: which are trusted, and what is wrong with one, in words."""

import ssl
from pathlib import Path

MISMATCH = (62, 64)
"""OpenSSL: X509_V_ERR_HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH."""


class TrustError(OSError):
    """The file of certificates to trust is of no use; the message says which and why, and holds no secret."""


def tls_context(base: Path, ca_file: str) -> ssl.SSLContext:
    """What verifies the other side: the system's certificates, or those of a file relative to the folder `base`.

    Raises
    ------
    TrustError
    """
    if not ca_file:
        return ssl.create_default_context()
    path = base / Path(ca_file).expanduser()
    try:
        return ssl.create_default_context(cafile=str(path))
    except ssl.SSLError:
        raise TrustError(f"{path} holds no certificates") from None
    except OSError as error:
        raise TrustError(f"{path}: {(error.strerror or 'unreadable').lower()}") from None


def certificate_said(error: BaseException | None) -> str:
    """One line about a TLS handshake that failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        words = str(error.verify_message or "not verified")
        if error.verify_code in MISMATCH:
            words = "hostname mismatch"
        return f"certificate: {words}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or 'handshake failed').replace('_', ' ').lower()}"
    return "TLS: handshake failed"
