"""How well an acceptance finds what is wrong: a hall of the twin with seeded defects, brought up rack by rack.

Beside it stands what a pass at 75 % of the power target finds on the same hall, which is how a targeted power test of
today judges: a GPU that holds 525 of 700 W passes.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from coldplate.console.commission.defects import Defect, Seeded, seed_defects
from coldplate.console.commission.evidence import Evidence, Fleet, Rack
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import gpu, mean, middle, resistance
from coldplate.console.commission.order import STEPS
from coldplate.console.commission.phases import PHASES, Phase, phases_of
from coldplate.console.commission.procedure import Finding, Result, run_step
from coldplate.console.commission.rehearsal import Rehearsal, Times
from coldplate.console.commission.verdict import Verdict, verdict
from coldplate.twin.scenario import Scenario

TARGET_W, TARGET_RATIO = 700.0, 0.75
"""DCGM's targeted_power passes a GPU at 75 % of its target."""

Tell = Callable[[str, float], None]


def evaluate_commissioning(
    racks: int, seed: int, limits: Limits | None = None, tell: Tell = lambda *_: None,
    phases: Sequence[Phase] = PHASES, *, mild: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """The figures of one hall.

    Parameters
    ----------
    racks, seed
        Of the hall; the seed decides its defects too.
    limits
        The procedure's; default: their own.
    tell
        Told what is done, and which share.
    phases
        Which, and how long in the twin.
    mild
        Also defects within acceptance's limits, see defects.py.
    """
    held_to = limits or Limits()
    inventory = Scenario(racks=racks).inventory()
    all_racks = [Rack.of(inventory, d.id) for d in inventory.of_kind("rack")]
    seeded = seed_defects(all_racks, seed, Times.of(phases), mild=mild)
    hall = Rehearsal(
        racks, seed, faults=seeded.faults, dry=frozenset(seeded.dry), set_ratio=seeded.set_ratio,
        phases=phases,
    )  # fmt: skip
    tell(f"{racks} racks go through the procedure", 0.1)
    hall.run()
    serials = {i: f"S{n:06d}" for n, i in enumerate(d.id for d in inventory)}
    there = found_serials(serials, seeded)
    verdicts: dict[str, Verdict] = {}
    weak: set[str] = set()
    fleet: list[float] = []
    for n, rack in enumerate(hall.racks):
        evidence = hall.evidence(rack, serials, there, Fleet(tuple(fleet)))
        outcomes = [run_step(step, evidence, held_to) for step in STEPS]
        verdicts[rack.id] = verdict(rack, outcomes)
        fleet.append(middle(resistance(evidence.spans["full"].settled(), evidence)))
        weak |= _below_target(evidence)
        tell(f"{n + 1} of {racks} racks judged", (n + 1) / racks)
    real = phases_of(held_to.seconds)
    return _figures(hall.racks, seeded.defects, verdicts, weak) | {
        "minutes_per_rack": minutes_per_rack(real),
        "minutes_without_soak": minutes_per_rack([p for p in real if p.name != "soak"]),
        "racks": racks, "seed": seed, "mild": mild,
        "time_scale": {p.name: round(hall.times.scale(p.name), 1) for p in phases},
    }  # fmt: skip


def found_serials(planned: Mapping[str, str], seeded: Seeded) -> dict[str, str]:
    """What devices say of themselves: swapped nodes bring their GPUs with them."""
    out = dict(planned)
    for one, other in seeded.swapped:
        for i in planned:
            for here, there in ((one, other), (other, one)):
                if i == here or i.startswith(f"{here}/"):
                    out[i] = planned[there + i[len(here) :]]
    return out


def minutes_per_rack(phases: Sequence[Phase] = PHASES) -> float:
    """Of one rack's procedure at its real pace, the soak included."""
    return sum(p.seconds for p in phases) / 60.0


def _below_target(evidence: Evidence) -> set[str]:
    """GPUs that a test of power alone would fail."""
    power = mean(gpu(evidence.spans["full"].settled(), evidence, "power_w"))
    low = ~(power >= TARGET_RATIO * TARGET_W)
    return {evidence.rack.gpus[i] for i in np.flatnonzero(low)}


def _figures(
    racks: Sequence[Rack], defects: Sequence[Defect], verdicts: Mapping[str, Verdict], weak: set[str]
) -> dict[str, Any]:  # fmt: skip
    of = {r.id: r for r in racks}
    ill: dict[str, set[str]] = defaultdict(set)
    for d in defects:
        rack = of[d.subjects[0].partition("/")[0]]
        for s in d.subjects:
            for g in rack.gpus_under(s):
                ill[g].add(d.subjects[0])
    found = {d.subjects[0] for d in defects if _seen(d, verdicts)}
    right = {d.subjects[0] for d in defects if _cause_right(d, verdicts)}
    plain = {d.subjects[0] for d in defects if _seen_by_power(d, of, ill, weak)}
    healthy = [g for r in racks for g in r.gpus if not ill[g]]
    held = {g for v in verdicts.values() for g in v.held}
    wrongly = [g for g in healthy if g in held]
    n = len(defects)
    kinds = {
        kind: {
            "n": count,
            "found": sum(d.subjects[0] in found for d in defects if d.kind == kind),
            "cause_right": sum(d.subjects[0] in right for d in defects if d.kind == kind),
            "found_by_power": sum(d.subjects[0] in plain for d in defects if d.kind == kind),
        }
        for kind, count in sorted(Counter(d.kind for d in defects).items())
    }
    missed = [f"{d.kind} {d.subjects[0]} severity {d.severity:.2f}" for d in defects if d.subjects[0] not in found]  # fmt: skip
    wrong = [f"{f.cause} {f.subject}" for v in verdicts.values() for f in v.findings if _groundless(f, defects)]  # fmt: skip
    return {
        "defects": n, "found": len(found), "recall": len(found) / n if n else None,
        "wrongly_held_ratio": len(wrongly) / len(healthy) if healthy else None,
        "cause_correct_ratio": len(right) / len(found) if found else None,
        "dcgm_like_recall": len(plain) / n if n else None, "kinds": kinds,
        "verdicts": dict(Counter(v.word for v in verdicts.values())), "missed": missed, "groundless": wrong,
    }  # fmt: skip


def _on(d: Defect, verdicts: Mapping[str, Verdict]) -> list[Finding]:
    """Findings on the devices of a defect, or within them."""
    rack = d.subjects[0].partition("/")[0]
    return [
        f for f in verdicts[rack].findings
        if any(f.subject == s or f.subject.startswith(f"{s}/") for s in d.subjects)
    ]  # fmt: skip


def _seen(d: Defect, verdicts: Mapping[str, Verdict]) -> bool:
    return bool(_on(d, verdicts))


def _cause_right(d: Defect, verdicts: Mapping[str, Verdict]) -> bool:
    """The right cause on the right device, and no other one beside it."""
    causes = {f.cause for f in _on(d, verdicts) if f.result is Result.FAIL}
    return causes == {d.cause}


def _seen_by_power(d: Defect, of: Mapping[str, Rack], ill: Mapping[str, set[str]], weak: set[str]) -> bool:  # fmt: skip
    """A GPU of it fails the test of power, and no other defect is why."""
    rack = of[d.subjects[0].partition("/")[0]]
    under = {g for s in d.subjects for g in rack.gpus_under(s)}
    return any(g in weak and ill[g] == {d.subjects[0]} for g in under)


def _groundless(f: Finding, defects: Sequence[Defect]) -> bool:
    """Nothing is wrong with it, nor with what it is in."""
    return not any(
        f.subject == s or f.subject.startswith(f"{s}/") or s.startswith(f"{f.subject}/")
        for d in defects
        for s in d.subjects
    )
