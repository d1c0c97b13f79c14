"""What a viewer may ask for over its connection: one JSON object a message, one wish each."""

from typing import Literal

import msgspec

from coldplate.dashboards.web.channels import CHANNELS
from coldplate.dashboards.web.limits import SPEEDS

AT_MS_MAX = 253_402_300_799_999
"""The last of the year 9999."""


class WishError(ValueError):
    """A message that cannot be understood; says why."""


class Past(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Go to a past moment."""

    at_ms: int
    speed: int = 1


class Wish(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One of these is set."""

    look: str | None = None
    again: Literal[True] | None = None
    replay: Past | None = None
    speed: int | None = None
    pause: bool | None = None
    live: Literal[True] | None = None


_DECODER = msgspec.json.Decoder(Wish)


def wish(message: str) -> Wish:
    """What a message asks for.

    Raises
    ------
    WishError

    Examples
    --------
    >>> wish('{"look": "margin"}').look
    'margin'
    >>> wish('{"speed": 7}')
    Traceback (most recent call last):
    coldplate.dashboards.web.wishes.WishError: speed 7: must be one of 1, 10, 60, 600
    """
    try:
        found = _DECODER.decode(message)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise WishError(f"not understood: {error}") from error
    names = [n for n in Wish.__struct_fields__ if getattr(found, n) is not None]
    if len(names) != 1:
        fields = ", ".join(Wish.__struct_fields__)
        raise WishError(f"a message holds one of {fields}; this one holds {len(names)}")
    speed = found.replay.speed if found.replay else found.speed
    if speed is not None and speed not in SPEEDS:
        raise WishError(f"speed {speed}: must be one of {', '.join(map(str, SPEEDS))}")
    if found.replay and not 0 <= found.replay.at_ms <= AT_MS_MAX:
        raise WishError(f"at_ms {found.replay.at_ms}: must be Unix milliseconds")
    if found.look is not None and found.look not in {c.name for c in CHANNELS}:
        channels = ", ".join(c.name for c in CHANNELS)
        raise WishError(f"no channel {found.look[:40]!r}; there are {channels}")
    return found
