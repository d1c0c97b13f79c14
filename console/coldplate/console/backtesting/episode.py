"""An incident as it is compared: what, where, from when to when, how bad; recorded by a worker, or made by a replay."""

import msgspec

from coldplate.streams.evaluate.label import Said
from coldplate.wire.fault import SLOW
from coldplate.wire.incident import Incident, Severity, State


class Episode(msgspec.Struct, frozen=True):
    """An incident.

    Parameters
    ----------
    id, kind, subject
        Its last name while open.
    severity
        The highest it had.
    opened_ms, closed_ms
        Event time; `closed_ms` is None where it is still open.
    """

    id: str
    kind: str
    subject: str
    severity: Severity
    opened_ms: int
    closed_ms: int | None = None

    @property
    def pages(self) -> bool:
        """True when somebody is woken up."""
        return self.severity.pages

    def tells_of(self, kind: str) -> bool:
        """Whether somebody is told of a fault of a kind: by a page, or of slow wear by a ticket."""
        return self.pages or (kind in SLOW and self.severity is Severity.TICKET)


class Recorded(msgspec.Struct, frozen=True):
    """An incident of the history, and what a person said that it was.

    Parameters
    ----------
    episode
        The incident.
    outcome
        `confirmed`, `false` or `fixed-by`; None where nobody has said.
    """

    episode: Episode
    outcome: str | None = None

    @property
    def is_true(self) -> bool:
        """Whether it was a fault."""
        return self.outcome in ("confirmed", "fixed-by")

    @property
    def is_false(self) -> bool:
        """Whether it was a false alarm."""
        return self.outcome == "false"


def episode_of(said: Said, last: Incident) -> Episode:
    """What a replay said, with the last record of it."""
    closed_ms = last.closed_ms if last.state is State.CLOSED else None
    return Episode(said.id, said.kind, said.subject, said.severity, said.opened_ms, closed_ms)
