"""Records of a plant's lease."""

import pytest

from coldplate.wire.errors import Reason, WireError
from coldplate.wire.lease import LEASE_BYTES_MAX, LeaseRecord, decode_lease, encode_lease


def test_a_record_comes_back_as_it_was():
    """What is not known stays out of the bytes."""
    claim = LeaseRecord("hall", "a/1", 7, "claim")
    hold = LeaseRecord("hall", "a/1", 7, "hold", 3, 60_000)
    assert [claim, hold] == [decode_lease(encode_lease(r)) for r in (claim, hold)]
    assert b"term" not in encode_lease(claim)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x80", encode_lease(LeaseRecord("h", "a", 1, "hold", 3))[:-2]])  # fmt: skip
def test_what_is_none_is_refused(data):
    """With the wire's own reason."""
    with pytest.raises(WireError) as refused:
        decode_lease(data)
    assert Reason.NOT_MESSAGEPACK is refused.value.reason


def test_a_record_is_small():
    """Beyond that it is something else."""
    with pytest.raises(WireError) as refused:
        decode_lease(b"\x00" * (LEASE_BYTES_MAX + 1))
    assert Reason.TOO_LARGE is refused.value.reason
