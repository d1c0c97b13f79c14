"""What is known to have been wrong, and what detection said of it; both by wall clock as if live."""

from dataclasses import dataclass

from coldplate.wire.incident import Severity


@dataclass(frozen=True, slots=True)
class Label:
    """A fault or a look-alike that was there.

    Parameters
    ----------
    fault
        Id within the recording.
    kind, cause
        What, on which device.
    onset_ms, end_ms
        When; `end_ms` is None where it stays.
    visible_ms
        First second at which it can be seen; None when it never can.
    harm_ms
        First second of harm; None when none comes.
    """

    fault: str
    kind: str
    cause: str
    onset_ms: int
    visible_ms: int | None = None
    harm_ms: int | None = None
    end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """An incident at the moment when it first was a page (or, if it never was, when it opened).

    Parameters
    ----------
    id
        Of the incident.
    kind, subject
        Of its last record while open: a cause may become clearer.
    severity
        The highest it had.
    opened_ms
        Event time at which it opened.
    told_ms
        Wall clock at which its first record of that severity left the worker.
    ticket_ms
        Wall clock at which it first was a ticket or worse; None when it never was.
    """

    id: str
    kind: str
    subject: str
    severity: Severity
    opened_ms: int
    told_ms: int
    ticket_ms: int | None = None

    @property
    def pages(self) -> bool:
        """True when somebody is woken up."""
        return self.severity.pages
