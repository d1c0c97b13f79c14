"""The day on which a GPU will throttle."""

from math import inf

import numpy as np

from coldplate.streams.wear import throttle_day

FULL = {"power_w": 700.0, "supply_c": 40.0, "limit_c": 87.0}
DAYS = np.arange(30.0)


def test_a_steady_trend_is_carried_on_to_the_limit():
    """0.0001 K/W a day from 0.036 reaches 0.0671, which is 87 degC at 700 W and 40 degC, on day 311."""
    found = throttle_day(DAYS, 0.036 + 1e-4 * DAYS, **FULL)
    assert found is not None
    assert 311 == round(found.day)


def test_nine_of_ten_intervals_hold_the_truth():
    """With noise of 0.0003 K/W a day the interval has a width, and the day lies in it as often as it says."""
    held = 0
    for seed in range(200):
        noise = np.random.default_rng(seed).normal(0.0, 3e-4, 30)
        found = throttle_day(DAYS, 0.036 + 1e-4 * DAYS + noise, **FULL)
        assert found is not None
        held += found.earliest < 311 < found.latest
    assert 170 <= held <= 195


def test_odd_days_and_days_without_load_do_not_move_it():
    """Three days far off and three absent of thirty."""
    r = 0.036 + 1e-4 * DAYS
    r[[5, 12, 20]] += 0.02
    r[[7, 8, 9]] = np.nan
    found = throttle_day(DAYS, r, **FULL)
    assert found is not None
    assert abs(found.day - 311) < 10


def test_a_healthy_gpu_never_throttles():
    """Without a trend no day is named."""
    found = throttle_day(DAYS, np.full(30, 0.036), **FULL)
    assert found is not None
    assert inf == found.day


def test_who_is_over_the_limit_throttles_today():
    """At full load and the warmest supply it would already."""
    found = throttle_day(DAYS, np.full(30, 0.07), **FULL)
    assert found is not None
    assert 29.0 == found.day


def test_four_days_have_no_trend():
    """Too few to say anything."""
    assert throttle_day(DAYS[:4], 0.036 + 1e-4 * DAYS[:4], **FULL) is None
