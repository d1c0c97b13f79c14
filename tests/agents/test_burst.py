"""Power features between ticks: the swing told is the one there, at its frequency and amplitude, or none."""

from collections.abc import Callable
from time import thread_time

import numpy as np
import pytest
from numpy.typing import NDArray

from coldplate.agents.burst import SWING_MIN_W, WINDOW_S, BurstWindow

T0_US = 1_790_000_000_000_000
BUFFER_US = 20_000 * np.arange(-118, 1)
"""What the driver keeps: 119 readings, 20 ms apart."""

Load = Callable[[NDArray[np.float64]], NDArray[np.float64]]
F64 = NDArray[np.float64]


def sine(hz: float, watts: float, mean_w: float = 500.0) -> Load:
    return lambda t: mean_w + watts * np.sin(2 * np.pi * hz * t + 1.0)


def steps(hz: float, share: float = 2 / 3) -> Load:
    return lambda t: np.where((t * hz) % 1 < share, 700.0, 120.0)


def noise(watts: float, mean_w: float = 400.0) -> Load:
    """The same at the same time, however often it is read."""
    rng = np.random.default_rng(5)
    kept = rng.normal(mean_w, watts, 100_000)
    return lambda t: kept[np.rint(t * 1e6 / 20_000).astype(np.int64) % len(kept)]


def run(*loads: Load, ticks: int = 20, jitter_us: int = 0, lose: float = 0.0) -> F64:
    """Features of each tick, one GPU a load, read as from the driver's buffer; shape (ticks, 5, gpus)."""
    rng = np.random.default_rng(3)
    window, out = BurstWindow(len(loads)), []
    for tick in range(1, ticks + 1):
        for gpu, load in enumerate(loads):
            at_us = tick * 1_000_000 + BUFFER_US
            if jitter_us:
                at_us = np.sort(at_us + rng.integers(-jitter_us, jitter_us, len(at_us)))
            at_us = at_us[rng.random(len(at_us)) >= lose]
            window.add(gpu, T0_US + at_us, load(at_us / 1e6))
        out.append(window.features((T0_US // 1_000_000 + tick) * 1000))
    return np.stack(out)


@pytest.mark.parametrize("jitter_us", [0, 9_000], ids=["even", "uneven"])
@pytest.mark.parametrize("hz", [0.2, 0.22, 0.35, 0.5, 0.667, 1.0, 1.7, 2.7, 3.9, 5.0])
def test_a_sinusoid_is_found(hz: float, jitter_us: int) -> None:
    """Its frequency within 1 % and its amplitude within 3 %, at every tick of a full window."""
    told = run(sine(hz, 100.0), jitter_us=jitter_us)[11:, :, 0]
    np.testing.assert_allclose(told[:, 3], hz, rtol=0.01)
    np.testing.assert_allclose(told[:, 4], 100.0, rtol=0.03)


@pytest.mark.parametrize("hz", [0.2, 0.667, 1.9, 3.5])
def test_ten_readings_a_second_will_do(hz: float) -> None:
    """What a recording has: frequency within 3 % and amplitude within 10 %."""
    window = BurstWindow(1)
    for tick in range(1, 20):
        at_us = tick * 1_000_000 + 100_200 * np.arange(-9, 1)
        window.add(0, at_us, sine(hz, 100.0)(at_us / 1e6))
        told = window.features(tick * 1000)[:, 0]
    assert hz == pytest.approx(told[3], rel=0.03)
    assert 100.0 == pytest.approx(told[4], rel=0.1)


@pytest.mark.parametrize(("hz", "share"), [(2 / 3, 2 / 3), (2.7, 0.2), (2.7, 0.5), (0.3, 0.5)])
def test_of_steps_the_fundamental_is_told(hz: float, share: float) -> None:
    """However rich in harmonics: the first is the strongest of a rectangle."""
    told = run(steps(hz, share))[11:, :, 0]
    np.testing.assert_allclose(told[:, 3], hz, rtol=0.03)
    fundamental_w = 580.0 * 2 / np.pi * np.sin(np.pi * share)
    np.testing.assert_allclose(told[:, 4], fundamental_w, rtol=0.1)
    assert (120.0, 700.0) == (told[:, 0].min(), told[:, 1].max())


def test_of_two_swings_the_stronger_is_told() -> None:
    """0.7 Hz of 150 W, beside 2.2 Hz of 100 W."""
    told = run(lambda t: sine(0.7, 150.0)(t) + sine(2.2, 100.0, 0.0)(t))[-1, :, 0]
    assert 0.7 == pytest.approx(told[3], rel=0.01)
    assert 150.0 == pytest.approx(told[4], rel=0.05)


def test_a_swing_is_found_through_losses_and_gaps() -> None:
    """A third of the readings lost at random, and the buffer not read for a second."""
    told = run(sine(1.3, 100.0), lose=0.33, jitter_us=5_000)[11:, :, 0]
    np.testing.assert_allclose(told[:, 3], 1.3, rtol=0.02)
    np.testing.assert_allclose(told[:, 4], 100.0, rtol=0.1)


def test_idle_has_a_small_amplitude_and_no_frequency() -> None:
    """Noise of 3 W: the amplitude says that nothing swings."""
    told = run(noise(3.0, 79.0), ticks=60)[11:, :, 0]
    assert np.isnan(told[:, 3]).all()
    assert SWING_MIN_W / 10 > told[:, 4].max()


def test_white_noise_has_no_frequency() -> None:
    """200 W rms, in 4,000 windows of it: not one in a hundred."""
    told = run(*[noise(200.0)] * 1, ticks=1500)[11:, 3]
    assert 0.01 > np.isfinite(told).mean()


@pytest.mark.parametrize("begin_s", [10.0, 10.37, 10.61])
def test_a_load_that_begins_is_no_swing(begin_s: float) -> None:
    """One rise from idle to full power, wherever in the window it stands."""
    told = run(lambda t: np.where(t < begin_s, 80.0, 690.0) + noise(3.0, 0.0)(t), ticks=40)[11:]
    assert np.isnan(told[:, 3]).all()


@pytest.mark.parametrize("width_s", [0.1, 0.5, 1.0, 2.0])
def test_a_single_pulse_is_no_swing(width_s: float) -> None:
    """Full power once, at each distance from the window's end."""
    loads = [lambda t, c=c: np.where(np.abs(t - c) < width_s / 2, 690.0, 80.0) for c in (15, 15.5)]
    told = run(*loads, ticks=30)[11:]
    assert np.isnan(told[:, 3]).all()


def test_a_swing_that_begins_is_told_before_the_window_is_full_of_it() -> None:
    """After 9 s at most, and never at another frequency."""
    told = run(lambda t: np.where(t < 20, 400.0, sine(0.8, 200.0)(t)), ticks=40)[:, 3, 0]
    assert np.isfinite(told[29:]).all()
    np.testing.assert_allclose(told[np.isfinite(told)], 0.8, rtol=0.05)


def test_statistics_are_of_the_readings_of_the_tick() -> None:
    """The 50 since the last tick, not what the buffer held before; also in the first."""
    told = run(lambda t: np.floor(t - 0.001), ticks=5)[:, :3, 0]
    assert [[t - 1.0, t - 1.0, 0.0] for t in range(1, 6)] == told.tolist()
    told = run(lambda t: np.where(t % 1 < 0.5, 100.0, 300.0))[-1, :3, 0]
    assert [100.0, 300.0, 100.0] == told.tolist()


def test_readings_given_twice_count_once() -> None:
    """An overlapping buffer changes nothing; a buffer that brings nothing new is an empty tick."""
    window = BurstWindow(1)
    at_us = T0_US + BUFFER_US
    window.add(0, at_us, np.linspace(0.0, 118.0, 119))
    window.add(0, at_us, np.linspace(500.0, 600.0, 119))
    assert [69.0, 118.0] == window.features(1000)[:2, 0].tolist()
    window.add(0, at_us, np.linspace(0.0, 118.0, 119))
    assert np.isnan(window.features(2000)).all()


def test_a_gpu_that_was_not_read_is_absent_and_the_others_are_not() -> None:
    """All five of it in that tick; and its window goes on after a second."""
    window, silent = BurstWindow(2), 14
    for tick in range(1, 20):
        at_us = tick * 1_000_000 + BUFFER_US
        for gpu in (0, 1) if tick != silent else (0,):
            window.add(gpu, at_us, sine(0.9, 100.0)(at_us / 1e6))
        told = window.features(tick * 1000)
        if tick >= 11:
            assert [False, tick == silent] == np.isnan(told).all(axis=0).tolist()
            np.testing.assert_allclose(told[3, : 1 if tick == silent else 2], 0.9, rtol=0.01)


def test_no_frequency_is_made_of_few_readings() -> None:
    """Two a second would fold 1.9 Hz to 0.1 Hz, and a window that is not full yet knows little."""
    window = BurstWindow(1)
    for tick in range(1, 30):
        at_us = tick * 1_000_000 + np.array([-500_000, 0])
        window.add(0, at_us, sine(1.9, 100.0)(at_us / 1e6))
        assert np.isnan(window.features(tick * 1000)[3:]).all()
    assert np.isnan(run(sine(1.9, 100.0), ticks=int(0.7 * WINDOW_S) - 2)[:, 3]).all()


def test_a_clock_set_back_begins_a_new_window() -> None:
    """Statistics at once, and the swing when the window is full again."""
    window, said = BurstWindow(1), []
    for tick in [*range(100, 115), *range(50, 65)]:
        at_us = tick * 1_000_000 + BUFFER_US
        window.add(0, at_us, sine(1.1, 100.0)(at_us / 1e6))
        said.append(window.features(tick * 1000)[:, 0])
    told = np.stack(said)
    assert np.isfinite(told[:, :3]).all()
    assert np.isnan(told[15:20, 3]).all()
    assert 1.1 == pytest.approx(told[-1, 3], rel=0.01)


def test_nothing_read_and_nan_are_absent() -> None:
    """No readings, an empty read, and readings of NaN."""
    window = BurstWindow(3)
    window.add(1, np.array([], np.int64), np.array([]))
    window.add(2, np.array([1, 2]), np.array([np.nan, np.nan]))
    assert np.isnan(window.features(1000)).all()
    window.add(2, np.array([3, 4, 5]), np.array([np.nan, 7.0, 9.0]))
    assert [7.0, 9.0, 1.0] == window.features(2000)[:3, 2].tolist()


def test_polling_more_than_a_tick_can_hold_keeps_the_newest() -> None:
    """A thousand single readings in a tick."""
    window = BurstWindow(1)
    for i in range(1000):
        window.add(0, np.array([1000 * i]), np.array([float(i)]))
    assert 999.0 == window.features(1000)[1, 0]


def test_eight_gpus_in_steps_cost_little() -> None:
    """Under 2 ms of processor time a tick, five times what a quiet machine takes."""
    loads = [steps(0.5 + 0.1 * i) for i in range(8)]
    powers = [(T0_US + t * 1_000_000 + BUFFER_US) for t in range(60)]
    readings = [[load(at / 1e6) for load in loads] for at in powers]
    window, took_s = BurstWindow(8), []
    for at_us, of_gpu in zip(powers, readings, strict=True):
        begin_s = thread_time()
        for gpu, power_w in enumerate(of_gpu):
            window.add(gpu, at_us, power_w)
        window.features(int(at_us[-1]) // 1000)
        took_s.append(thread_time() - begin_s)
    assert 2e-3 > np.median(took_s[15:])
