"""Which decoded frames are taken: the checks that need more than the frame's own bytes.

Worker and sink apply the same rule to the same arrival time (the broker's append time of the record),
so they come to the same verdict, also when a topic is read again.
"""

from coldplate.wire.errors import Reason, WireError
from coldplate.wire.frame import Head

AHEAD_MS_MAX = 60_000
"""Event time beyond arrival: above this the clock of the source is wrong and would spoil retention."""

OLD_MS_MAX = 2 * 86_400_000
"""Event time before arrival: a spool keeps hours; what is older is a replay or a wrong clock."""


def admit(head: Head, arrival_ms: int, cluster: str) -> None:
    """Pass a frame, or refuse it.

    Parameters
    ----------
    head
        Of a decoded frame.
    arrival_ms
        When the broker appended the record, Unix milliseconds.
    cluster
        The cluster this reader works for.

    Raises
    ------
    WireError
        `wrong-cluster`, `tick-ahead` or `tick-old`.
    """
    if head.cluster != cluster:
        raise WireError(Reason.WRONG_CLUSTER, f"cluster {head.cluster!r}, this is {cluster!r}")
    last_ms = (head.tick + head.ticks - 1) * head.tick_ms
    if last_ms - arrival_ms > AHEAD_MS_MAX:
        raise WireError(
            Reason.TICK_AHEAD,
            f"{head.source}: last tick {(last_ms - arrival_ms) / 1000:.0f} s after arrival; set its clock",
        )
    first_ms = head.tick * head.tick_ms
    if arrival_ms - first_ms > OLD_MS_MAX:
        raise WireError(
            Reason.TICK_OLD,
            f"{head.source}: first tick {(arrival_ms - first_ms) / 3_600_000:.0f} h before arrival",
        )
