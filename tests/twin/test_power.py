"""Loads, the power cap and NVML's average, against what was recorded."""

import numpy as np
import pytest

from coldplate.twin.effects import Effects
from coldplate.twin.gpu import STEP_S, GpuArray
from coldplate.twin.power import ASLEEP, MATMUL, MovingMean, PowerCap, Steps

LIMIT = np.full(1, 700.0, np.float32)


def drawn(work_at, seconds):
    """Power of one GPU in each step, and its 1 s average."""
    gpus, effects = GpuArray(1, np.random.default_rng(0), 37.0, 1.0, 0.0), Effects(1, 1, 1)
    one = np.ones(1, np.float32)
    power_w, mean_w = [], []
    for k in range(round(seconds / STEP_S)):
        work = work_at(k * STEP_S)
        gpus.step(STEP_S, one * np.float32(work.load_ratio), one * np.float32(work.mem_ratio), 37.0 * one, one, effects)  # fmt: skip
        power_w.append(float(gpus.power_w[0]))
        mean_w.append(float(gpus.mean_w[0]))
    return np.array(power_w), np.array(mean_w)


def test_a_load_overshoots_the_limit_for_a_moment_and_settles_on_it():
    """Recorded: 948 W, 735 W for the rest of the first second, a dip to 500 W, then the limit."""
    power_w, mean_w = drawn(lambda t_s: MATMUL, 10.0)
    assert 950 == pytest.approx(power_w[0], rel=0.02)
    assert 735 == pytest.approx(power_w[4:18].mean(), rel=0.03)
    assert 500 == pytest.approx(power_w[18:24].min(), rel=0.15)
    assert 700 == pytest.approx(power_w[-40:].mean(), rel=0.01)
    assert mean_w[18:].max() < 730


def test_training_steps_swing_as_recorded():
    """Mean 510 W, 125 to 948 W, and an average that moves between 400 and 705 W."""
    steps = Steps()
    power_w, mean_w = drawn(
        lambda t_s: steps.compute if steps.at(np.array(t_s)) else steps.pause, 30.0
    )
    late, late_mean = power_w[200:], mean_w[200:]
    assert 515 == pytest.approx(late.mean(), rel=0.1)
    assert 125 == pytest.approx(late.min(), rel=0.1)
    assert 948 == pytest.approx(late.max(), rel=0.05)
    assert 275 == pytest.approx(late.std(), rel=0.1)
    assert 400 == pytest.approx(late_mean.min(), rel=0.15)
    assert 705 == pytest.approx(late_mean.max(), rel=0.05)


def test_a_lowered_limit_holds_and_does_not_take_the_gpu_to_nothing():
    """From 700 to 400 W: below it within two seconds, never below the floor, and on it at last."""
    cap, mean = PowerCap(LIMIT), MovingMean(LIMIT.copy(), STEP_S)
    seen = []
    for _ in range(200):
        cap.step(STEP_S, np.full(1, 900.0, np.float32), mean.mean_w, np.full(1, 400.0, np.float32))
        mean.add(cap.ceiling_w)
        seen.append(float(cap.ceiling_w[0]))
    assert min(seen) == pytest.approx(0.65 * 400.0)
    assert max(seen[40:]) < 1.06 * 400.0
    assert 400.0 == pytest.approx(seen[-1], rel=0.02)


def test_the_average_is_that_of_the_last_second():
    """A step takes one second to show in full, in a straight line, as NVML's does."""
    mean = MovingMean(np.full(3, 100.0, np.float32), STEP_S)
    seen = []
    for _ in range(25):
        mean.add(np.full(3, 500.0, np.float32))
        seen.append(float(mean.mean_w[1]))
    np.testing.assert_allclose(seen[:20], 100.0 + 20.0 * np.arange(1, 21), rtol=1e-6)
    assert [500.0] * 5 == pytest.approx(seen[20:])


def test_the_average_does_not_drift():
    """After many windows of random readings it is still their mean to the last bits."""
    random = np.random.default_rng(3)
    readings = random.uniform(50.0, 950.0, (5007, 10)).astype(np.float32)
    mean = MovingMean(readings[0], STEP_S)
    for reading in readings:
        mean.add(reading)
    np.testing.assert_allclose(mean.mean_w, readings[-20:].mean(axis=0), rtol=1e-6)


def test_a_gpu_without_work_draws_what_an_idle_one_drew():
    """78 to 80 W."""
    power_w, _ = drawn(lambda t_s: ASLEEP, 5.0)
    assert 79 == pytest.approx(power_w[-1], abs=3.0)
