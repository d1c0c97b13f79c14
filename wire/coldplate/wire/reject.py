"""A record that could not be taken, kept with its reason in `coldplate.rejects`."""

import msgspec

from coldplate.wire.errors import WireError

HEAD_BYTES_MAX = 256
"""Bytes of the refused record that are kept: enough to see what it was, too few to fill a disk."""


class Reject(msgspec.Struct, frozen=True):
    """Why and where.

    Parameters
    ----------
    reason
        One of `errors.Reason`.
    detail
        For a person.
    topic, partition, offset
        Where the whole record still lies, until retention takes it.
    size
        Bytes of the record.
    head
        Its first bytes.
    by
        Which part refused it (`worker`, `sink`).
    """

    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    size: int
    head: bytes
    by: str


def reject_of(
    error: WireError, record: bytes, *, topic: str, partition: int, offset: int, by: str
) -> Reject:
    """The reject for a record that raised `error`."""
    return Reject(
        error.reason.value, error.detail, topic, partition, offset,
        len(record), bytes(record[:HEAD_BYTES_MAX]), by,
    )  # fmt: skip
