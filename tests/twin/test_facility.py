"""The building: weather and water, dew point, feeds and UPS, batteries and the grid."""

import numpy as np
import pytest

from coldplate.twin.effects import Effects
from coldplate.twin.facility import (
    DRY_COOLER_APPROACH_K,
    UPS_S,
    Facility,
    dew_point,
)


def facility(racks=2, **options):
    return Facility(racks, np.random.default_rng(1), **options)


def effects(racks=2):
    return Effects(racks, racks * 8, racks * 64)


def run(building, seconds, effects, rack_w, dt_s=0.05):
    out = []
    for _ in range(round(seconds / dt_s)):
        building.step(dt_s, effects, np.full(2, rack_w))
        out.append((building.grid_hz, building.load_w, building.grid_w))
    return np.array(out).T


@pytest.mark.parametrize(("air_c", "humidity", "dew_c"), [(24, 50, 12.9), (27, 60, 18.6), (30, 60, 21.4)])  # fmt: skip
def test_dew_points_are_those_of_the_table(air_c, humidity, dew_c):
    """Magnus."""
    assert dew_c == pytest.approx(dew_point(air_c, humidity), abs=0.05)


def test_water_follows_the_day_and_the_season():
    """Coldest at 4 in the morning and on 15 January."""
    at = {d: facility(start_day=d).facility_supply_c for d in (15.17, 15.67, 196.17, 196.67)}
    assert at[15.17] < at[15.67] < at[196.67]
    assert at[15.17] < at[196.17]
    assert 24.0 == pytest.approx(np.mean(list(at.values())), abs=2.0)


def test_dry_coolers_cannot_cool_below_the_weather():
    """On a hot afternoon the water is the air's temperature plus the approach; in winter the base holds."""
    hot = facility(start_day=197.67, outdoor_c=20.0)
    assert hot.outdoor_c > 30
    assert hot.outdoor_c + DRY_COOLER_APPROACH_K == pytest.approx(hot.facility_supply_c)
    cold = facility(start_day=15.17, outdoor_c=20.0)
    assert cold.facility_supply_c < 24.0
    assert cold.facility_supply_c > cold.outdoor_c + DRY_COOLER_APPROACH_K


def test_water_and_dew_point_can_be_shifted():
    """And come back when the shift ends."""
    building, changed = facility(), effects()
    before = building.facility_supply_c, building.dew_point_c
    changed.facility_delta_c, changed.dew_point_delta_c = 6.0, 4.0
    building.step(0.05, changed, np.zeros(2))
    assert before[0] + 6.0 == pytest.approx(building.facility_supply_c, abs=0.01)
    assert before[1] + 4.0 == pytest.approx(building.dew_point_c, abs=0.01)
    building.step(0.05, effects(), np.zeros(2))
    assert before[0] == pytest.approx(building.facility_supply_c, abs=0.01)


def test_a_day_of_time_passes_with_the_steps():
    """Twelve hours from the coldest hour the water is at its warmest of the day."""
    building, neutral = facility(start_day=100.17), effects()
    night = building.facility_supply_c
    for _ in range(12):
        building.step(3600.0, neutral, np.zeros(2))
    assert night + 1.0 == pytest.approx(building.facility_supply_c, abs=0.05)


def test_grid_frequency_wanders_a_little_and_the_same_every_time():
    """Around 60 Hz by hundredths, slowly."""
    hz, _, _ = run(facility(), 120, effects(), 60e3)
    assert 60.0 == pytest.approx(hz.mean(), abs=0.03)
    assert 0.003 < hz.std() < 0.04
    assert np.abs(np.diff(hz)).max() < 0.01
    np.testing.assert_array_equal(hz, run(facility(), 120, effects(), 60e3)[0])


def test_feeds_share_a_rack_and_one_takes_all_when_the_other_is_gone():
    """Nothing is lost on the way."""
    building, changed = facility(), effects()
    changed.feed_lost[0, 1] = True
    building.step(0.05, changed, np.array([60e3, 60e3]))
    np.testing.assert_allclose([[30e3, 0.0], [30e3, 60e3]], building.feed_w)
    assert 120e3 == pytest.approx(building.load_w)
    assert not building.dark.any()


def test_a_rack_without_feeds_lives_on_its_ups_and_charges_it_afterwards():
    """Five minutes at design load; a dark rack is not one that is fed."""
    building, changed = facility(rack_w=60e3), effects()
    changed.feed_lost[:, 0] = True
    run(building, UPS_S - 1.0, changed, 60e3, dt_s=1.0)
    assert not building.dark.any()
    assert 60e3 == pytest.approx(building.load_w)
    run(building, 2.0, changed, 60e3, dt_s=1.0)
    assert [True, False] == building.dark.tolist()
    _, load, _ = run(building, 3_100.0, effects(), 60e3, dt_s=1.0)
    assert not building.dark.any()
    assert UPS_S * 60e3 == pytest.approx((load - 120e3).sum())
    assert 120e3 == pytest.approx(building.load_w)


def test_batteries_take_the_swing_and_no_energy():
    """A swing of 0.67 Hz reaches the grid with less than a tenth; what they took they gave."""
    building, neutral = facility(smoothing_s=5.0), effects()
    building.settle(np.full(2, 35e3))
    load, grid = [], []
    for n in range(600):
        building.step(0.05, neutral, np.full(2, 60e3 if n % 30 < 15 else 10e3))
        load.append(building.load_w)
        grid.append(building.grid_w)
    assert np.ptp(grid[300:]) < 0.1 * np.ptp(load[300:])
    assert 0.05 * (np.sum(grid) - np.sum(load)) == pytest.approx(building.battery_j)
    assert np.mean(load) == pytest.approx(np.mean(grid), rel=0.02)


def test_without_batteries_the_grid_sees_the_load():
    """At once."""
    _, load, grid = run(facility(smoothing_s=0.0), 1.0, effects(), 55e3)
    np.testing.assert_allclose(load, grid)
