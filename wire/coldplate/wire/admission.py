"""Which decoded frames and events are taken: the checks that need more than the record's own bytes.

Worker and sink apply the same rule to the same arrival time (the broker's append time of the record),
so they come to the same verdict, also when a topic is read again.
"""

from coldplate.wire.errors import Reason, WireError
from coldplate.wire.event import Event
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
    first_ms, last_ms = head.tick * head.tick_ms, (head.tick + head.ticks - 1) * head.tick_ms
    _admit(head.cluster, head.source, (first_ms, last_ms), arrival_ms, cluster)


def admit_event(event: Event, arrival_ms: int, cluster: str) -> None:
    """Pass an event, or refuse it; parameters and errors as in `admit`."""
    _admit(event.cluster, event.source, (event.t_ms, event.t_ms), arrival_ms, cluster)


def _admit(theirs: str, source: str, span_ms: tuple[int, int], arrival_ms: int, ours: str) -> None:
    first_ms, last_ms = span_ms
    if theirs != ours:
        raise WireError(Reason.WRONG_CLUSTER, f"cluster {theirs!r}, this is {ours!r}")
    if (ahead_ms := last_ms - arrival_ms) > AHEAD_MS_MAX:
        raise WireError(
            Reason.TICK_AHEAD, f"{source}: {ahead_ms / 1000:.0f} s after arrival; set its clock"
        )
    if (age_ms := arrival_ms - first_ms) > OLD_MS_MAX:
        raise WireError(Reason.TICK_OLD, f"{source}: {age_ms / 3_600_000:.0f} h before arrival")
