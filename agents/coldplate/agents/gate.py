"""May a record be sent? The question that a publisher asks before each record of one that shares its devices.

Two agents may be given the same devices, one of them to stand by. What the one that leads has sampled waits in its spool
until it is sure that the other has not sampled the same ticks.
"""

from collections.abc import Callable
from enum import Enum


class Verdict(Enum):
    """What becomes of a record, by the event time of its first tick or event."""

    SEND = "send"
    """Nobody else sends this tick, now or later."""

    HOLD = "hold"
    """Not known yet; ask again after the gate has changed."""

    DROP = "drop"
    """Another has sent this tick, or will."""


Gate = Callable[[int], Verdict]
"""Asked with Unix milliseconds; must be quick and never block."""
