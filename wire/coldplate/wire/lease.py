"""Who reads a plant's devices: the records of `coldplate.plant`, by which its agents agree on one of them.

A record is one `LeaseRecord` as a MessagePack map, keyed by the plant's id. What the records mean together follows from
their order in the topic and from the time at which the broker appended each: `coldplate.agents.plant.lease` says how.
"""

from typing import Literal

import msgspec

from coldplate.wire.errors import Reason, WireError

LEASE_BYTES_MAX = 1 << 12


class LeaseRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a member says.

    Parameters
    ----------
    plant
        Id of the plant, the record's key.
    member
        Who: the name of a host and what tells its state folder from others.
    boot
        Of its process.
    kind
        `claim` asks for the lease, `hold` prolongs it, `leave` gives it up.
    term
        Offset of the claim by which the member holds the lease; None in a claim.
    from_tick_ms
        First tick (Unix milliseconds) that it samples in this term; None before it is known.
    until_tick_ms
        In a `leave`: the first tick that it no longer sampled.
    """

    plant: str
    member: str
    boot: int
    kind: Literal["claim", "hold", "leave"]
    term: int | None = None
    from_tick_ms: int | None = None
    until_tick_ms: int | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(LeaseRecord).decode


def encode_lease(record: LeaseRecord) -> bytes:
    """Its bytes."""
    return _encode(record)


def decode_lease(data: bytes) -> LeaseRecord:
    """A record from its bytes; unknown fields are skipped.

    Raises
    ------
    WireError
        `not-messagepack` when it is none, `too-large` beyond `LEASE_BYTES_MAX`.
    """
    if len(data) > LEASE_BYTES_MAX:
        raise WireError(Reason.TOO_LARGE, f"{len(data)} bytes, at most {LEASE_BYTES_MAX} are taken")
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(Reason.NOT_MESSAGEPACK, f"lease: {error}") from None
