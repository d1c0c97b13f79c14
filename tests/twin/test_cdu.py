"""The CDUs against worked examples: what is seen, and how many seconds are left, when water fails."""

import numpy as np
import pytest

from coldplate.twin.cdu import Cdus
from coldplate.twin.effects import Effects
from coldplate.twin.facility import Facility

HEAT_W = 65e3
DT_S, SLOW_S = 0.05, 0.1


class Rig:
    """Racks on a facility whose water does not move, at full load."""

    def __init__(self, racks=1, supply_c=30.0, heat_w=HEAT_W, seed=1):
        self.effects = Effects(racks, racks * 8, racks * 64)
        random = np.random.default_rng(seed)
        self.facility = Facility(racks, random)
        self.facility.facility_supply_c = supply_c - 5.5
        self.heat_w = np.full(racks, heat_w)
        self.cdus = Cdus(racks, 8, 8, supply_c=supply_c, flow_lpm=1.0, random=random)
        self.cdus.settle(self.effects, self.facility, self.heat_w)

    def run(self, seconds, name="flow_lpm", dt_s=DT_S):
        """One reading of the first rack a step."""
        seen = []
        for _ in range(round(seconds / dt_s)):
            self.cdus.step(dt_s, self.effects, self.facility, self.heat_w)
            seen.append(float(getattr(self.cdus, name)[0]))
        return np.array(seen)


class Plate:
    """One GPU at 700 W on its plate: the two stages of the worked examples."""

    def __init__(self, supply_c):
        self.plate_c = supply_c + 700.0 * 0.0155
        self.die_c = self.plate_c + 700.0 * 0.020

    def step(self, supply_c, q):
        conductance = min(1.0 / (0.008 * q**-0.6 + 1.0 / (133.4 * q)), 66.7 * q)
        through = (self.die_c - self.plate_c) / 0.020
        self.die_c += DT_S / 10.0 * (700.0 - through)
        self.plate_c += DT_S / 150.0 * (through - conductance * (self.plate_c - supply_c))


def seconds_to_87(rig, gpu_c, most_s=200.0):
    """With a GPU on the rig's supply and its share of the flow; None when it never comes."""
    for n in range(round(most_s / DT_S)):
        rig.run(DT_S)
        gpu_c.step(rig.cdus.supply_c[0], float(rig.cdus.flow_lpm[0]) / 64.0)
        if gpu_c.die_c >= 87.0:
            return (n + 1) * DT_S
    return None


def test_at_rest_everything_is_as_it_was_designed():
    """One pump at rated speed, 15 K, 4 to 5.5 K above the facility, and no drift over two minutes."""
    rig = Rig()
    supply_c = rig.run(120, "supply_c")
    cdus = rig.cdus
    assert 30.0 == pytest.approx(supply_c, abs=0.05)
    assert 45.2 == pytest.approx(cdus.return_c[0], abs=0.1)
    assert 64.0 == pytest.approx(cdus.flow_lpm[0], rel=0.01)
    assert 1.0 == pytest.approx(cdus.speed_ratio[0, 0], abs=0.01)
    assert cdus.speed_ratio[1, 0] == 0.0
    assert 600.0 == pytest.approx(cdus.pump_w[0, 0], rel=0.03)
    assert 90.0 == pytest.approx(cdus.supply_kpa[0] - cdus.return_kpa[0], rel=0.01)
    assert 148.7 == pytest.approx(cdus.return_kpa[0], abs=0.5)
    assert 0.8 == pytest.approx(cdus.reservoir_ratio[0], abs=0.002)
    assert 0.4 < cdus.valve_ratio[0] < 0.75
    water_k = cdus.facility_return_c[0] - rig.facility.facility_supply_c
    assert HEAT_W == pytest.approx(69.4 * cdus.facility_flow_lpm[0] * water_k, rel=2e-3)


@pytest.mark.parametrize(("supply_c", "table_s"), [(25, 10.6), (30, 9.5), (40, 7.2), (45, 6.0)])
def test_without_pumps_the_limit_is_seconds_away(supply_c, table_s):
    """Both pumps lose power and coast; 700 W held: within 10 % of the worked example."""
    rig = Rig(supply_c=supply_c)
    rig.effects.pump_ratio_max[:] = 0.0
    assert table_s == pytest.approx(seconds_to_87(rig, Plate(supply_c)), rel=0.1)


@pytest.mark.parametrize(("supply_c", "ratio", "table_s"), [(30, 0.2, 19), (30, 0.3, None)])
def test_a_weak_spare_gives_the_seconds_of_the_table_or_for_ever(supply_c, ratio, table_s):
    """The duty pump stops, the spare reaches a share of its speed: that share of the flow is left.

    A little more, because coolant that comes back warmer is thinner.
    """
    rig, gpu = Rig(supply_c=supply_c), Plate(supply_c)
    rig.effects.pump_ratio_max[:, 0] = 0.0, ratio
    assert (table_s and pytest.approx(table_s, rel=0.1)) == seconds_to_87(rig, gpu, 60.0)
    assert 1.0 <= rig.cdus.flow_lpm[0] / 64.0 / ratio < 1.06
    if table_s is None:
        assert 79.0 == pytest.approx(gpu.die_c, abs=2.5)


def test_lost_facility_water_leaves_84_seconds():
    """Pumps run on: 0.38 K/s, from 30 degC supply to 87 at the GPU, within 10 % of the worked example."""
    rig = Rig()
    rig.effects.facility_flow_factor[:] = 0.0
    assert 84.0 == pytest.approx(seconds_to_87(rig, Plate(30.0)), rel=0.1)
    before = rig.cdus.supply_c[0]
    rig.run(10)
    assert 0.38 == pytest.approx((rig.cdus.supply_c[0] - before) / 10.0, rel=0.05)
    assert 1.0 < rig.cdus.flow_lpm[0] / 64.0 < 1.1


def test_facility_water_that_comes_back_brings_the_set_point_back():
    """Within minutes, without falling below it by more than 2 K."""
    rig = Rig()
    rig.effects.facility_flow_factor[:] = 0.0
    rig.run(40)
    rig.effects.facility_flow_factor[:] = 1.0
    after = rig.run(300, "supply_c", dt_s=SLOW_S)
    assert after.min() > 28.0
    assert 30.0 == pytest.approx(after[-100:], abs=0.3)


def test_a_pump_with_a_good_spare_dips_for_three_seconds():
    """The change-over that must not be taken for a failure; afterwards the spare does what the other did."""
    rig = Rig()
    rig.effects.pump_ratio_max[0] = 0.0
    ratio = rig.run(60) / 64.0
    assert 0.3 < ratio.min() < 0.8
    assert ratio[60:].min() > 0.9
    assert ratio[80:].min() > 0.98
    assert ratio.max() < 1.08
    assert rig.cdus.speed_ratio[1, 0] == pytest.approx(1.0, abs=0.03)
    assert rig.cdus.pump_w[0, 0] < 1.0


def test_a_pump_that_is_repaired_takes_over_again_without_a_gap():
    """Flow never falls by more than 5 %, and the spare rests."""
    rig = Rig()
    rig.effects.pump_ratio_max[0, 0] = 0.0
    rig.run(30)
    rig.effects.pump_ratio_max[0, 0] = 1.0
    assert (rig.run(60) / 64.0).min() > 0.95
    assert [1.0, 0.0] == pytest.approx(rig.cdus.speed_ratio[:, 0], abs=0.03)


def test_pumps_rotate_without_a_gap():
    """A healthy change of duty."""
    rig = Rig()
    rig.effects.duty_pump[:] = 1
    ratio = rig.run(60) / 64.0
    assert ratio.min() > 0.95
    assert ratio.max() < 1.25
    assert [0.0, 1.0] == pytest.approx(rig.cdus.speed_ratio[:, 0], abs=0.03)


def test_a_dark_rack_has_no_pumps_and_they_start_when_there_is_power_again():
    """Neither feed nor UPS; the other rack pumps on."""
    rig = Rig(2)
    rig.facility.dark[0] = True
    assert rig.run(10)[-1] < 1.0
    assert 64.0 == pytest.approx(rig.cdus.flow_lpm[1], rel=0.01)
    rig.facility.dark[0] = False
    assert 64.0 == pytest.approx(rig.run(40)[-1], rel=0.05)


def test_a_worn_pump_runs_faster_for_the_same_flow():
    """A fifth of the head lost is a tenth more speed."""
    rig = Rig()
    rig.effects.pump_head_factor[0] = 0.8
    assert rig.run(60)[-1] == pytest.approx(64.0, rel=0.02)
    assert 1.09 == pytest.approx(rig.cdus.speed_ratio[0, 0], abs=0.03)


def test_a_filter_clogs_first_in_pressure_then_in_speed_then_in_flow():
    """1 / (1 - c)^2; flow is held as long as the pump has a reserve."""
    rig = Rig()
    rig.effects.filter_clogged_ratio[:] = 0.5
    assert rig.run(60)[-1] == pytest.approx(64.0, rel=0.02)
    assert 48.0 == pytest.approx(rig.cdus.filter_kpa_delta[0], rel=0.03)
    assert 1.05 < rig.cdus.speed_ratio[0, 0] < 1.19
    rig.effects.filter_clogged_ratio[:] = 0.8
    assert rig.run(60)[-1] < 58.0
    assert 1.2 == pytest.approx(rig.cdus.speed_ratio[0, 0], abs=0.01)
    assert 30.0 == pytest.approx(rig.cdus.supply_c[0], abs=0.5)


def test_a_valve_that_closes_leaves_its_share():
    """Pressure across the rack is held, so the flow is the share and the pump slows."""
    rig = Rig()
    rig.effects.opening_ratio[:] = 0.3
    assert 0.3 == pytest.approx(rig.run(90)[-1] / 64.0, rel=0.05)
    assert rig.cdus.speed_ratio[0, 0] < 0.9


def test_a_fouled_exchanger_opens_the_valve_and_then_raises_the_approach():
    """Supply is held until the valve is open; flow does not move."""
    rig = Rig()
    start = rig.cdus.valve_ratio[0]
    rig.effects.exchanger_factor[:] = 0.8
    rig.run(300, dt_s=SLOW_S)
    assert 30.0 == pytest.approx(rig.cdus.supply_c[0], abs=0.2)
    assert rig.cdus.valve_ratio[0] > start + 0.1
    rig.effects.exchanger_factor[:] = 0.4
    assert 64.0 == pytest.approx(rig.run(300, dt_s=SLOW_S), rel=0.02)
    assert 1.0 == pytest.approx(rig.cdus.valve_ratio[0])
    assert rig.cdus.supply_c[0] - rig.facility.facility_supply_c > 8.0


@pytest.mark.parametrize(("stuck", "warmer"), [(0.2, True), (1.0, False)])
def test_a_stuck_valve_lets_the_supply_go(stuck, warmer):
    """Warmer when it is too far shut, colder when too far open, never colder than the water."""
    rig = Rig()
    rig.effects.valve_stuck_ratio[:] = stuck
    rig.run(300, dt_s=SLOW_S)
    assert warmer == (rig.cdus.supply_c[0] > 31.0)
    assert (not warmer) == (rig.cdus.supply_c[0] < 29.5)
    assert rig.cdus.supply_c[0] > rig.facility.facility_supply_c


def test_supply_follows_its_set_point_and_stays_off_the_dew_point():
    """An error of the set point is obeyed, as long as it is 2 K above the dew point."""
    rig = Rig()
    rig.facility.facility_supply_c = 12.0
    rig.effects.set_point_delta_c[:] = -8.0
    assert 22.0 == pytest.approx(rig.run(400, "supply_c", dt_s=SLOW_S)[-1], abs=0.1)
    rig.facility.dew_point_c = 24.0
    assert 26.0 == pytest.approx(rig.run(400, "supply_c", dt_s=SLOW_S)[-1], abs=0.1)


def test_a_leak_lowers_level_and_pressure_and_make_up_counts_it():
    """1 l is 50 kPa; every litre is accounted for."""
    rig = Rig()
    start_l, start_kpa = rig.cdus.coolant_l()[0], rig.cdus.return_kpa[0]
    rig.effects.leak_lpm[:] = 1.0
    rig.run(60)
    assert 1.0 == pytest.approx(rig.cdus.leaked_l[0])
    assert -50.0 == pytest.approx(rig.cdus.return_kpa[0] - start_kpa, abs=1.5)
    assert 0.75 == pytest.approx(rig.cdus.reservoir_ratio[0], abs=0.003)
    rig.run(60)
    assert rig.cdus.makeup_l_total[0] > 0.5
    accounted = start_l - rig.cdus.leaked_l[0] + rig.cdus.makeup_l_total[0]
    assert accounted == pytest.approx(rig.cdus.coolant_l()[0], abs=1e-9)
    rig.effects.leak_lpm[:] = 0.0
    rig.run(90)
    assert 0.8 == pytest.approx(rig.cdus.reservoir_ratio[0], abs=0.003)
    filled_l = rig.cdus.makeup_l_total[0]
    rig.run(60)
    assert filled_l == rig.cdus.makeup_l_total[0]


def test_a_burst_empties_the_reservoir_and_the_level_switch_stops_the_pumps():
    """Make-up cannot follow; no more leaks than there was."""
    rig = Rig()
    rig.effects.leak_lpm[:] = 20.0
    assert rig.run(70)[-1] < 1.0
    assert rig.cdus.reservoir_ratio[0] < 0.06
    assert rig.cdus.leaked_l[0] <= 16.0 + rig.cdus.makeup_l_total[0]


def test_warmer_coolant_raises_the_static_pressure():
    """35 l that warm by 10 K are 11 kPa, at the table's 30 to 40 degC."""
    rig = Rig(supply_c=30.0, heat_w=1e3)
    start_c, start_kpa = rig.cdus.supply_c[0], rig.run(DT_S, "return_kpa")[0]
    rig.effects.set_point_delta_c[:] = 10.0
    rig.facility.facility_supply_c = 40.0
    rig.run(900, dt_s=SLOW_S)
    warmed = rig.cdus.supply_c[0] - start_c
    assert 5.0 < warmed
    assert 1.1 * warmed == pytest.approx(rig.cdus.return_kpa[0] - start_kpa, rel=0.12)


@pytest.mark.parametrize("seed", range(6))
def test_heat_and_litres_are_conserved_and_nothing_is_colder_than_its_source(seed):
    """Four minutes of random load, water and faults: heat in is heat out and stored, within 0.1 %."""
    random, racks = np.random.default_rng(seed), 5
    rig = Rig(racks, seed=seed)
    cdus, effects = rig.cdus, rig.effects
    stored_j, litres, coldest = cdus.stored_j(), cdus.coolant_l(), cdus.supply_c.min()
    for _ in range(12):
        rig.heat_w = random.uniform(0.0, 80e3, racks)
        rig.facility.facility_supply_c = random.uniform(10.0, 35.0)
        effects.facility_flow_factor[:] = random.choice([0.0, 0.5, 1.0], racks)
        effects.pump_ratio_max[:] = random.choice([0.0, 0.3, 1.0], (2, racks))
        effects.opening_ratio[:] = random.choice([1e-3, 0.4, 1.0], racks)
        effects.exchanger_factor[:] = random.uniform(0.2, 1.0, racks)
        effects.leak_lpm[:] = random.choice([0.0, 0.1, 30.0], racks)
        effects.cavitation_ratio[:] = random.choice([0.0, 0.5], racks)
        effects.node_k_factor[:] = random.uniform(1.0, 5.0, racks * 8)
        coldest = min(coldest, rig.facility.facility_supply_c)
        rig.run(20)
        assert min(cdus.supply_c.min(), cdus.return_c.min()) >= coldest - 1e-9
    assert cdus.heat_in_j == pytest.approx(cdus.heat_out_j + cdus.stored_j() - stored_j, rel=1e-3)
    assert cdus.coolant_l() == pytest.approx(litres + cdus.makeup_l_total - cdus.leaked_l)


def test_the_same_seed_gives_the_same_bits():
    """Even where water trembles."""
    rigs = [Rig(3), Rig(3)]
    for rig in rigs:
        rig.effects.node_air_ratio[4] = 0.2
        rig.effects.cavitation_ratio[1] = 0.3
        rig.run(20)
    for name in ("gpu_flow_lpm", "supply_c", "return_c", "supply_kpa", "speed_ratio"):
        np.testing.assert_array_equal(*(getattr(rig.cdus, name) for rig in rigs))


def test_a_fault_in_one_rack_leaves_the_others_bit_for_bit():
    """What a comparison with a run without faults rests on."""
    well, ill = Rig(3), Rig(3)
    ill.effects.cavitation_ratio[0], ill.effects.node_air_ratio[1] = 0.5, 0.2
    ill.effects.pump_ratio_max[0, 0], ill.effects.plate_k_factor[7] = 0.0, 6.0
    for rig in (well, ill):
        rig.run(20)
    np.testing.assert_array_equal(well.cdus.supply_c[1:], ill.cdus.supply_c[1:])
    np.testing.assert_array_equal(well.cdus.gpu_flow_lpm[64:], ill.cdus.gpu_flow_lpm[64:])
    assert (well.cdus.gpu_flow_lpm[:64] != ill.cdus.gpu_flow_lpm[:64]).all()


@pytest.mark.parametrize("flow_lpm", [0.1, 5.0])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 4, 3)])
def test_halls_of_any_size_and_flow_come_to_rest_at_their_set_point(shape, flow_lpm):
    """One GPU or a few, a trickle or a torrent, at the share of full load that the flow can carry."""
    racks, nodes, gpus = shape
    effects = Effects(racks, racks * nodes, racks * nodes * gpus)
    random = np.random.default_rng(1)
    facility = Facility(racks, random)
    cdus = Cdus(racks, nodes, gpus, supply_c=30.0, flow_lpm=flow_lpm, random=random)
    heat_w = np.full(racks, nodes * gpus * 400.0 * min(flow_lpm, 1.0))
    cdus.settle(effects, facility, heat_w)
    for _ in range(1000):
        cdus.step(0.1, effects, facility, heat_w)
    assert 30.0 == pytest.approx(cdus.supply_c, abs=0.1)
    assert flow_lpm == pytest.approx(cdus.gpu_flow_lpm.mean(), rel=0.12)
    assert 0.0 < cdus.valve_ratio.min() < 1.0


def test_a_rack_that_loses_both_feeds_pumps_on_its_ups_until_it_is_dark():
    """Building and CDU together: five minutes, then the flow is gone."""
    rig = Rig()
    rig.effects.feed_lost[:] = True
    for expected in (64.0, 0.0):
        for _ in range(160):
            rig.facility.step(1.0, rig.effects, np.full(1, 70e3))
        rig.run(10)
        assert expected == pytest.approx(rig.cdus.flow_lpm[0], abs=1.0)
