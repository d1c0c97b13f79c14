"""MessagePack for the small records: events, anomalies, incidents, actions, rejects, baselines, totals. Frames: see frame.py."""

from typing import TypeVar

import msgspec

from coldplate.wire.action import Action
from coldplate.wire.baseline import Baselines
from coldplate.wire.errors import Reason, WireError
from coldplate.wire.event import Event
from coldplate.wire.incident import Anomaly, Incident
from coldplate.wire.reject import Reject
from coldplate.wire.totals import Totals

Record = TypeVar("Record", Event, Anomaly, Incident, Action, Reject, Baselines, Totals)

SMALL_RECORD_BYTES_MAX = 1 << 18

_encode = msgspec.msgpack.Encoder().encode
_decoders = {
    kind: msgspec.msgpack.Decoder(kind).decode
    for kind in (Event, Anomaly, Incident, Action, Reject, Baselines, Totals)
}


def encode(record: Event | Anomaly | Incident | Action | Reject | Baselines | Totals) -> bytes:
    """The bytes of a small record: a MessagePack map of its fields."""
    return _encode(record)


def decode(kind: type[Record], data: bytes) -> Record:
    """A small record from its bytes; unknown fields are skipped, so a newer writer may add some.

    Raises
    ------
    WireError
        `not-messagepack` when it is none, or a field is missing or of the wrong type.
    """
    if len(data) > SMALL_RECORD_BYTES_MAX:
        raise WireError(
            Reason.TOO_LARGE, f"{len(data)} bytes, at most {SMALL_RECORD_BYTES_MAX} are taken"
        )
    try:
        return _decoders[kind](data)  # type: ignore[return-value]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(Reason.NOT_MESSAGEPACK, f"{kind.__name__.lower()}: {error}") from None
