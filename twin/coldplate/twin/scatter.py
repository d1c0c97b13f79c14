"""Faults at random: each kind several times, at places and times that a seed draws, never two on a rack at once.

Those that hold the most racks, and longest, are placed first; each finds a free time at its place, or another place.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from coldplate.twin.fault import Fault
from coldplate.twin.faults.kind import FaultKind
from coldplate.twin.faults.library import KINDS
from coldplate.twin.places import Places
from coldplate.wire.inventory import Inventory

START_S, GAP_S = 120.0, 150.0
"""Time for the hall to settle first, and for an effect and its alert to end before the next fault."""

PLACES_TRIED = 200
HZ_MIN, HZ_MAX = 0.1, 5.0
"""What grids do not like and a 1 Hz tick with its burst features can tell."""

Span = tuple[float, float]


class ScatterError(ValueError):
    """Too many faults for a hall and a time; the message says which did not find room."""


def scatter(
    inventory: Inventory, seed: int, duration_s: float, repeats: int = 3, kinds: Sequence[str] | None = None
) -> tuple[Fault, ...]:  # fmt: skip
    """Faults of a run, in order of onset.

    Parameters
    ----------
    inventory
        The hall.
    seed
        The same gives the same faults.
    duration_s
        All are over by then.
    repeats
        How often each kind comes.
    kinds
        Which; all that stand for themselves if None.

    Raises
    ------
    ScatterError
    """
    names = sorted(k for k in KINDS if k != "xid") if kinds is None else list(kinds)
    random, places = np.random.default_rng(seed), Places(inventory)
    drawn = [(KINDS[name], _subjects(KINDS[name], inventory, random)) for name in names * repeats]
    drawn = [drawn[i] for i in random.permutation(len(drawn))]
    drawn.sort(key=lambda d: (-len(places.racks(d[1][0])), -_after_s(d[0])))
    busy: dict[str, list[Span]] = {}
    out = []
    for kind, subjects in drawn:
        placed = _place(kind, subjects, places, busy, duration_s, random)
        if placed is None:
            raise ScatterError(
                f"no room for {repeats} times {len(names)} kinds of fault in {duration_s:.0f} s on"
                f" {len(inventory.of_kind('rack'))} racks: {kind.name} found none; give more of either"
            )
        out.append(placed)
        span = (placed.at_s - kind.lead_s, placed.at_s + _after_s(kind))
        for rack in places.racks(placed.subject):
            busy.setdefault(rack, []).append(span)
    return tuple(sorted(out, key=lambda f: (f.at_s, f.kind, f.subject)))


def _subjects(kind: FaultKind, inventory: Inventory, random: np.random.Generator) -> list[str]:
    """Devices of one of the sorts that it can befall, each sort as likely, in random order."""
    of_sort = inventory.of_kind(kind.on[random.integers(len(kind.on))])
    return [of_sort[i].id for i in random.permutation(len(of_sort))[:PLACES_TRIED]]


def _place(
    kind: FaultKind, subjects: Sequence[str], places: Places, busy: Mapping[str, list[Span]],
    duration_s: float, random: np.random.Generator,
) -> Fault | None:  # fmt: skip
    """The fault at the first subject that has time for it."""
    for subject in subjects:
        spans = sorted(s for r in places.racks(subject) for s in busy.get(r, ()))
        at_s = _free(kind, spans, duration_s, random)
        if at_s is not None:
            end_s = round(at_s + kind.ramp_s + kind.hold_s, 1)
            fault = Fault(kind.name, subject, at_s, end_s, severity=round(random.random(), 3))
            if kind.name == "feed-loss" and random.random() < 0.5:
                fault = replace(fault, feed="b")
            if kind.name == "power-oscillation":
                fault = replace(fault, hz=round(HZ_MIN * (HZ_MAX / HZ_MIN) ** random.random(), 2))
            return fault
    return None


def _after_s(kind: FaultKind) -> float:
    """From its onset until the hall is itself again."""
    return kind.ramp_s + kind.hold_s + kind.recovery_s + GAP_S


def _free(
    kind: FaultKind, spans: Sequence[Span], duration_s: float, random: np.random.Generator
) -> float | None:
    """An onset in a gap between spans, each as likely as another."""
    gaps: list[Span] = []
    free_s = START_S
    for begin_s, end_s in (*spans, (duration_s, duration_s)):
        first_s, last_s = free_s + kind.lead_s, begin_s - _after_s(kind)
        if last_s >= first_s:
            gaps.append((first_s, last_s))
        free_s = max(free_s, end_s)
    if not gaps:
        return None
    # One draw along all gaps laid end to end.
    along_s = random.random() * sum(last - first for first, last in gaps)
    for first_s, last_s in gaps:
        if along_s <= last_s - first_s:
            return float(round(first_s + along_s, 1))
        along_s -= last_s - first_s
    return float(round(gaps[-1][1], 1))
