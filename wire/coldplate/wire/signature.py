"""Who sent a record: a code that only its source can make, in a header beside the record.

Kafka tells no reader which principal wrote a record, so a node that may write frames could write those of another. With
keys, each source has one of its own, derived from the cluster's; agents hold theirs, readers the cluster's. The code is
HMAC-SHA256 (RFC 2104) of the whole record, of which 16 bytes are sent. Identity and sequence number are in the record, so
one that is sent again is a repeat, and dropped as such.
"""

import hmac
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import sha256

from coldplate.wire.codec import decode
from coldplate.wire.errors import Reason, WireError
from coldplate.wire.event import Event
from coldplate.wire.frame import decode_frame

HEADER = "coldplate-signature"
SIGNATURE_BYTES = 16
KEY_BYTES = 32
SOURCES_MAX = 65_536
"""Derived keys that are remembered: more than a hall has nodes and coolant units."""

KeyOf = Callable[[str], bytes | None]
"""The key of a source; None where it has none."""


def key_of(cluster_key: bytes, source: str) -> bytes:
    """The key of one source.

    Examples
    --------
    >>> key_of(bytes(32), "rack-0000/node-0").hex()[:16]
    'b25ce3937e755212'
    """
    return hmac.digest(cluster_key, b"coldplate source\0" + source.encode(), "sha256")


def sign(key: bytes, record: bytes) -> bytes:
    """What stands in the header."""
    return hmac.new(key, record, sha256).digest()[:SIGNATURE_BYTES]


def keys_of_text(text: str) -> dict[str, bytes]:
    """Keys by source, of lines `SOURCE KEY`, the key in hexadecimal; empty lines and those that begin with `#` are left.

    Raises
    ------
    ValueError
        Says which line, and never the key.
    """
    out: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            source, key = words[0], bytes.fromhex(words[1])
        except (IndexError, ValueError):
            source, key = "", b""
        if len(words) != 2 or len(key) != KEY_BYTES:
            raise ValueError(
                f"line {number}: expected SOURCE and {2 * KEY_BYTES} hexadecimal digits"
            )
        out[source] = key
    return out


def cluster_key_of_text(text: str) -> bytes:
    """The cluster's key, in hexadecimal.

    Raises
    ------
    ValueError
        Never says the key.
    """
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"expected {2 * KEY_BYTES} hexadecimal digits")
    return key


class Signer:
    """Signs what an agent sends.

    Parameters
    ----------
    keys
        By source.
    frames, events
        Names of the topics whose records are signed.
    """

    def __init__(self, keys: KeyOf, frames: str, events: str) -> None:
        self._keys, self._frames, self._events = keys, frames, events

    def headers(self, topic: str, record: bytes) -> list[tuple[str, bytes]]:
        """Of a record; none for another topic, or a source without a key."""
        try:
            if topic == self._frames:
                source = decode_frame(record).head.source
            elif topic == self._events:
                source = decode(Event, record).source
            else:
                return []
        except WireError:
            return []  # whoever reads it says what is wrong with it
        key = self._keys(source)
        return [] if key is None else [(HEADER, sign(key, record))]


class Seals:
    """Checks what a reader gets.

    Parameters
    ----------
    cluster_key
        Of which every source's key is derived.
    unsigned
        Whether records without a code are taken: while keys are being rolled out.
    """

    def __init__(self, cluster_key: bytes, *, unsigned: bool) -> None:
        self._unsigned = unsigned
        self._key_of = lru_cache(SOURCES_MAX)(lambda source: key_of(cluster_key, source))

    def check(self, source: str, record: bytes, signature: bytes) -> None:
        """Pass a record of a source, or refuse it.

        Raises
        ------
        WireError
            `not-signed` or `bad-signature`.
        """
        if not signature:
            if self._unsigned:
                return
            raise WireError(Reason.NOT_SIGNED, f"{source}: no {HEADER} beside it")
        if not hmac.compare_digest(sign(self._key_of(source), record), signature):
            raise WireError(Reason.BAD_SIGNATURE, f"{source}: signed with the key of somebody else")


def signature_of(headers: Iterable[tuple[str, bytes | None]] | None) -> bytes:
    """Out of a Kafka record's headers; b"" where there is none."""
    return next((value or b"" for name, value in headers or () if name == HEADER), b"")
