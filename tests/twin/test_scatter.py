"""Faults at random: all kinds, the same from the same seed, none on top of another."""

from itertools import combinations

import numpy as np
import pytest

from coldplate.twin.faults.library import KINDS
from coldplate.twin.places import Places
from coldplate.twin.scatter import GAP_S, HZ_MAX, HZ_MIN, START_S, ScatterError, scatter
from coldplate.twin.scenario import Scenario, check
from coldplate.wire.inventory import generate

HALL = generate(8, 2, 2)
LONG_S = 40_000.0


def test_each_kind_comes_so_often_and_the_hall_can_run_them():
    """All but the XID whose number a scenario gives, in order of onset, over before the end."""
    faults = scatter(HALL, 1, LONG_S, repeats=2)
    counts = {name: sum(f.kind == name for f in faults) for name in KINDS}
    assert dict.fromkeys(KINDS, 2) | {"xid": 0} == counts
    check(Scenario(racks=8, nodes=2, gpus=2, faults=faults))
    assert sorted(f.at_s for f in faults) == [f.at_s for f in faults]
    assert all(START_S <= f.at_s < f.end_s < LONG_S for f in faults)


def test_the_seed_decides_alone():
    """The same gives the same, another gives others."""
    assert scatter(HALL, 7, LONG_S) == scatter(HALL, 7, LONG_S)
    assert scatter(HALL, 7, LONG_S) != scatter(HALL, 8, LONG_S)


@pytest.mark.parametrize("seed", range(5))
def test_two_faults_never_touch_a_rack_at_once(seed):
    """Recovery and the time for an alert to close included; a fault of the hall has the hall for itself."""
    places = Places(HALL)
    faults = scatter(HALL, seed, LONG_S, repeats=1)
    spans = [
        (f.at_s - KINDS[f.kind].lead_s, f.end_s + KINDS[f.kind].recovery_s + GAP_S - 0.1) for f in faults
    ]  # fmt: skip
    racks = [set(places.racks(f.subject)) for f in faults]
    together = [
        (faults[i], faults[j])
        for i, j in combinations(range(len(faults)), 2)
        if racks[i] & racks[j] and spans[i][0] < spans[j][1] and spans[j][0] < spans[i][1]
    ]
    assert [] == together


def test_severities_and_places_are_spread():
    """Evenly from 0 to 1, which amounts spread as their logarithm, over all racks and both feeds."""
    faults = scatter(HALL, 3, LONG_S, repeats=60, kinds=["feed-loss", "paste-pump-out"])
    severities = np.array([f.severity for f in faults])
    assert 0.5 == pytest.approx(severities.mean(), abs=0.1)
    assert 1 / 12**0.5 == pytest.approx(severities.std(), abs=0.05)
    paste = {f.subject.split("/")[0] for f in faults if f.kind == "paste-pump-out"}
    assert 8 == len(paste)
    assert {"a", "b"} == {f.feed for f in faults if f.kind == "feed-loss"}


def test_oscillations_have_frequencies_that_a_grid_minds():
    """From 0.1 to 5 Hz, each its own."""
    swings = [f.hz for f in scatter(HALL, 3, LONG_S, repeats=20, kinds=["power-oscillation"])]
    assert all(HZ_MIN <= hz <= HZ_MAX for hz in swings)
    assert len(set(swings)) > 15


def test_too_many_faults_for_the_time_are_refused():
    """With what would help."""
    with pytest.raises(ScatterError, match="found none; give more of either"):
        scatter(HALL, 1, 2_000.0)
