"""The loop as a network: what pumps, filter, hoses and plates do to every flow."""

import numpy as np
import pytest

from coldplate.twin.effects import Effects
from coldplate.twin.hydraulics import (
    EXCHANGER_KPA,
    FILTER_KPA,
    RATED_DELTA_KPA,
    RATED_KPA,
    SHUT_OFF_RATIO,
    Hydraulics,
)

RACKS = 3
ONE_PUMP = np.stack([np.ones(RACKS), np.zeros(RACKS)])


def solved(effects, speed_ratio=ONE_PUMP, viscosity_ratio=1.0, times=1):
    loops = Hydraulics(RACKS, 8, 8, flow_lpm=1.0, random=np.random.default_rng(1))
    for _ in range(times):
        loops.solve(effects, speed_ratio, np.full(RACKS, viscosity_ratio))
    return loops


@pytest.fixture
def effects():
    return Effects(RACKS, RACKS * 8, RACKS * 64)


@pytest.fixture
def usual():
    return solved(Effects(RACKS, RACKS * 8, RACKS * 64))


def test_one_pump_at_rated_speed_gives_each_gpu_its_flow(usual):
    """On average, with the spread of manufacture, and at the pressures that were designed."""
    assert 1.0 == pytest.approx(usual.gpu_flow_lpm.mean(), rel=2e-3)
    assert 0.005 < usual.gpu_flow_lpm.std() < 0.03
    assert RATED_DELTA_KPA == pytest.approx(usual.delta_kpa.mean(), rel=5e-3)
    assert np.float32 == usual.gpu_flow_lpm.dtype


@pytest.mark.parametrize("seed", range(8))
def test_every_litre_is_accounted_for_and_every_pump_is_on_its_curve(seed):
    """Whatever speeds, wear, dirt and kinks: plates add up to nodes, nodes to the rack, pumps to the loop."""
    random = np.random.default_rng(seed)
    effects = Effects(RACKS, RACKS * 8, RACKS * 64)
    effects.node_k_factor[:] = random.uniform(1.0, 30.0, RACKS * 8)
    effects.plate_k_factor[:] = random.uniform(1.0, 30.0, RACKS * 64)
    effects.pump_head_factor[:] = random.uniform(0.5, 1.0, (2, RACKS))
    effects.filter_clogged_ratio[:] = random.uniform(0.0, 0.9, RACKS)
    effects.opening_ratio[:] = random.uniform(0.1, 1.0, RACKS)
    effects.node_air_ratio[:] = random.uniform(0.0, 0.3, RACKS * 8)
    speed = random.uniform(0.0, 1.2, (2, RACKS))
    loops = solved(effects, speed)
    np.testing.assert_allclose(loops.flow_lpm, loops.node_flow_lpm.reshape(RACKS, 8).sum(axis=1))
    np.testing.assert_allclose(
        loops.node_flow_lpm, loops.gpu_flow_lpm.reshape(-1, 8).sum(axis=1), rtol=1e-5
    )
    np.testing.assert_allclose(loops.flow_lpm, loops.pump_flow_lpm.sum(axis=0))
    head = loops.delta_kpa + loops.filter_kpa_delta + EXCHANGER_KPA * (loops.flow_lpm / 64.0) ** 2
    shut_off = SHUT_OFF_RATIO * RATED_KPA * speed**2 * effects.pump_head_factor
    curve = shut_off - (SHUT_OFF_RATIO - 1.0) * RATED_KPA * (loops.pump_flow_lpm / 64.0) ** 2
    open_valve = loops.pump_flow_lpm > 0.0
    assert (loops.pump_flow_lpm >= 0.0).all()
    np.testing.assert_allclose(curve[open_valve], np.broadcast_to(head, (2, RACKS))[open_valve])
    assert (curve <= head * (1.0 + 1e-9) + 1e-9)[~open_valve].all()


@pytest.mark.parametrize("speed", [1.2, 0.7, 0.3])
def test_flow_follows_speed_and_pressure_its_square(effects, usual, speed):
    """Affinity laws."""
    loops = solved(effects, speed * ONE_PUMP)
    np.testing.assert_allclose(speed * usual.flow_lpm, loops.flow_lpm)
    np.testing.assert_allclose(speed**2 * usual.delta_kpa, loops.delta_kpa)


def test_pumps_that_stand_move_nothing(effects):
    """No flow, no pressure, and no number that is none."""
    loops = solved(effects, np.zeros((2, RACKS)))
    assert not loops.flow_lpm.any()
    assert not loops.delta_kpa.any()
    assert not loops.gpu_flow_lpm.any()


def test_two_pumps_give_more_than_one_and_less_than_twice(effects, usual):
    """They share a loop whose resistance grows with the square of the flow."""
    ratio = solved(effects, np.ones((2, RACKS))).flow_lpm / usual.flow_lpm
    assert ((ratio > 1.05) & (ratio < 1.5)).all()


def test_a_check_valve_keeps_a_slow_pump_from_running_backwards(effects, usual):
    """A spare at half speed adds nothing to one at full speed."""
    loops = solved(effects, np.stack([np.ones(RACKS), np.full(RACKS, 0.5)]))
    np.testing.assert_allclose(usual.flow_lpm, loops.flow_lpm)
    assert not loops.pump_flow_lpm[1].any()


def test_a_filter_takes_pressure_as_its_open_area_squared(effects, usual):
    """1 / (1 - c)^2 at equal flow; at equal speed the rack's pressure and flow fall."""
    effects.filter_clogged_ratio[0] = 0.5
    loops = solved(effects)
    at_equal_flow = loops.filter_kpa_delta[0] * (usual.flow_lpm[0] / loops.flow_lpm[0]) ** 2
    assert 4.0 * usual.filter_kpa_delta[0] == pytest.approx(at_equal_flow)
    assert FILTER_KPA == pytest.approx(usual.filter_kpa_delta[0], rel=5e-3)
    assert loops.flow_lpm[0] < usual.flow_lpm[0]
    np.testing.assert_array_equal(usual.flow_lpm[1:], loops.flow_lpm[1:])


def test_a_kinked_hose_starves_one_node_and_hardly_its_rack(effects, usual):
    """All eight GPUs of the node alike, the rack by less than 12 %, the other nodes gain a little."""
    effects.node_k_factor[2] = 10.0
    loops = solved(effects)
    ratio = loops.gpu_flow_lpm / usual.gpu_flow_lpm
    assert ratio[16:24].max() < 0.5
    assert 1e-4 > np.ptp(ratio[16:24])
    assert 1.0 < ratio[:16].min()
    assert 0.88 < loops.flow_lpm[0] / usual.flow_lpm[0] < 1.0
    assert (ratio[64:] == 1.0).all()


def test_a_dirty_plate_starves_one_gpu_and_not_its_node(effects, usual):
    """Its node loses a few percent."""
    effects.plate_k_factor[5] = 4.0
    ratio = solved(effects).gpu_flow_lpm / usual.gpu_flow_lpm
    assert 0.5 < ratio[5] < 0.6
    assert 1.0 < ratio[[4, 6]].min()
    assert 0.95 < solved(effects).node_flow_lpm[0] / usual.node_flow_lpm[0] < 1.0


def test_a_fault_that_heals_leaves_nothing_behind(effects, usual):
    """Shares are those of the beginning again."""
    loops = solved(effects)
    effects.node_k_factor[2], effects.plate_k_factor[5] = 10.0, 4.0
    loops.solve(effects, ONE_PUMP, np.ones(RACKS))
    effects.node_k_factor[2], effects.plate_k_factor[5] = 1.0, 1.0
    loops.solve(effects, ONE_PUMP, np.ones(RACKS))
    np.testing.assert_array_equal(usual.gpu_flow_lpm, loops.gpu_flow_lpm)


def test_a_valve_lets_its_share_through_at_equal_pressure(effects, usual):
    """0.3 of the flow at the pressure that the gauges show."""
    effects.opening_ratio[:] = 0.3
    loops = solved(effects)
    share = loops.flow_lpm / usual.flow_lpm / np.sqrt(loops.delta_kpa / usual.delta_kpa)
    assert 0.3 == pytest.approx(share)


def test_thicker_coolant_flows_less(effects, usual):
    """Friction goes with the fourth root of viscosity."""
    loops = solved(effects, viscosity_ratio=16.0)
    friction = (loops.delta_kpa / loops.flow_lpm**2) / (usual.delta_kpa / usual.flow_lpm**2)
    assert 2.0 == pytest.approx(friction)


def test_cavitation_takes_head_and_makes_it_tremble(effects, usual):
    """In the loop where it is, and nowhere else."""
    effects.cavitation_ratio[1] = 0.4
    flows = np.array([solved(effects, times=n).flow_lpm for n in range(1, 40)])
    assert flows[:, 1].mean() < 0.85 * usual.flow_lpm[1]
    assert 1.0 < flows[:, 1].std()
    assert (flows[:, [0, 2]] == usual.flow_lpm[[0, 2]]).all()


def test_air_makes_the_flow_of_a_node_tremble(effects, usual):
    """By the share that is given, and nobody's in another rack."""
    effects.node_air_ratio[3] = 0.1
    flows = np.array([solved(effects, times=n).node_flow_lpm for n in range(1, 60)])
    ratio = flows / usual.node_flow_lpm
    assert 0.1 == pytest.approx(ratio[:, 3].std(), rel=0.35)
    assert ratio[:, 4].std() < 0.01
    assert (ratio[:, 8:] == 1.0).all()
