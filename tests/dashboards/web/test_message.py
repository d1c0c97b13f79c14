"""The bytes of a message, as docs and page have them."""

import numpy as np
import pytest
from dashboards.web.halls import unpacked

from coldplate.dashboards.web.channels import CHANNELS
from coldplate.dashboards.web.message import DELTA, HEADER, SNAPSHOT, packed, renumbered

FLOOR = "89abcdef01234567"


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda c: c.name)
@pytest.mark.parametrize(("kind", "past"), [(SNAPSHOT, False), (DELTA, True)])
def test_what_is_packed_is_read_again(channel, kind, past):
    """Every field and every cell comes back."""
    cells = np.arange(256, dtype=np.uint8)
    got = unpacked(packed(kind, channel.number, -5, 7, cells, FLOOR, past=past))
    assert (kind, channel.number, -5, 7, past, 0x89ABCDEF) == (
        got.kind, got.channel, got.at_ms, got.number, got.past, got.floor,
    )  # fmt: skip
    assert cells.tolist() == got.cells.tolist()


def test_the_head_stands_as_documented():
    """Its bytes are these, little-endian."""
    message = packed(DELTA, 3, 0x0102030405060708, 9, np.zeros(2, np.uint8), FLOOR, past=True)
    assert b"CP\x01\x02\x03\x01\x00\x00\x08\x07\x06\x05\x04\x03\x02\x01" == message[:16]
    assert b"\x09\x00\x00\x00\x02\x00\x00\x00\xef\xcd\xab\x89" == message[16:28]
    assert HEADER.size == 28


def test_another_number_changes_nothing_else():
    """Viewers that count otherwise share one body."""
    message = packed(DELTA, 1, 1, 0, np.ones(100, np.uint8), FLOOR)
    other = renumbered(message, 0xFFFF_FFFF)
    assert (message[:16], message[20:]) == (other[:16], other[20:])
    assert unpacked(other).number == 0xFFFF_FFFF


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda c: c.name)
def test_a_code_stands_for_the_nearest_value(channel):
    """What is within the range comes back to half a step; what is beyond takes the nearest end."""
    last = channel.lowest + 254 * channel.step
    values = np.linspace(channel.lowest, last, 1000).astype(np.float32)
    back = np.array([channel.value(int(c)) for c in channel.coded(values)])
    assert np.abs(back - values).max() <= channel.step / 2 + 1e-3
    ends = channel.coded(np.array([-1e9, 1e9, np.inf, -np.inf, np.nan], np.float32))
    assert ends.tolist() == [1, 255, 255, 1, 0]
    assert channel.value(0) is None
