"""Numbers out of registers, for every type and order, held to what `struct` packs."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldplate.agents.modbus.decode import number, pattern, patterns, words_of

FORMS = {
    "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q",
    "float32": "f", "float64": "d",
}  # fmt: skip
ORDERS = ("big", "little")


def registers(raw: bytes, word_order: str, byte_order: str) -> list[int]:
    """As a device with these orders would send the big-endian bytes of a number."""
    words = [raw[i : i + 2] for i in range(0, len(raw), 2)]
    if word_order == "little":
        words.reverse()
    return [int.from_bytes(w, byte_order) for w in words]


@given(
    st.sampled_from(sorted(FORMS)), st.binary(min_size=8, max_size=8),
    st.sampled_from(ORDERS), st.sampled_from(ORDERS),
)  # fmt: skip
def test_every_pattern_of_every_type_in_every_order(
    kind: str, raw: bytes, word_order: str, byte_order: str
) -> None:
    """What `struct` makes of the same bytes, NaN as NaN; and the pattern is the bytes."""
    raw = raw[: 2 * words_of(kind)]
    (expected,) = struct.unpack(">" + FORMS[kind], raw)
    words = registers(raw, word_order, byte_order)
    found = number(words, kind, word_order, byte_order)
    assert found == float(expected) or (math.isnan(found) and math.isnan(expected))
    assert int.from_bytes(raw, "big") == pattern(words, word_order, byte_order)


def test_a_known_float_in_its_four_orders() -> None:
    """25.5 is 41CC0000: AB CD, CD AB, BA DC, DC BA in vendors' words."""
    cases = {
        ("big", "big"): [0x41CC, 0x0000], ("little", "big"): [0x0000, 0x41CC],
        ("big", "little"): [0xCC41, 0x0000], ("little", "little"): [0x0000, 0xCC41],
    }  # fmt: skip
    for (word_order, byte_order), words in cases.items():
        assert 25.5 == number(words, "float32", word_order, byte_order)


@pytest.mark.parametrize(
    ("invalid", "kind", "expected"),
    [
        (0x7FFF, "int16", {0x7FFF}),
        (0xFFFF, "int16", {0xFFFF}),
        (-1, "int16", {0xFFFF}),
        (-32768, "int16", {0x8000}),
        (0xFFFFFFFF, "uint32", {0xFFFFFFFF}),
        (-9999.0, "float32", {0xC61C3C00}),
        (0x7FC00000, "float32", {0x7FC00000, 0x4EFF8000}),
    ],
)
def test_an_invalid_value_is_known_by_its_bits(
    invalid: float, kind: str, expected: set[int]
) -> None:
    """As the number itself, or as the bits that it is without a sign."""
    assert expected == set(patterns(invalid, kind))


@pytest.mark.parametrize(("invalid", "kind"), [(0x1FFFF, "int16"), (-1, "uint16"), (0.5, "int16")])
def test_an_invalid_value_that_cannot_stand_there_is_refused(invalid: float, kind: str) -> None:
    """It is a slip in the map."""
    with pytest.raises(ValueError, match="cannot hold"):
        patterns(invalid, kind)
