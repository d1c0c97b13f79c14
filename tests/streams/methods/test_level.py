"""The level method: when it fires, when it is over, and what leaves it unmoved."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from coldplate.streams.methods.level import Level

LEVEL = Level(hold_s=10.0, warm_s=60.0)


def noise(seconds: int, level: float = 30.0, sigma: float = 0.1, seed: int = 7) -> np.ndarray:
    return level + sigma * np.random.default_rng(seed).standard_normal(seconds)


def fired(method: Level, values: np.ndarray, t_s: np.ndarray | None = None) -> np.ndarray:
    """Which rows fire; `values` of shape (rows,) or (rows, series)."""
    values = values[:, None] if values.ndim == 1 else values
    at = np.arange(len(values), dtype=float) if t_s is None else t_s
    memory = method.memory(1, values.shape[1])
    return np.array(
        [method.score(memory, np.array([t]), v[None])[0] >= 1 for t, v in zip(at, values, strict=True)]
    )  # fmt: skip


def spans(said: np.ndarray) -> list[tuple[int, int]]:
    """First row and row after the last, of each episode of one series."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], said.ravel().astype(int), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def test_a_step_fires_until_it_has_gone_back():
    """Seconds after its onset, and seconds after its end; never in health."""
    values = noise(900)
    values[400:600] -= 2.0
    ((start, end),) = spans(fired(LEVEL, values))
    assert 400 < start < 420
    assert 600 < end < 640


def test_twice_the_departure_needs_half_the_time():
    """Evidence is seconds times how far above the limit."""
    starts = []
    for away in (2.0, 20.0):
        values = noise(600)
        values[400:] -= away
        starts.append(spans(fired(LEVEL, values))[0][0])
    assert starts[1] < starts[0]
    assert starts[1] - 400 <= 6


def test_a_new_level_that_lasts_is_normal():
    """After `accept_s` it is over, and no other begins."""
    values = noise(1500)
    values[400:] -= 2.0
    ((start, end),) = spans(fired(LEVEL, values))
    assert start + LEVEL.accept_s <= end <= start + LEVEL.accept_s + 2


def test_what_it_wanders_by_in_health_does_not_fire():
    """A slow swing that was there from the start is the series' own unrest."""
    values = noise(2000) + np.sin(np.arange(2000) / 40.0)
    assert [] == spans(fired(LEVEL, values))


def test_what_a_sensor_may_be_wrong_by_is_no_change():
    """A series without any noise that moves by a thousandth of its reading."""
    values = np.full(600, 30.0)
    values[300:] += 0.03
    assert [] == spans(fired(LEVEL, values))
    assert [] != spans(fired(replace(LEVEL, accuracy=0.0), values))


def test_scaling_changes_nothing():
    """Watts or kilowatts, upside down or not."""
    values = noise(900)
    values[400:600] -= 2.0
    expected = fired(LEVEL, values)
    assert np.array_equal(expected, fired(LEVEL, 1000.0 * values))
    assert np.array_equal(expected, fired(LEVEL, -values))


def test_series_and_devices_are_judged_alone():
    """Beside others, each says what it says alone."""
    one, two = noise(700, seed=1), noise(700, seed=2)
    one[300:450] += 3.0
    two[500:600] -= 3.0
    memory = LEVEL.memory(2, 1)
    both = np.array([LEVEL.score(memory, np.full(2, float(t)), np.array([[one[t]], [two[t]]]))[:, 0] >= 1 for t in range(700)])  # fmt: skip
    assert np.array_equal(fired(LEVEL, one).ravel(), both[:, 0])
    assert np.array_equal(fired(LEVEL, two).ravel(), both[:, 1])
    assert np.array_equal(both, fired(LEVEL, np.stack([one, two], axis=1)).reshape(700, 2))


def test_an_absent_value_changes_nothing():
    """Neither fires, nor clears, nor is learnt; the score is NaN."""
    memory = LEVEL.memory(1, 1)
    for t, value in enumerate(noise(300)):
        LEVEL.score(memory, np.array([float(t)]), np.array([[value]]))
    before = pickle.dumps(memory)
    assert np.isnan(LEVEL.score(memory, np.array([300.0]), np.array([[np.nan]]))).all()
    assert before == pickle.dumps(memory)


def test_a_gap_counts_for_little():
    """After an hour of silence the first values are judged by what was learnt before it."""
    values, t_s = noise(500), np.arange(500.0)
    t_s[400:] += 3600.0
    assert [] == spans(fired(LEVEL, values, t_s))


@pytest.mark.parametrize("at", [100, 420, 620])
def test_pickling_in_mid_stream_changes_nothing(at):
    """A restart does no more than that."""
    values = noise(900)
    values[400:600] -= 2.0
    memory, said = LEVEL.memory(1, 1), []
    for t, value in enumerate(values):
        if t == at:
            memory = pickle.loads(pickle.dumps(memory))
        said.append(LEVEL.score(memory, np.array([float(t)]), np.array([[value]]))[0] >= 1)
    assert np.array_equal(fired(LEVEL, values), np.array(said))


def test_state_is_bounded():
    """As many bytes after 2,000 rows as before the first."""
    memory = LEVEL.memory(3, 2)
    before = sum(a.nbytes for a in memory.values())
    for t in range(2000):
        LEVEL.score(memory, np.full(3, float(t)), np.full((3, 2), 1.0))
    assert before == sum(a.nbytes for a in memory.values())
