"""Which page of a replay belongs to which incident of the history.

The rule of the evaluation (streams/evaluate/match.py): the subject is the same, a descendant or an ancestor up to the
rack; but what is known of an incident is when a detector saw it, not when its fault began. So a page fits when its time
meets that of the incident, from ten minutes before it opened to two minutes after it closed. An incident has one page
and a page one incident; further pages that fit are named so. The very same incident goes first, then one of its family,
of its very subject, the nearest in time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from coldplate.console.backtesting.episode import Episode
from coldplate.streams.evaluate.match import AFTER_MS, Places
from coldplate.wire.fault import family_of
from coldplate.wire.inventory import Inventory

__all__ = ["AFTER_MS", "BEFORE_MS", "Pairing", "pair", "places_of"]

BEFORE_MS = 600_000
"""Other parameters may find the same fault so much earlier, or what they found was over by then."""


@dataclass(slots=True)
class Pairing:
    """Incidents with their pages.

    Parameters
    ----------
    page_of
        By id of the incident.
    further
        Pages that fit an incident which has one, with its id.
    alone
        Whatever fits none.
    """

    page_of: dict[str, Episode] = field(default_factory=dict)
    further: list[tuple[Episode, str]] = field(default_factory=list)
    alone: list[Episode] = field(default_factory=list)


def pair(recorded: Sequence[Episode], said: Sequence[Episode], places: Places) -> Pairing:
    """Hold what was said against what is recorded; neither need be in order."""
    out = Pairing()
    by_id = {r.id: r for r in recorded}
    for page in said:
        same = by_id.get(page.id)
        if same is not None and page.tells_of(same.kind):
            out.page_of[page.id] = page
    for page in sorted(said, key=lambda s: (s.opened_ms, s.id)):
        if page.id in out.page_of:
            continue
        fitting = [r for r in recorded if page.tells_of(r.kind) and _fits(page, r, places)]
        if not fitting:
            out.alone.append(page)
            continue
        best = max(fitting, key=lambda r: _closeness(page, r, free=r.id not in out.page_of))
        if best.id in out.page_of:
            out.further.append((page, best.id))
        else:
            out.page_of[best.id] = page
    return out


def _fits(page: Episode, of: Episode, places: Places) -> bool:
    if of.closed_ms is not None and page.opened_ms > of.closed_ms + AFTER_MS:
        return False
    if page.closed_ms is not None and page.closed_ms < of.opened_ms - BEFORE_MS:
        return False
    return places.fits(page.subject, of.subject)


def _closeness(
    page: Episode, of: Episode, *, free: bool
) -> tuple[bool, bool, bool, bool, int]:  # fmt: skip
    family = family_of(page.kind) == family_of(of.kind)
    near_ms = -abs(page.opened_ms - of.opened_ms)
    return (free and family, family, free, page.subject == of.subject, near_ms)


def places_of(inventory: Inventory) -> Places:
    """Who is whose ancestor; a rack that names no parent stands in its row, or in its hall."""
    parents = {d.id: d.parent for d in inventory}
    for device in inventory:
        if not device.parent and device.kind in ("rack", "row"):
            parents[device.id] = (device.kind == "rack" and device.row) or device.hall
    return Places(parents, {d.id: d.kind for d in inventory})
