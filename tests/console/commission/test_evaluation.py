"""The evaluation on a small hall: the same figures each time, every kind of defect there, and nearly all found."""

import json

import msgspec
import numpy as np
import pytest
from console.commission.racks import SHORT
from tree import ROOT

from coldplate.console.commission.causes import CAUSES
from coldplate.console.commission.defects import KINDS, seed_defects
from coldplate.console.commission.evaluating import evaluate_commissioning, found_serials
from coldplate.console.commission.evidence import Rack
from coldplate.console.commission.limits import MEANINGS, Limits
from coldplate.console.commission.order import STEPS
from coldplate.console.commission.phases import PHASES
from coldplate.console.commission.rehearsal import Times
from coldplate.twin.scenario import Scenario

KEYS = {
    "defects", "found", "recall", "wrongly_held_ratio", "cause_correct_ratio", "minutes_per_rack", "dcgm_like_recall", "kinds",
}  # fmt: skip


def racks_of(count):
    inventory = Scenario(racks=count).inventory()
    return [Rack.of(inventory, d.id) for d in inventory.of_kind("rack")], inventory


def test_a_small_hall_is_judged_alike_each_time():
    """One defect of each kind in ten racks, found with their causes; a test of power finds next to nothing."""
    out = evaluate_commissioning(10, 3, phases=SHORT)
    assert set(out) >= KEYS
    assert set(KINDS) == set(out["kinds"])
    assert len(KINDS) <= out["defects"]
    assert out["found"] / out["defects"] == out["recall"]
    assert out["recall"] >= 0.94
    assert out["cause_correct_ratio"] >= 0.9
    assert 0.0 == out["wrongly_held_ratio"]
    assert out["dcgm_like_recall"] < 0.2
    assert out["minutes_per_rack"] > out["minutes_without_soak"] > 60
    assert out == evaluate_commissioning(10, 3, phases=SHORT)


def test_defects_follow_from_the_seed():
    """Each kind is there at least once, none within another, and another seed gives others."""
    racks, _ = racks_of(50)
    times = Times.of()
    one = seed_defects(racks, 1, times)
    assert one == seed_defects(racks, 1, times)
    assert one.defects != seed_defects(racks, 2, times).defects
    kinds = [d.kind for d in one.defects]
    assert all(kinds.count(kind) >= 2 for kind in KINDS)
    subjects = [s for d in one.defects for s in d.subjects]
    assert len(subjects) == len(set(subjects))
    mild = seed_defects(racks, 1, times, mild=True)
    assert np.mean([d.severity for d in mild.defects]) < np.mean([d.severity for d in one.defects])


def test_swapped_nodes_bring_their_gpus():
    """Serials of both nodes and of all their GPUs are found in each other's places, and no other."""
    racks, inventory = racks_of(1)
    planned = {d.id: f"S{n}" for n, d in enumerate(inventory)}
    seeded = seed_defects(racks, 1, Times.of())
    ((one, other),) = seeded.swapped
    found = found_serials(planned, seeded)
    assert planned[f"{other}/gpu-3"] == found[f"{one}/gpu-3"]
    assert 18 == sum(found[i] != planned[i] for i in planned)


def test_every_cause_of_a_defect_is_a_word_of_findings():
    """And what a cause explains are causes."""
    assert {k.cause for k in KINDS.values()} <= set(CAUSES)
    assert {e for c in CAUSES.values() for e in c.explains | c.replaces} <= set(CAUSES)
    assert set(MEANINGS) == set(Limits.__struct_fields__)


def test_the_page_lists_limits_phases_and_steps():
    """With their defaults as they are."""
    page = (ROOT / "docs/bring-up.md").read_text("utf-8")
    builtin = msgspec.to_builtins(Limits())
    for key, meaning in MEANINGS.items():
        value = builtin[key]
        said = f"{value:g}" if isinstance(value, (int, float)) else json.dumps(value)
        assert f"| `{key}` | {said} | {meaning} |" in page
    assert all(f"| `{step.name}` | {', '.join(step.phases)} | {step.line} |" in page for step in STEPS)  # fmt: skip
    assert all(f"| `{phase.name}` |" in page for phase in PHASES)


def test_times_leave_room_between_loads():
    """Full load goes on into the failover; every other phase begins after the load before has ended."""
    times = Times.of()
    assert times.end_s["full"] == times.begin_s["failover"]
    assert times.begin_s["steps"] >= times.end_s["failover"] + 2.0
    assert pytest.approx(60.0) == times.scale("hold")
