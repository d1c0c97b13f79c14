"""As much of protobuf's wire format as reading a few messages takes: fields with their numbers, one after another."""

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

_FIXED = {FIXED64: 8, FIXED32: 4}


def fields(message: bytes | memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Each field's number with its value: a whole number, or the bytes of a string or message.

    Raises
    ------
    ValueError
        When the bytes end within a field, or use what protobuf no longer does.

    References
    ----------
    https://protobuf.dev/programming-guides/encoding/
    """
    view, at = memoryview(message), 0
    while at < len(view):
        tag, at = _varint(view, at)
        number, form = tag >> 3, tag & 7
        if form == VARINT:
            value, at = _varint(view, at)
            yield number, value
            continue
        if form == BYTES:
            length, at = _varint(view, at)
        elif form in _FIXED:
            length = _FIXED[form]
        else:
            raise ValueError(f"field {number} has the unknown form {form}")
        if at + length > len(view):
            raise ValueError(f"field {number} is cut off")
        yield number, view[at : at + length]
        at += length


def messages(message: bytes | memoryview, number: int) -> Iterator[memoryview]:
    """The fields of one number that hold bytes."""
    for found, value in fields(message):
        if found == number and isinstance(value, memoryview):
            yield value


def texts(message: bytes | memoryview, number: int) -> list[str]:
    """The strings of one number."""
    return [str(value, "utf-8", "replace") for value in messages(message, number)]


def text(message: bytes | memoryview, number: int) -> str:
    """The last string of one number, as protobuf has it; "" when there is none."""
    return (texts(message, number) or [""])[-1]


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(view):
            raise ValueError("a number is cut off")
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number is longer than 64 bits")
