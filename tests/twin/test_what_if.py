"""Rehearsals: the closed form is that of the facts, and the hall agrees with it."""

import pytest

from coldplate.twin.closed_form import facility_loss_s, film_w_per_k, flow_loss_s, steady_c
from coldplate.twin.what_if import KINDS, in_words, rehearse


@pytest.mark.parametrize(
    ("supply_c", "start_c", "to_87_s", "to_95_s"),
    [(25, 50, 10.6, 12.4), (30, 55, 9.5, 11.3), (40, 65, 7.2, 9.0), (45, 70, 6.0, 7.8)],
)
def test_flow_lost_by_the_closed_form(supply_c, start_c, to_87_s, to_95_s):
    """The worked examples at 700 W: both lumps, pumps coasting."""
    assert start_c == round(steady_c(700, supply_c, 1.0))
    assert to_87_s == pytest.approx(flow_loss_s(700, supply_c, 1.0), abs=0.1)
    assert to_95_s == pytest.approx(flow_loss_s(700, supply_c, 1.0, to_c=95), abs=0.1)


def test_what_does_not_heat_up_is_said_to():
    """Without flow even an idle GPU gets there, only late; within a minute it does not."""
    assert flow_loss_s(79, 20, 1.0, longest_s=60) is None
    assert flow_loss_s(79, 20, 1.0) > 60
    assert 0.0 == film_w_per_k(0.0)


@pytest.mark.parametrize(("supply_c", "seconds"), [(30, 84), (40, 58)])
def test_facility_water_lost_by_the_closed_form(supply_c, seconds):
    """A rack of 65 kW with 35 l and 30 kJ/K: 0.38 K/s."""
    assert seconds == pytest.approx(facility_loss_s(700, supply_c, 1.0, 65_000, 64), abs=0.6)
    # A loop of half the size with half the heat is the same.
    half = facility_loss_s(700, supply_c, 1.0, 32_500, 32)
    assert half == pytest.approx(facility_loss_s(700, supply_c, 1.0, 65_000, 64))


@pytest.mark.parametrize("kind", KINDS)
def test_the_hall_agrees_with_the_closed_form(kind):
    """Within 15 %, in every case that throttles; shutdown comes after it, and warmer water or more load is sooner."""
    answer = rehearse(kind, 64, supply_c=(30.0, 40.0), load_w=(700.0, 500.0))
    cases = {(c["supply_c"], c["load_w"]): c for c in answer["cases"]}
    assert {(30, 700), (40, 700), (30, 500), (40, 500)} == set(cases)
    for case in cases.values():
        assert 1.0 == pytest.approx(case["ratio"], abs=0.15), case
        assert case["ratio"] == pytest.approx(case["first_throttle_s"] / case["closed_form_s"], abs=1e-3)  # fmt: skip
        assert case["first_throttle_s"] < case["first_shutdown_s"]
    asked = cases[30, 700]
    for key in ("first_throttle_s", "first_shutdown_s", "closed_form_s", "ratio"):
        assert asked[key] == answer[key]
    assert cases[40, 700]["first_throttle_s"] < asked["first_throttle_s"]
    # 200 W less is 7 K less at the start, and slower from there.
    assert 1.3 * asked["first_throttle_s"] < cases[30, 500]["first_throttle_s"]
    assert 7 == pytest.approx(asked["start_c"] - cases[30, 500]["start_c"], abs=1)


def test_an_answer_is_given_in_words():
    """One sentence for the person who asks, and what does not come is said not to."""
    told = {"kind": "flow-loss", "load_w": 700.0, "supply_c": 30.0, "first_throttle_s": 9.4, "first_shutdown_s": None}  # fmt: skip
    words = in_words(told)
    assert "Without coolant flow, at 700 W a GPU and 30 degC supply" in words
    assert "throttles after 9 s" in words
    assert "itself off not within 15 minutes" in words
