"""Errors of the wire: one class, with a reason out of a fixed list.

The reason is what counters, the rejects topic and the documentation are keyed by, so it is an enum
and never free text.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a record was refused. The value is what stands in counters and in `coldplate.rejects`."""

    NOT_MESSAGEPACK = "not-messagepack"
    UNKNOWN_SCHEMA = "unknown-schema"
    BAD_CRC = "bad-crc"
    BAD_SHAPE = "bad-shape"
    BAD_LAYOUT = "bad-layout"
    TOO_LARGE = "too-large"
    UNKNOWN_DEVICE = "unknown-device"
    TICK_AHEAD = "tick-ahead"
    TICK_OLD = "tick-old"
    WRONG_CLUSTER = "wrong-cluster"
    NOT_SIGNED = "not-signed"
    BAD_SIGNATURE = "bad-signature"


class WireError(ValueError):
    """The only error that decoding a record raises.

    Parameters
    ----------
    reason
        One of `Reason`.
    detail
        What was found and what was expected, for a person. Never holds the record itself.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
