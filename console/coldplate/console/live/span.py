"""`1s`, `500ms`, `2m` as seconds."""

import re

from coldplate.console.failure import BAD_INPUT, Failure

_SPAN = re.compile(r"(?P<n>\d+(?:\.\d+)?) ?(?P<unit>ms|s|m)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}
LEAST_S, MOST_S = 0.2, 3600.0


def seconds(text: str) -> float:
    """The time in seconds; a number without a unit is of seconds.

    Raises
    ------
    Failure
        When it is none, or out of bounds.

    Examples
    --------
    >>> seconds("1s"), seconds("500ms"), seconds("2m"), seconds("3")
    (1.0, 0.5, 120.0, 3.0)
    """
    match = _SPAN.fullmatch(text.strip())
    found = float(match["n"]) * _SECONDS[match["unit"] or "s"] if match else 0.0
    if not LEAST_S <= found <= MOST_S:
        raise Failure(f"{text!r} is no time between 200ms and 60m, as 1s or 500ms", BAD_INPUT)
    return found
