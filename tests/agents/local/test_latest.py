"""What is fresh: fast metrics at their tick, slow ones for as long as their own pace."""

import numpy as np
import pytest

from coldplate.wire.metric import Kind, metric

ALIVE = {("sm_clock_mhz", 0): 1980.0, ("sm_clock_mhz", 1): 1980.0}


def shown(scene, kind, name, device=0):
    value = scene.status.latest.fresh()[kind][metric(kind, name).number, device]
    return None if np.isnan(value) else float(value)


def test_a_fast_metric_is_shown_at_its_own_tick_only(scene):
    """A reading that fails at this tick is absent, whatever was read before."""
    scene.tick(1, {**ALIVE, ("power_w", 0): 700.0})
    assert 700.0 == shown(scene, Kind.GPU, "power_w")
    scene.tick(2, ALIVE)
    assert None is shown(scene, Kind.GPU, "power_w")


@pytest.mark.parametrize("name", ["pcie_gen", "energy_j"])
def test_a_slow_metric_is_shown_until_the_next_reading_is_due(scene, name):
    """Its pace is learnt from itself: read every third second, it is old after three."""
    for second in range(1, 8):
        scene.tick(second, ALIVE | ({(name, 0): 5.0} if second % 3 == 1 else {}))
        assert 5.0 == shown(scene, Kind.GPU, name)
    for second, expected in ((8, 5.0), (9, 5.0), (10, None), (11, None)):
        scene.tick(second, ALIVE)
        assert expected == shown(scene, Kind.GPU, name)


def test_a_slow_metric_that_was_read_once_is_forgotten_after_a_minute(scene):
    """Nothing comes less often than every 60 ticks."""
    scene.tick(1, ALIVE | {("pcie_gen", 0): 5.0})
    scene.tick(60, ALIVE)
    assert 5.0 == shown(scene, Kind.GPU, "pcie_gen")
    scene.tick(61, ALIVE)
    assert None is shown(scene, Kind.GPU, "pcie_gen")


def test_a_gpu_whose_driver_is_silent_shows_nothing(scene):
    """Neither its slow values, which are young, nor what others know of it; its neighbour is whole."""
    slow = {("pcie_gen", 0): 5.0, ("pcie_gen", 1): 5.0}
    scene.tick(1, ALIVE | slow)
    scene.tick(2, {("sm_clock_mhz", 1): 1980.0, ("hbm_c", 0): 60.0, ("job", 0): 7.0})
    assert [None, None, None] == [shown(scene, Kind.GPU, n) for n in ("pcie_gen", "hbm_c", "job")]
    assert 5.0 == shown(scene, Kind.GPU, "pcie_gen", 1)
    scene.tick(3, ALIVE)
    assert 5.0 == shown(scene, Kind.GPU, "pcie_gen")


def test_a_node_metric_keeps_its_own_pace_though_the_catalogue_calls_it_fast(scene):
    """A BMC is asked every other tick; between, its value is as new as it can be."""
    for second in (1, 3, 5):
        scene.tick(second, node={"node_power_w": 9000.0})
        scene.tick(second + 1)
        assert 9000.0 == shown(scene, Kind.NODE, "node_power_w")
    scene.tick(7)
    assert None is shown(scene, Kind.NODE, "node_power_w")


def test_values_of_before_a_clock_was_set_back_are_not_shown(scene):
    """Their age is unknown."""
    scene.tick(100, {**ALIVE, ("pcie_gen", 0): 5.0})
    scene.tick(50, ALIVE)
    assert None is shown(scene, Kind.GPU, "pcie_gen")


def test_how_long_each_gpu_has_been_silent(scene):
    """Counted in ticks since its driver last answered, or since the first look."""
    scene.tick(10, {("sm_clock_mhz", 0): 345.0})
    scene.tick(14, {("pstate", 0): 0.0, ("job", 1): 7.0})
    assert [0, 4] == list(scene.status.latest.unseen_ticks().values())
