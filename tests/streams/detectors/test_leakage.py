"""A GPU that draws more without doing more, on made-up racks."""

import numpy as np
from racks import fired, second, through

from coldplate.streams.detectors.leakage import LeakageRise
from coldplate.wire.metric import Kind

GPU = "rack-0000/node-0/gpu-3"


def judged(more_w, *, asleep=False, gpus=16, die_more=0.0):
    """300 s of training steps, or of sleep; from second 150 on the fourth draws more where it does little."""
    random = np.random.default_rng(2)
    low = (
        (80.0 if asleep else 135.0)
        + random.normal(0, 1.0, gpus)
        + random.normal(0, 2.0, (300, gpus))
    )
    low[150:, 3 % gpus] += more_w
    mean = low if asleep else np.full((300, gpus), 510.0)
    # A tick in three sees no pause.
    least = low if asleep else np.where(np.arange(300)[:, None] % 3 == 1, 690.0, low)
    die = np.full((300, gpus), 40.0 if asleep else 52.0)
    die[150:, 3 % gpus] += die_more
    return through([LeakageRise()], Kind.GPU, {
        "power_w": mean, "power_min_w": least, "gpu_c": die,
        "sm_clock_mhz": np.full((300, gpus), 345.0 if asleep else 1500.0),
    }, per_node=min(gpus, 8))  # fmt: skip


def test_more_power_in_the_pauses_of_a_step_is_named():
    """8 W of 135, within a minute."""
    out = judged(8.0)
    assert [("leakage-rise", GPU)] == fired(out)
    assert 150 < second(out[0]) < 210


def test_more_power_asleep_is_named_also_without_peers():
    """25 W more at 345 MHz."""
    assert ["leakage-rise"] == [d for d, _ in fired(judged(25.0, asleep=True, gpus=1))]


def test_what_warmth_costs_is_no_leak():
    """10 K hotter and 4 W more."""
    assert [] == fired(judged(4.0, die_more=10.0))


def test_health_is_quiet():
    """Five minutes of steps, and of sleep."""
    assert [] == fired(judged(0.0)) + fired(judged(0.0, asleep=True))


def test_one_that_sleeps_among_others_that_wait_has_no_peers():
    """A GPU hangs and its clock falls asleep while its job waits awake: nobody does what it does."""
    least = np.full((300, 16), 135.0)
    mean, clock = np.full((300, 16), 510.0), np.full((300, 16), 1500.0)
    mean[150:], least[150:] = 129.0, 129.0
    mean[150:, 3], least[150:, 3], clock[150:, 3] = 85.0, 85.0, 345.0
    out = through([LeakageRise()], Kind.GPU, {
        "power_w": mean, "power_min_w": least, "sm_clock_mhz": clock,
        "gpu_c": np.full((300, 16), 45.0),
    })  # fmt: skip
    assert [] == fired(out)
