"""Faults of power and of work for the detectors' contract."""

import numpy as np
from contract.detector_worlds import Fault, Group, same

from coldplate.wire.metric import Kind

NODE = tuple(f"r/node-0/gpu-{g}" for g in range(8))
ONE, OTHERS = NODE[:1], NODE[1:]
HALF = tuple(f"r/node-1/gpu-{g}" for g in range(8))
WORKS = {"power_w": 500.0, "gpu_util_ratio": 1.0, "mem_util_ratio": 0.25, "job": 7.0}
HANGS = {"power_w": 79.0, "mem_util_ratio": 0.0}
SPINS = {"power_w": 129.0, "mem_util_ratio": 0.0}
STEPS = {
    "sm_clock_mhz": 1470.0, "mem_util_ratio": 0.25, "power_w": 500.0, "swing_hz": 0.66, "job": 7.0,
}  # fmt: skip
LONGER = {"swing_hz": 0.62}
RACKS = ("r", "s", "t")


def load_w(t, _since):
    """Of a GPU at work that comes and goes."""
    return 500.0 + 150.0 * np.sin(t / 7.0)


def node_w(share=1.0):
    """What a node with eight such GPUs draws: 4 % are lost in its supplies, 600 W go elsewhere."""
    return lambda t, s: share * (600.0 + 1.04 * 8.0 * load_w(t, s))


def sawtooth(_t, since):
    """20 MW down and up again, every ten seconds."""
    return np.where(since // 10 % 2 == 0, 80e6, 100e6)


def bits(healthy, faulty):
    return (
        Group(
            Kind.GPU, ONE, {"clock_event_reasons": healthy}, {"clock_event_reasons": faulty}
        ),
    )  # fmt: skip


OTHER_BITS = same(plus={"clock_event_reasons": float(0x100 + 0x8 + 0x1)})
"""Idle, 0x8 and display say nothing."""

OTHER_JOB = same(plus={"job": 100.0})

FAULTS = {
    "thermal-slowdown": Fault(bits(0x4, 0x24), 0, OTHER_BITS),
    "power-brake": Fault(bits(0x4, 0x84), 1, OTHER_BITS),
    "capping-storm": Fault(
        (Group(Kind.GPU, NODE, {"power_limit_w": 700.0}, {"power_limit_w": 500.0}),), 0,
        same(times={"power_limit_w": 0.5}), {"power_limit_w": (200.0, 700.0)},
    ),
    "feed-loss": Fault(
        (Group(
            Kind.RACK, ("r",), {"feed_a_w": 30e3, "feed_b_w": 30e3, "rack_power_w": 60e3},
            {"feed_a_w": 4e3, "feed_b_w": 56e3}, {"feed_a_w": 100.0, "feed_b_w": 100.0},
        ),),
        2, same(times={"feed_a_w": 0.3, "feed_b_w": 0.3, "rack_power_w": 0.3}),
        {"feed_a_w": (0.0, 60e3), "feed_b_w": (0.0, 60e3)},
    ),
    "psu-loss": Fault(
        (
            Group(Kind.NODE, ("r/node-0",), {"node_power_w": node_w()}, {"node_power_w": node_w(1.027)}, {"node_power_w": 2.0}),
            Group(Kind.GPU, NODE, {"power_instant_w": load_w}),
        ),
        10, same(plus={"node_power_w": 0.0}), {"node_power_w": (3000.0, 9000.0)}, healthy_s=150, faulty_s=60,
    ),
    "power-oscillation": Fault(
        tuple(
            Group(Kind.GPU, (f"{r}/node-0/gpu-0",), {"swing_hz": 0.66, "swing_w": 200.0, "power_w": 500.0, "job": 7.0}, {"swing_hz": 1.2}, {"swing_w": 2.0}, r)
            for r in RACKS
        ) + tuple(Group(Kind.RACK, (r,), {"rack_power_w": 60e3}, rack=r) for r in RACKS),
        20, OTHER_JOB, {"swing_hz": (0.1, 10.0), "swing_w": (0.0, 300.0)}, healthy_s=90, subjects=RACKS,
        racks_are_peers="it compares the racks of a hall, and those that are judged at other moments apart",
    ),
    "ramp-too-steep": Fault(
        (Group(Kind.HALL, ("r",), {"hall_power_w": 100e6}, {"hall_power_w": sawtooth}, {"hall_power_w": 0.1e6}),),
        0, same(times={"hall_power_w": 0.1}), {"hall_power_w": (0.0, 200e6)}, clears_after_s=61,
    ),
    "hung-gpu": Fault(
        (Group(Kind.GPU, ONE, WORKS, HANGS), Group(Kind.GPU, OTHERS, WORKS, SPINS)), 65, OTHER_JOB,
        {"power_w": (106.0, 700.0)}, faulty_s=90,
    ),
    "hung-job": Fault(
        (Group(Kind.GPU, NODE, WORKS, HANGS),), 65, OTHER_JOB, {"power_w": (106.0, 700.0)}, faulty_s=90
    ),
    "job-waits": Fault(
        (Group(Kind.GPU, NODE, WORKS, SPINS), Group(Kind.GPU, HALF, {**WORKS, "job": 8.0})), 305,
        OTHER_JOB, {"power_w": (201.0, 700.0)}, faulty_s=330,
    ),
    "straggler": Fault(
        (
            Group(Kind.GPU, ONE, STEPS, {**LONGER, "sm_clock_mhz": 1380.0}),
            Group(Kind.GPU, OTHERS, STEPS, LONGER),
        ),
        12, OTHER_JOB, {"sm_clock_mhz": (300.0, 1980.0)}, faulty_s=60, clears_after_s=12,
    ),
}  # fmt: skip
