"""Which incident belongs to which label.

An incident fits a label when its subject is the label's cause, a descendant of it, or an ancestor up to the cause's
rack (the hall only for causes in the hall), and when it opened between the label's onset and two minutes after its
end. The earliest incident that fits is the label's; an incident is of one label at most. Of several labels it goes to
one that has none yet, and then to one of its own family, of its very subject, of the latest onset. Further pages that
fit a label with an incident are counted against it; a page that fits none, or a look-alike only, is false.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from coldplate.streams.evaluate.label import Label, Said
from coldplate.wire.fault import SLOW, family_of, looks_alike
from coldplate.wire.incident import Severity

AFTER_MS = 120_000
"""An incident may open so long after the end of its fault: heat takes its time."""

HALL = "hall"


class Places:
    """Who is whose ancestor.

    Parameters
    ----------
    parents
        By id: the id of what it sits in, "" for what has no parent.
    kinds
        By id: `gpu`, `node`, `cdu`, `rack`, `row`, `hall`.
    """

    def __init__(self, parents: Mapping[str, str], kinds: Mapping[str, str]) -> None:
        self._parents, self._kinds = parents, kinds

    def fits(self, subject: str, cause: str) -> bool:
        """Whether an incident on `subject` can be about `cause`."""
        if subject == cause or cause in self._above(subject):
            return True
        for above in self._above(cause):
            kind = self._kinds.get(above, "")
            if kind in ("row", HALL):
                return False
            if above == subject:
                return True
        return False

    def _above(self, device: str) -> Sequence[str]:
        out = []
        while device := self._parents.get(device, ""):
            if device in out:
                break
            out.append(device)
        return out


@dataclass(slots=True)
class Found:
    """A label and what was said of it."""

    label: Label
    said: Said | None = None
    further: list[Said] = field(default_factory=list)

    @property
    def told_ms(self) -> int | None:
        """When somebody was told: by a page, or of slow wear by the ticket before it."""
        if self.said is None:
            return None
        ticket_ms = self.said.ticket_ms if self.label.kind in SLOW else None
        return self.said.told_ms if ticket_ms is None else ticket_ms

    @property
    def cause_correct(self) -> bool:
        """Right subject and a kind of the same family."""
        if self.said is None:
            return False
        same = family_of(self.said.kind) == family_of(self.label.kind)
        return same and self.said.subject == self.label.cause


@dataclass(frozen=True, slots=True)
class Matching:
    """Every label with its incident, and the pages that were false.

    Parameters
    ----------
    found
        One a label that is a fault, in the labels' order.
    false
        Pages that belong to no fault, with the look-alike that they fit (None: nothing).
    """

    found: tuple[Found, ...]
    false: tuple[tuple[Said, Label | None], ...]


def match(labels: Iterable[Label], said: Iterable[Said], places: Places) -> Matching:
    """Hold incidents against labels; neither need be in order."""
    labels = list(labels)
    found = [Found(label) for label in labels if not looks_alike(label.kind)]
    alike = [label for label in labels if looks_alike(label.kind)]
    false: list[tuple[Said, Label | None]] = []
    for incident in sorted(said, key=lambda s: (s.told_ms, s.id)):
        fitting = [
            f for f in found if _counts(incident, f.label) and _fits(incident, f.label, places)
        ]
        if fitting:
            best = max(fitting, key=lambda f: _closeness(incident, f))
            if best.said is None:
                best.said = incident
            elif incident.pages:
                best.further.append(incident)
        elif incident.pages:
            near = (label for label in alike if _fits(incident, label, places))
            false.append((incident, next(near, None)))
    return Matching(tuple(found), tuple(false))


def _counts(incident: Said, label: Label) -> bool:
    """A page counts; of slow wear a ticket does too."""
    return incident.pages or (label.kind in SLOW and incident.severity is Severity.TICKET)


def _fits(incident: Said, label: Label, places: Places) -> bool:
    in_time = label.onset_ms <= incident.opened_ms and (
        label.end_ms is None or incident.opened_ms <= label.end_ms + AFTER_MS
    )
    return in_time and places.fits(incident.subject, label.cause)


def _closeness(incident: Said, found: Found) -> tuple[bool, bool, bool, bool, int]:
    label, free = found.label, found.said is None
    family = family_of(incident.kind) == family_of(label.kind)
    return (free and family, family, free, incident.subject == label.cause, label.onset_ms)
