"""Keys of sources out of the files that the configuration names."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.wire.signature import (
    Seals,
    Signer,
    cluster_key_of_text,
    key_of,
    keys_of_text,
)

T = TypeVar("T")


def signer_of(context: Context) -> Signer | None:
    """Signs what this process sends; None where no key is named.

    Raises
    ------
    Failure
        Naming the file, and never a key.
    """
    signing, topics = context.config.signing, context.topics
    if signing.keys_file:
        keys = _read(signing.keys_file, "signing.keys_file", keys_of_text)
        return Signer(keys.get, topics.frames, topics.events)
    if signing.cluster_key_file:
        # Sink and alerter tell events of their own.
        cluster_key = cluster_key_of(context)
        return Signer(lambda source: key_of(cluster_key, source), topics.frames, topics.events)
    return None


def seals_of(context: Context) -> Seals | None:
    """Checks what this process reads; None where no cluster's key is named.

    Raises
    ------
    Failure
        As in `signer_of`.
    """
    signing = context.config.signing
    if not signing.cluster_key_file:
        return None
    return Seals(cluster_key_of(context), unsigned=signing.unsigned == "accept")


def cluster_key_of(context: Context) -> bytes:
    """The cluster's key.

    Raises
    ------
    Failure
        As in `signer_of`, and where none is named.
    """
    name = context.config.signing.cluster_key_file
    if not name:
        raise Failure(
            "no cluster's key is named: `coldplate keys new > FILE` makes one, signing.cluster_key_file names it",
            BAD_INPUT,
        )
    return _read(name, "signing.cluster_key_file", cluster_key_of_text)


def _read(path: str, named: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Failure(f"{named} {path}: {error}", BAD_INPUT) from None
