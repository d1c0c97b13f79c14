"""The thermal path, on made-up racks."""

import numpy as np
import pytest
from racks import fired, second, through

from coldplate.streams.detectors.thermal_path import ThermalPath
from coldplate.wire.metric import Kind

GPU = "rack-0000/node-1/gpu-2"


def rack(seconds=300, gpus=16, *, load_w=600.0, supply_c=30.0, r=0.038, seed=1, mem=0.25):
    """Healthy GPUs at a load that swings, each with an R of its own: power, temperature, and the supply."""
    random = np.random.default_rng(seed)
    power = np.full((seconds, gpus), 1.0) * np.reshape(load_w, (-1, 1))
    power = power + 60.0 * random.standard_normal((seconds, gpus))
    own = r * (1.0 + 0.03 * random.standard_normal(gpus))
    supply = np.full(seconds, 1.0) * supply_c
    die = supply[:, None] + own * (power - 140.0 * mem)
    return {"power_w": power, "die": die, "mem_util_ratio": np.full((seconds, gpus), mem)}, supply


def judged(values, supply, **of):
    die = np.rint(values.pop("die"))
    instant = values["power_w"] + np.random.default_rng(9).normal(0, 80, die.shape)
    return through(
        [ThermalPath()], Kind.GPU,
        {**values, "power_instant_w": instant, "gpu_c": die, "margin_c": 87.0 - die},
        supply_c=supply, **of,
    )  # fmt: skip


def test_one_plate_that_fouls_is_named_within_half_a_minute():
    """10 % more R on one GPU of sixteen, from second 150 on: 2 K."""
    values, supply = rack()
    values["die"][150:, 10] += 0.1 * (values["die"][150:, 10] - 30.0)
    out = judged(values, supply)
    assert [("thermal-path", GPU)] == fired(out)
    assert 150 < second(out[0]) < 180
    assert "ticket" == out[0].severity.value


def test_it_falls_silent_when_the_plate_was_cleaned():
    """A minute after R is what it was."""
    values, supply = rack(400)
    values["die"][150:300, 10] += 0.2 * (values["die"][150:300, 10] - 30.0)
    out = judged(values, supply)
    assert [True, False] == [c.on for c in out]
    assert 300 < second(out[1]) < 360


@pytest.mark.parametrize("who", [slice(None), slice(8, 16)], ids=["rack", "node"])
def test_what_moves_together_is_no_plate(who):
    """A rack that is 6 K warmer, or a node, is pump, supply or hose."""
    values, supply = rack()
    values["die"][150:, who] += 6.0
    assert [] == fired(judged(values, supply))


def test_neither_load_nor_supply_nor_another_mix_is_a_fault():
    """Idle, full load, memory copies after it, and a supply that moves by 6 K."""
    load = np.concatenate([np.full(120, 80.0), np.full(120, 650.0), np.full(120, 470.0)])
    values, _ = rack(360, load_w=load)
    mem = np.concatenate([np.zeros(120), np.full(120, 0.25), np.ones(120)])[:, None]
    supply = 30.0 + np.linspace(0.0, 6.0, 360)
    random = np.random.default_rng(1)
    own = 0.038 * (1.0 + 0.03 * random.standard_normal(16))
    values["mem_util_ratio"] = np.broadcast_to(mem, values["power_w"].shape)
    values["die"] = supply[:, None] + own * (values["power_w"] - 140.0 * mem)
    assert [] == fired(judged(values, supply))


def test_a_single_gpu_is_held_against_its_own_line():
    """Without peers and without a coolant unit: 30 % from second 150 on, at two loads seen before."""
    load = np.tile(np.repeat([80.0, 650.0], 30), 5)
    values, _ = rack(300, gpus=1, load_w=load)
    values["die"][150:] += 0.3 * (values["die"][150:] - 30.0)
    out = judged(values, None, per_node=1)
    assert ["thermal-path"] == sorted({d for d, _ in fired(out)})
    assert second(out[0]) > 150


def test_a_single_gpu_in_health_is_quiet_at_a_load_it_never_had():
    """Idle for two minutes, then full load with an R that is 20 % off the usual."""
    load = np.concatenate([np.full(120, 80.0), np.full(180, 680.0)])
    values, _ = rack(300, gpus=1, load_w=load, r=0.045)
    assert [] == fired(judged(values, None, per_node=1))


def test_a_die_sensor_that_wanders_off_alone_is_no_plate():
    """Temperature says 8 K more, the margin does not."""
    values, supply = rack()
    die = np.rint(values.pop("die"))
    wrong = die.copy()
    wrong[150:, 10] += 8.0
    out = through(
        [ThermalPath()], Kind.GPU, {**values, "gpu_c": wrong, "margin_c": 87.0 - die}, supply_c=supply
    )  # fmt: skip
    assert [] == fired(out)
