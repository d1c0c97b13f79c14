"""Who is slower than its peers, on made-up racks, and a job that only waits."""

import numpy as np
from racks import fired, second, through

from coldplate.streams.detectors.straggler import Straggler
from coldplate.wire.metric import Kind

SECONDS, FROM_S = 240, 150
GPU = "rack-0000/node-0/gpu-3"


def judged(peers_w: float, own_w: float, own_mhz: float):
    """Sixteen GPUs of a job whose steps are longer from second 150 on; what all draw then, and what the fourth does."""
    shape = (SECONDS, 16)
    power, clock = np.full(shape, 600.0), np.full(shape, 1470.0)
    hz, memory = np.full(shape, 0.67), np.full(shape, 0.25)
    hz[FROM_S:], power[FROM_S:] = 0.5, peers_w
    power[FROM_S:, 3], clock[FROM_S:, 3] = own_w, own_mhz
    return through([Straggler()], Kind.GPU, {
        "power_w": power, "sm_clock_mhz": clock, "mem_util_ratio": memory, "swing_hz": hz,
        "job": np.full(shape, 7.0),
    })  # fmt: skip


def test_a_gpu_that_its_job_waits_for_is_named():
    """Within three blocks."""
    changes = judged(450.0, 440.0, 1380.0)
    assert [("straggler", GPU)] == fired(changes)
    assert FROM_S < second(changes[0]) <= FROM_S + 18


def test_in_a_job_that_waits_nobody_is_slow():
    """All draw what waiting takes: the one that differs hangs, or waits in another way."""
    assert [] == fired(judged(140.0, 80.0, 345.0))
