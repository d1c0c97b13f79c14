"""Instruments that lie or say nothing, for the detectors' contract."""

import numpy as np
from contract.detector_water import LOOP, toward, unit
from contract.detector_worlds import Fault, Group, same

from coldplate.wire.metric import Kind

NODE = tuple(f"r/node-0/gpu-{g}" for g in range(8))
ONE = NODE[:1]
NAN = float("nan")
READS = {"gpu_c": 55.0, "hbm_c": 50.0, "margin_c": 32.0, "power_w": 500.0}


def load_w(t, _since):
    """400 and 700 W, ten seconds each."""
    return np.where(t // 10 % 2 == 0, 400.0, 700.0)


def spiking(level, by):
    """One reading of five is far off."""
    return lambda _t, since: np.where(since % 5 == 4, level + by, level)


def energy_j(start):
    """500 W for so long."""
    return lambda t, _s: start + 500.0 * t


def gpu(healthy, faulty):
    return (Group(Kind.GPU, ONE, healthy, faulty),)


FAULTS = {
    "gpu-reading-drift": Fault(
        gpu(READS, {"gpu_c": 61.0}), 10, same(plus={"gpu_c": 5.0, "margin_c": 5.0}),
        {"gpu_c": (10.0, 95.0), "margin_c": (-8.0, 60.0)}, clears_after_s=40,
    ),
    "gpu-reading-spike": Fault(
        gpu(READS, {"gpu_c": spiking(55.0, 8.0)}), 10, same(plus={"gpu_c": 5.0, "margin_c": 5.0}),
        {"gpu_c": (10.0, 95.0), "margin_c": (-8.0, 60.0)}, clears_after_s=100,
    ),
    "gpu-reading-stuck": Fault(
        gpu(
            {"power_w": load_w, "gpu_c": lambda t, s: 30.0 + np.rint(0.038 * load_w(t, s))},
            {"gpu_c": 50.0},
        ),
        40, same(plus={"gpu_c": 10.0}), {"gpu_c": (10.0, 95.0), "power_w": (60.0, 700.0)}, faulty_s=60,
        clears_after_s=10,
    ),
    "gpu-reading-lost": Fault(gpu(READS, {"hbm_c": NAN}), 10, same(plus={"gpu_c": 10.0, "hbm_c": 10.0})),
    "flow-meter": Fault(
        unit({"flow_lpm": 57.6}), 25, same(times={"flow_lpm": 2.5}), LOOP, healthy_s=90, faulty_s=90,
        clears_after_s=60,
    ),
    "node-meter": Fault(
        (
            Group(Kind.NODE, ("r/node-0",), {"node_flow_lpm": 8.0}, {"node_flow_lpm": 7.0}, {"node_flow_lpm": 0.04}),
            Group(Kind.NODE, tuple(f"r/node-{n}" for n in range(1, 4)), {"node_flow_lpm": 8.0}, noise={"node_flow_lpm": 0.04}),
            Group(Kind.CDU, ("r/cdu",), {"flow_lpm": 32.0}, noise={"flow_lpm": 0.15}),
        ),
        30, same(times={"flow_lpm": 2.5, "node_flow_lpm": 2.5}), {"node_flow_lpm": (0.0, 30.0)}, healthy_s=90,
        faulty_s=90, clears_after_s=70,
    ),
    "heat-balance": Fault(
        unit({"supply_c": toward(30.0, 32.0, 60)}), 55,
        same(times={"flow_lpm": 2.5, "facility_flow_lpm": 2.5}),
        {"supply_c": (20.0, 40.0), "return_c": (30.0, 60.0)}, healthy_s=120, faulty_s=90, clears_after_s=35,
    ),
    "channels-swapped": Fault(
        unit({"supply_c": 42.5, "return_c": 30.0}), 10, same(plus={"supply_c": 5.0, "return_c": 5.0}),
        {"supply_c": (20.0, 43.0)},
    ),
    "supply-c-spike": Fault(
        unit({"supply_c": spiking(30.0, 6.0)}), 10, same(plus={"supply_c": 5.0}), {"supply_c": (5.0, 60.0)},
        clears_after_s=106,
    ),
    "supply-c-lost": Fault(unit({"supply_c": NAN}), 10, same(plus={"supply_c": 5.0})),
    "flow-lpm-lost": Fault(unit({"flow_lpm": NAN}), 10, same(times={"flow_lpm": 2.5})),
    "clock-off": Fault(
        (Group(Kind.NODE, ("r/node-0",), {"clock_offset_s": 0.01, "clock_wrong": 0.0}, {"clock_offset_s": 0.8}),),
        120, same(times={"clock_offset_s": -1.0}), {"clock_offset_s": (-0.45, 0.45)}, faulty_s=150,
    ),
    "energy-jump": Fault(
        (Group(
            Kind.GPU, NODE, {"power_w": 500.0, "energy_j": energy_j(1e6)}, {"energy_j": energy_j(0.999e6)},
        ),),
        5, same(plus={"energy_j": 5e5}), clears_after_s=325,
    ),
}  # fmt: skip
