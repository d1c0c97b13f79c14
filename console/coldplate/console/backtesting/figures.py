"""How a setting did against what people said of the incidents: precision, recall, lead time; and how two differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from coldplate.console.backtesting.episode import Episode, Recorded
from coldplate.console.backtesting.matching import Pairing, pair
from coldplate.console.backtesting.stretch import Stretch
from coldplate.console.output import rfc3339
from coldplate.streams.evaluate.match import Places

WEEK_MS = 7 * 86_400_000
NEW = "new"
"""Stands for an incident's id where the history has none."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a setting said, held against the history.

    Parameters
    ----------
    told
        Incidents of the stretch with the page that is theirs; None: missed.
    further
        More pages of incidents that have one.
    new
        Pages of which the history has no incident.
    before
        Pages of incidents that had opened before the stretch, which are in no other figure.
    pairing
        All of it.
    """

    told: tuple[tuple[Recorded, Episode | None], ...]
    further: tuple[Episode, ...]
    new: tuple[Episode, ...]
    before: int
    pairing: Pairing


def judge(
    recorded: Sequence[Recorded], said: Sequence[Episode], places: Places, stretch: Stretch
) -> Judged:
    """Hold what a setting said against the history; what only the warm-up paged is left out."""
    pairing = pair([r.episode for r in recorded], said, places)
    counted = {r.episode.id for r in recorded if _within(r.episode, stretch)}
    told = tuple((r, pairing.page_of.get(r.episode.id)) for r in recorded if r.episode.id in counted)  # fmt: skip
    further = [p for p, of in pairing.further if p.pages and of in counted and _within(p, stretch)]
    new = [p for p in pairing.alone if p.pages and _within(p, stretch)]
    before = [p for id_, p in pairing.page_of.items() if id_ not in counted]
    before += [p for p, of in pairing.further if of not in counted]
    carried = sum(p.pages and _within(p, stretch) for p in before)
    return Judged(told, tuple(further), tuple(new), carried, pairing)


def _within(episode: Episode, stretch: Stretch) -> bool:
    return stretch.from_ms <= episode.opened_ms < stretch.to_ms


def figures(judged: Judged, counted_ms: int) -> dict[str, Any]:
    """Keys of `current` and `proposed`.

    Parameters
    ----------
    judged
        Of the setting.
    counted_ms
        Time in which anything was heard.
    """
    found = [(r, page) for r, page in judged.told if page is not None]
    true = [(r.episode, page) for r, page in found if r.is_true]
    false = sum(r.is_false for r, _ in found)
    faults = sum(r.is_true for r, _ in judged.told)
    pages = sum(page.pages for _, page in found) + len(judged.further) + len(judged.new)
    leads = [(of.opened_ms - page.opened_ms) / 1000 for of, page in true]
    return {
        "precision": _ratio(len(true), len(true) + false),
        "recall": _ratio(len(true), faults),
        "lead_time_p50_s": round(median(leads), 3) if leads else None,
        "pages": pages,
        "pages_per_week": round(pages * WEEK_MS / counted_ms, 3) if counted_ms else None,
        "confirmed": len(true),
        "false": false,
        "new": len(judged.new),
        "missed": faults - len(true),
        "unmarked": sum(r.outcome is None for r, _ in found),
        "further": len(judged.further),
        "before": judged.before,
    }


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def differences(current: Judged, proposed: Judged, places: Places) -> list[dict[str, Any]]:
    """Incidents that one setting told of and the other did not, or at another time; in order of time."""
    pages = {r.episode.id: page for r, page in proposed.told}
    out = [
        _difference(r.episode, page, pages[r.episode.id], r)
        for r, page in current.told
        if _opened(page) != _opened(pages[r.episode.id])
    ]
    both = pair(current.new, proposed.new, places)
    for page in current.new:
        other = both.page_of.get(page.id)
        if _opened(page) != _opened(other):
            out.append(_difference(page, page, other))
    out += [_difference(page, None, page) for page in [*both.alone, *(p for p, _ in both.further)]]
    return sorted(out, key=lambda d: (d["current"] or d["proposed"], d["subject"]))


def _difference(
    of: Episode, current: Episode | None, proposed: Episode | None, recorded: Recorded | None = None
) -> dict[str, Any]:  # fmt: skip
    return {
        "incident": NEW if recorded is None else of.id,
        "subject": of.subject,
        "kind": of.kind,
        "current": rfc3339(_opened(current)),
        "proposed": rfc3339(_opened(proposed)),
        "outcome": None if recorded is None else recorded.outcome,
    }


def _opened(page: Episode | None) -> int | None:
    return None if page is None else page.opened_ms


def leave_matching(folder: Path, judged: Mapping[str, Judged]) -> None:
    """What the figures were counted from: a line an incident, and a line a page that is nobody's, by setting."""
    for name, of in judged.items():
        lines: list[dict[str, Any]] = [
            {"recorded": r.episode, "outcome": r.outcome, "page": page} for r, page in of.told
        ]
        lines += [{"further": page, "of": incident} for page, incident in of.pairing.further]
        lines += [{"new": page} for page in of.new]
        text = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        (folder / f"matching-{name}.jsonl").write_bytes(text)
