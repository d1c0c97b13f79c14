"""What is sent: a message to one receiver about one or several incidents.

Written down before it is sent and deleted after it was taken, so that it is sent at least once; its id never changes, so
that a receiver can tell what it has had.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from coldplate.wire.incident import Incident


class Phase(StrEnum):
    """What a message tells of an incident."""

    OPENED = "opened"
    UPDATED = "updated"
    """It is worse than was told, or its cause is another."""
    REMINDER = "reminder"
    """It is open still, and nobody has acknowledged it."""
    REFRESH = "refresh"
    """Nothing new: for a receiver that forgets what it is not told again (an Alertmanager)."""
    CLOSED = "closed"
    TEST = "test"
    """Nothing happened: somebody tries the way."""
    HEARTBEAT = "heartbeat"
    """Frames pass from end to end."""


class Text(msgspec.Struct, frozen=True):
    """An incident in words, for people; plain text, no markup.

    Parameters
    ----------
    title
        Up to 100 characters: what, where.
    what
        A sentence or two.
    where
        Hall, row, rack, slot, serial, as far as known.
    since
        When it began and how long it has lasted.
    sure
        How sure, and why.
    evidence
        Numbers with baseline and threshold, the deciding first.
    affected
        Who suffers: GPUs, and the jobs on them.
    todo
        What to do now, in order.
    runbook_url, dashboard_url
        "" where no address is configured.
    """

    title: str
    what: str
    where: str
    since: str
    sure: str
    evidence: tuple[str, ...]
    affected: str
    todo: tuple[str, ...]
    runbook_url: str = ""
    dashboard_url: str = ""


class Told(msgspec.Struct, frozen=True):
    """One incident in a message.

    Parameters
    ----------
    incident
        As it was when the message was made.
    phase
        What is told of it.
    labels
        What routes, groups and silences see: see `labels.py`.
    text
        For people.
    acked_by
        Who takes care of it; "" for nobody.
    """

    incident: Incident
    phase: Phase
    labels: Mapping[str, str]
    text: Text
    acked_by: str = ""


class Message(msgspec.Struct, frozen=True):
    """What one receiver is to be told at once.

    Parameters
    ----------
    id
        Stable over retries and restarts; what receivers deduplicate by.
    cluster
        Whose incidents.
    receiver, route
        Names of the configuration.
    group
        Messages of one group to one receiver are sent in the order of their `number`. An incident stays in the group in
        which it was first told of.
    number
        Counts the messages of a group to a receiver from 0.
    t_ms
        When it was made, Unix milliseconds.
    told
        The incidents, most severe first; never empty but for a heartbeat.
    note
        Why it comes now when that is not plain, such as the end of a silence.
    """

    id: str
    cluster: str
    receiver: str
    route: str
    group: str
    number: int
    t_ms: int
    told: tuple[Told, ...]
    note: str = ""

    @property
    def firing(self) -> bool:
        """Whether any incident of it is not over."""
        return any(told.phase is not Phase.CLOSED for told in self.told)
