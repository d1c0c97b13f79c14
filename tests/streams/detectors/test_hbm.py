"""HBM that runs hot, on made-up racks."""

import numpy as np
from racks import fired, second, through

from coldplate.streams.detectors.hbm import HbmHotSpot
from coldplate.wire.metric import Kind

GPU = "rack-0000/node-0/gpu-3"


def judged(hbm_more=0.0, die_more=0.0):
    """Sixteen GPUs for 300 s; from second 150 on the fourth is so many kelvin hotter in HBM, or all over."""
    random = np.random.default_rng(2)
    power = 600.0 + 60.0 * random.standard_normal((300, 16))
    die, hbm = 30.0 + 0.036 * power, 33.0 + 0.022 * power + random.normal(0, 0.5, 16)
    hbm[150:, 3] += hbm_more + die_more
    die[150:, 3] += die_more
    instant = power + random.normal(0, 80, power.shape)
    return through([HbmHotSpot()], Kind.GPU, {
        "power_w": power, "power_instant_w": instant, "mem_util_ratio": np.full(power.shape, 0.25),
        "gpu_c": np.rint(die), "margin_c": 87.0 - np.rint(die), "hbm_c": np.rint(hbm),
    })  # fmt: skip


def test_hbm_that_loses_contact_is_named():
    """2 K more on one GPU of sixteen, within half a minute."""
    out = judged(hbm_more=2.0)
    assert [("hbm-hot-spot", GPU)] == fired(out)
    assert 150 < second(out[0]) < 185


def test_a_gpu_that_is_hotter_all_over_has_no_hot_hbm():
    """That is its plate."""
    assert [] == fired(judged(die_more=6.0))


def test_health_is_quiet():
    """Five minutes."""
    assert [] == fired(judged())
