"""The heat exchanger against its textbook balance, and the valve's control."""

import numpy as np
import pytest

from coldplate.twin.exchanger import TRAVEL_S, WATER_W_PER_K_LPM, Exchanger, Valve
from coldplate.twin.fluid import capacity_w_per_k

FULL_W = 65e3


@pytest.fixture
def exchanger():
    return Exchanger(64.0, FULL_W, 30.0)


def heat(exchanger, coolant_lpm, water_lpm, warmer_k, factor=1.0):
    coolant = np.array([float(capacity_w_per_k(coolant_lpm, 30.0))])
    passed, share = exchanger.heat(
        coolant, np.array([water_lpm]), np.array([warmer_k]), np.array([factor])
    )
    return float(coolant[0]), float(passed[0]), float(share[0])


def test_full_load_leaves_the_approach_it_was_sized_for(exchanger):
    """65 kW, 15 K: the coolant leaves 4 K above the water that comes."""
    water_lpm = 0.75 * exchanger.full_flow_lpm
    coolant, passed, _ = heat(
        exchanger, 64.0, water_lpm, 4.0 + FULL_W / capacity_w_per_k(64.0, 30.0)
    )
    assert pytest.approx(passed, rel=1e-6) == FULL_W
    assert 15.2 == pytest.approx(passed / coolant, abs=0.1)


@pytest.mark.parametrize("factor", [1.0, 0.4])
def test_heat_is_conductance_times_the_mean_difference(exchanger, factor):
    """At rated flows, where the films are as designed: Q = UA * LMTD, and both sides agree on Q."""
    water_lpm = 1.2 * 64.0
    coolant, passed, share = heat(exchanger, 64.0, water_lpm, 19.2, factor)
    warm, cold = 19.2 * (1.0 - share), 19.2 - passed / coolant
    mean = (warm - cold) / np.log(warm / cold)
    assert exchanger.ua_w_per_k * factor * mean == pytest.approx(passed)
    assert WATER_W_PER_K_LPM * water_lpm * 19.2 * share == pytest.approx(passed)


@pytest.mark.parametrize(("coolant_lpm", "water_lpm"), [(64.0, 0.0), (0.0, 77.0), (0.0, 0.0)])
def test_nothing_passes_where_nothing_flows(exchanger, coolant_lpm, water_lpm):
    """Water that stands is as warm as what comes back."""
    _, passed, share = heat(exchanger, coolant_lpm, water_lpm, 15.0)
    assert 0.0 == pytest.approx(passed, abs=1e-3)
    assert 0.0 <= share <= 1.0 + 1e-9


def test_equal_flows_are_no_special_case(exchanger):
    """The heat is continuous where the formula has 0 / 0."""
    equal = float(capacity_w_per_k(64.0, 30.0)) / WATER_W_PER_K_LPM
    around = [heat(exchanger, 64.0, equal * x, 15.0)[1] for x in (1 - 1e-4, 1.0, 1 + 1e-4)]
    assert around[0] < around[1] < around[2]
    assert around[0] == pytest.approx(around[2], rel=1e-3)


def test_a_warmer_facility_heats_the_coolant(exchanger):
    """The second law has no direction built in."""
    assert heat(exchanger, 64.0, 77.0, -5.0)[1] < 0


def test_the_valve_opens_when_it_is_too_warm_and_takes_its_time():
    """From shut to open in 30 s, and back when it is too cold."""
    valve, nowhere = Valve(np.zeros(2)), np.array([np.nan, 0.2])
    for _ in range(round(TRAVEL_S / 2 / 0.05)):
        valve.step(0.05, np.full(2, 20.0), np.zeros(2), nowhere)
    np.testing.assert_allclose([0.5, 0.2], valve.ratio)
    for _ in range(round(TRAVEL_S / 0.05)):
        valve.step(0.05, np.full(2, -20.0), np.zeros(2), nowhere)
    np.testing.assert_allclose([0.0, 0.2], valve.ratio, atol=1e-9)
