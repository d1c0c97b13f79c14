"""Lines by recursive least squares, and medians of groups."""

import numpy as np

from coldplate.streams.regression import Lines, Prior, beyond, medians, memory_of_lines

PRIOR = Prior(0.038, 0.01, 0.0, 2.0)


def lines(count=1):
    memory = {name: np.full(count, v) for name, v in memory_of_lines().items()}
    rows = np.arange(count)
    return memory, rows, lambda: Lines.of(memory, rows, PRIOR, PRIOR.offset_sd)


def test_a_line_without_a_past_is_the_prior_with_its_uncertainty():
    """At 600 W: 22.8 K, give or take 6 K of slope and 2 K of offset."""
    _, _, made = lines()
    mean, variance = made().at(np.array([600.0]))
    assert 22.8 == round(float(mean[0]), 6)
    assert 40.0 == round(float(variance[0]), 6)


def test_two_loads_pin_a_line():
    """After some minutes at two loads it is known to a tenth of a kelvin at a third."""
    memory, rows, made = lines()
    for x in (80.0, 650.0) * 20:
        at = np.array([x])
        made().learn(at, 0.045 * at + 1.0, np.full(1, 0.09), np.ones(1, bool), 0.0).keep(
            memory, rows
        )
    mean, variance = made().at(np.array([400.0]))
    assert abs(float(mean[0]) - 19.0) < 0.1
    assert variance[0] < 0.01


def test_a_load_never_shown_stays_uncertain():
    """Learnt at 500 W only, the line knows itself there and not at 100 W."""
    memory, rows, made = lines()
    for _ in range(40):
        at = np.array([500.0])
        made().learn(at, 0.045 * at, np.full(1, 0.09), np.ones(1, bool), 0.0).keep(memory, rows)
    near, far = (made().at(np.array([x]))[1][0] for x in (500.0, 100.0))
    assert near < 0.01
    assert far > 2.0


def test_rows_that_do_not_learn_stay_as_they_are():
    """Of two rows one learns."""
    memory, _, made = lines(2)
    at = np.full(2, 500.0)
    after = made().learn(at, at * 0.05, np.full(2, 0.09), np.array([True, False]), 0.1)
    assert 0.038 == after.slope[1]
    assert 0.038 < after.slope[0]
    assert 0.0 == memory["v_offset"][0]


def test_what_may_be_chance_is_taken_off_either_way():
    """Three kelvin, of which one may be chance, are two; half a kelvin is nothing."""
    assert [2.0, -2.0, 0.0] == beyond(np.array([3.0, -3.0, 0.5]), np.ones(3)).tolist()


def test_medians_leave_out_what_is_not_told_and_do_not_depend_on_order():
    """Groups of one size side by side go another way than others, to the same result."""
    random = np.random.default_rng(1)
    values, keys = random.normal(size=240), np.repeat(np.arange(30), 8)
    values[random.random(240) < 0.3] = np.nan
    values[:8] = np.nan
    mixed = random.permutation(240)
    straight, some = medians(values, keys)
    anyhow, others = medians(values[mixed], keys[mixed])
    np.testing.assert_array_equal(straight[mixed], anyhow)
    assert some[mixed].tolist() == others.tolist()
    assert 0 == some[0]
    expected = [float(np.nanmedian(values[keys == k])) for k in range(1, 30)]
    assert expected == straight[8::8].tolist()
