"""Ed25519 keys and signatures: the one file that knows `cryptography`."""

import base64
import os
from pathlib import Path

from coldplate.console.failure import BAD_INPUT, NOT_THERE, Failure

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
except ImportError as error:
    raise Failure(
        f"certificates are signed with cryptography, which is not installed ({error});"
        " install coldplate[commission]",
        NOT_THERE,
    ) from None

RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw


class Signer:
    """A private key.

    Parameters
    ----------
    path
        PEM (PKCS 8, without a password), readable by its owner alone.
    make
        Make one where there is none.

    Raises
    ------
    Failure
        It cannot be read, is of another sort, or others may read it.
    """

    def __init__(self, path: Path, *, make: bool = False) -> None:
        if make and not path.exists():
            _make(path)
        try:
            mode = path.stat().st_mode
            pem = path.read_bytes()
        except OSError as error:
            raise Failure(f"key {path}: {error.strerror or error}", BAD_INPUT) from None
        if mode & 0o077:
            raise Failure(f"key {path}: others may read it; `chmod 600 {path}`", BAD_INPUT)
        try:
            key = serialization.load_pem_private_key(pem, None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise Failure(f"key {path}: is no Ed25519 key in PEM without a password", BAD_INPUT)
        self._key = key

    @property
    def public(self) -> str:
        """The public key, base64 of its 32 bytes."""
        return _text(self._key.public_key().public_bytes(*RAW))

    def sign(self, data: bytes) -> str:
        """Base64 of a signature."""
        return _text(self._key.sign(data))


def genuine(data: bytes, signature: str, public: str) -> bool:
    """Whether a signature is of these bytes by this key; False for what is neither."""
    try:
        key, value = base64.b64decode(public, validate=True), base64.b64decode(signature, validate=True)  # fmt: skip
        if (_text(key), _text(value)) != (public, signature):
            return False
        Ed25519PublicKey.from_public_bytes(key).verify(value, data)
    except (ValueError, InvalidSignature):
        return False
    return True


def read_public(path: Path) -> str:
    """A public key of a file: PEM, or base64 of its 32 bytes.

    Raises
    ------
    Failure
        It is none.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise Failure(f"--key {path}: {error.strerror or error}", BAD_INPUT) from None
    try:
        if b"-----BEGIN" in text:
            key = serialization.load_pem_public_key(text)
        else:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(text.strip(), validate=True))
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise Failure(f"--key {path}: is no Ed25519 public key, in PEM or base64", BAD_INPUT)
    return _text(key.public_bytes(*RAW))


def _make(path: Path) -> None:
    """A new key, and its public half beside it for those who verify."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        # Another rack's procedure was faster; its key is as good.
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    path.with_suffix(".pub").write_bytes(public)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
