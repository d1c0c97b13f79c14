"""The slow average: exact where it can be computed by hand."""

import math

import numpy as np
import pytest

from coldplate.streams.detector import Tick
from coldplate.streams.detectors.baseline import follow, memory_of
from coldplate.streams.ring import Ring
from coldplate.wire.metric import Kind, fast

T0 = 1_790_000_000
TAU_S, WARM_S = 300.0, 5.0


def feed(samples: list[tuple[float, float]], frozen_from_s: float = math.inf) -> list[float]:
    """The baseline before each of (second, value)."""
    memory = {name: np.full(1, start) for name, start in memory_of("x").items()}
    ring, out = Ring(Kind.CDU, fast(Kind.CDU), 1), []
    for second, value in samples:
        t_ms = np.array([round(1000 * (T0 + second))])
        tick = Tick(ring, np.array([0]), t_ms // 1000, t_ms)
        frozen = np.array([float(second >= frozen_from_s)])
        before = follow(
            memory, tick, "x", np.array([value]), frozen=frozen, tau_s=TAU_S, warm_s=WARM_S
        )
        out.append(float(before[0]))
    return out


def test_there_is_none_until_it_is_warm() -> None:
    """Five seconds of values, not five ticks."""
    assert [True] * 6 + [False] == [math.isnan(b) for b in feed([(t, 64.0) for t in range(7)])]
    assert [True, True, False] == [math.isnan(b) for b in feed([(0, 64.0), (5, 64.0), (6, 64.0)])]


def test_a_constant_is_its_own_baseline() -> None:
    """Exactly, from the first value on."""
    assert {64.0} == set(feed([(t, 64.0) for t in range(1000)])[6:])


def test_the_first_minutes_are_a_plain_mean() -> None:
    """Until the memory's length has passed every second counts alike."""
    random = np.random.default_rng(3)
    values = 64.0 + random.standard_normal(200)
    last = feed([*enumerate(values), (200, 0.0)])[-1]
    # The first value is where the mean starts; the age counts from the second on.
    assert float(values[1:].mean()) == pytest.approx(last, abs=1e-9)


def test_an_old_baseline_moves_with_its_time_constant() -> None:
    """One time constant after a step, 63 % of it are learnt."""
    samples = [(t, 64.0) for t in range(3000)] + [(t, 54.0) for t in range(3000, 3301)]
    assert 64.0 - 10.0 * (1 - math.exp(-1)) == pytest.approx(feed(samples)[-1], abs=0.05)


def test_it_stands_still_while_something_is_wrong() -> None:
    """Ten minutes at half the flow are not learnt."""
    samples = [(t, 64.0) for t in range(60)] + [(t, 32.0) for t in range(60, 660)]
    assert 64.0 == feed(samples, frozen_from_s=60)[-1]


def test_absent_values_are_passed_over() -> None:
    """They neither move nor age it."""
    samples = [(0, 64.0), (1, math.nan), (2, math.nan), (3, 64.0), (4, math.nan), (5, 64.0)]
    assert [True] * 6 == [math.isnan(b) for b in feed(samples)]
    assert 64.0 == feed([*samples, (6, 64.0)])[-1]


def test_a_gap_counts_for_ten_seconds_at_most() -> None:
    """An hour of silence does not let one value replace the baseline."""
    samples = [(t, 64.0) for t in range(3000)] + [(6600, 0.0), (6601, 64.0)]
    assert 64.0 * math.exp(-10 / TAU_S) == pytest.approx(feed(samples)[-1], abs=0.01)


def test_ticks_of_half_a_second_learn_as_fast() -> None:
    """Time, not the number of samples."""
    step = [(t, 64.0 if t < 1000 else 54.0) for t in range(1200)]
    halves = [(t / 2, 64.0 if t < 2000 else 54.0) for t in range(2400)]
    assert feed(step)[-1] == pytest.approx(feed(halves)[-1], abs=0.02)
