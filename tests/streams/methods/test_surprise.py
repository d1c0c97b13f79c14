"""The surprise method: what it tells, what it has got used to, and what leaves it unmoved."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from coldplate.streams.methods.surprise import Surprise
from coldplate.streams.methods.tail import Tail

STEP_S = 300.0
WARM = 600
"""Rows after which a tail is known."""


def noise(rows: int, seed: int = 7) -> np.ndarray:
    return 50.0 + np.random.default_rng(seed).standard_normal(rows)


def scores(values: np.ndarray, method: Surprise | None = None) -> np.ndarray:
    made = method or Surprise()
    memory = made.memory(1, 1)
    return np.array(
        [made.score(memory, np.array([i * STEP_S]), np.array([[v]]))[0, 0] for i, v in enumerate(values)]
    )  # fmt: skip


def test_a_spike_is_the_greatest_surprise():
    """At its very row, above the limit; plain noise stays far below it."""
    values = noise(3000)
    values[2000] += 30.0
    out = scores(values)
    assert out[2000] > 1.0
    assert 0.3 * out[2000] > np.delete(out, 2000)[WARM:].max()


def test_it_does_not_repeat_itself():
    """Within two days of a peak only one that is nearly twice as great is told."""
    values = noise(3000)
    values[[2000, 2100, 2300]] += 30.0
    out = scores(values)
    assert (True, 0.0, 0.0) == (out[2000] > 1.0, out[2100], out[2300])


def test_what_comes_every_day_is_no_surprise():
    """A daily swing is usual; a day on which it stays away is not, though each of its values is."""
    rows_a_day = 288
    away = slice(12 * rows_a_day, 13 * rows_a_day)
    swing = 20.0 * np.sin(2 * np.pi * np.arange(rows_a_day * 13) / rows_a_day)
    swing[away] = 0.0
    out = scores(noise(rows_a_day * 13) + swing, replace(Surprise(), quiet_s=0.0, habit=0.0))
    assert out[away].mean() > 5 * out[9 * rows_a_day : away.start].mean()


def test_what_often_happens_is_believed_less():
    """The tenth spike of its kind scores less than the first did."""
    values = noise(9000)
    values[900:9000:900] += 30.0
    out = scores(values)[900:9000:900]
    assert out[-1] < 0.5 * out[0]


def test_scale_and_shift_change_nothing():
    """Bytes or megabytes, from whatever zero."""
    values = noise(1500)
    values[1000] += 30.0
    assert pytest.approx(scores(values), abs=1e-3) == scores(1024.0 * values + 4096.0)


def test_an_absent_value_changes_nothing():
    """It is not learnt, and its score is NaN."""
    method, values = Surprise(), noise(400)
    memory = method.memory(1, 1)
    for i, value in enumerate(values):
        method.score(memory, np.array([i * STEP_S]), np.array([[value]]))
    before = pickle.dumps(memory)
    assert np.isnan(method.score(memory, np.array([400 * STEP_S]), np.array([[np.nan]]))).all()
    assert before == pickle.dumps(memory)


def test_series_are_judged_alone():
    """Side by side, each says what it says alone."""
    one, two = noise(900, seed=1), noise(900, seed=2)
    one[600] += 20.0
    method = Surprise()
    memory = method.memory(2, 1)
    both = np.array([method.score(memory, np.full(2, i * STEP_S), np.array([[one[i]], [two[i]]]))[:, 0] for i in range(900)])  # fmt: skip
    assert np.array_equal(scores(one), both[:, 0])
    assert np.array_equal(scores(two), both[:, 1])


def test_the_tail_is_that_of_what_was_seen():
    """Of exponential logarithms, index 0.3: a value that 1 of 10,000 exceeds is a surprise of about 9.2."""
    tail = Tail(excesses=200.0)
    memory = {k: np.full((1, 1), v) for k, v in tail.fields("x").items()}
    for log in 0.3 * np.random.default_rng(3).exponential(size=20_000):
        tail.surprise(memory, "x", np.full((1, 1), np.exp(log)))
    rare = np.exp(0.3 * np.log(10_000.0))
    told = tail.surprise(memory, "x", np.full((1, 1), rare))
    assert pytest.approx(np.log(10_000.0), rel=0.2) == told.item()
