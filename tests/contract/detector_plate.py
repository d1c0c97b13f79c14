"""Faults of plates and branches for the detectors' contract."""

import numpy as np
from contract.detector_worlds import Fault, Group, same

from coldplate.wire.metric import Kind

GPUS = tuple(f"r/node-{n}/gpu-{g}" for n in range(2) for g in range(8))
ONE, OTHERS = GPUS[:1], GPUS[1:]


def load_w(t, _since):
    """Work that comes and goes by 120 W, every half minute."""
    return 560.0 + 60.0 * np.sin(t / 5.0)


def die_c(more_k=0.0):
    """0.038 K/W above 30 degC of supply, and so much more."""
    return lambda t, s: 30.0 + 0.038 * load_w(t, s) + more_k


def margin_c(more_k=0.0):
    return lambda t, s: 87.0 - die_c(more_k)(t, s)


def hbm_c(more_k=0.0):
    return lambda t, s: 33.0 + 0.022 * load_w(t, s) + more_k


def pauses_w(more_w=0.0):
    """Training steps: a pause of 135 W in two ticks of three."""
    return lambda t, _s: np.where(t % 3 == 1, 690.0, 135.0 + more_w)


PATH = {"power_w": load_w, "power_instant_w": load_w, "gpu_c": die_c(), "margin_c": margin_c()}
HBM = {"power_w": load_w, "mem_util_ratio": 0.25, "gpu_c": die_c(), "margin_c": margin_c(), "hbm_c": hbm_c()}  # fmt: skip
STEPS = {"power_w": 510.0, "power_min_w": pauses_w(), "gpu_c": 52.0, "sm_clock_mhz": 1500.0}
NEAR = {"gpu_c": 60.0, "margin_c": 27.0}


def beside(healthy):
    """One GPU that is befallen, and fifteen of its rack."""
    return lambda faulty, noise: (
        Group(Kind.GPU, ONE, healthy, faulty, noise), Group(Kind.GPU, OTHERS, healthy, noise=noise),
    )  # fmt: skip


FAULTS = {
    "thermal-path": Fault(
        (
            *beside(PATH)({"gpu_c": die_c(4.0), "margin_c": margin_c(4.0)}, {}),
            Group(Kind.CDU, ("r/cdu",), {"supply_c": 30.0}),
        ),
        18, same(plus={"gpu_c": 6.0, "margin_c": -6.0, "supply_c": 6.0}),
        {"gpu_c": (35.0, 80.0), "margin_c": (7.0, 50.0)}, healthy_s=120, faulty_s=60, clears_after_s=24,
    ),
    "hbm-hot-spot": Fault(
        beside(HBM)({"hbm_c": hbm_c(5.0)}, {}), 18,
        same(plus={"gpu_c": 6.0, "margin_c": -6.0, "hbm_c": 6.0}), {"hbm_c": (30.0, 90.0)},
        healthy_s=120, faulty_s=60, clears_after_s=24,
    ),
    "leakage-rise": Fault(
        beside(STEPS)({"power_min_w": pauses_w(12.0)}, {"power_min_w": 1.0}), 12,
        same(plus={"power_min_w": 20.0}), {"power_min_w": (60.0, 280.0)}, healthy_s=120, faulty_s=60,
        clears_after_s=18,
    ),
    "plate-margin": Fault(
        beside(NEAR)({"gpu_c": 77.0, "margin_c": 10.0}, {"margin_c": 0.2}), 0,
        same(plus={"margin_c": 5.0}, near_c=17.0), {"margin_c": (12.2, 60.0)},
    ),
    "margin": Fault(
        (Group(Kind.GPU, ONE, {"margin_c": 22.0}, {"margin_c": 5.0}, {"margin_c": 0.1}),), 2,
        same(plus={"margin_c": 10.0}, wanted_c=18.0), {"margin_c": (8.1, 70.0)},
    ),
    "node-flow": Fault(
        (
            Group(Kind.NODE, ("r/node-0",), {"node_flow_lpm": 8.0}, {"node_flow_lpm": 7.0}, {"node_flow_lpm": 0.04}),
            Group(Kind.NODE, tuple(f"r/node-{n}" for n in range(1, 8)), {"node_flow_lpm": 8.0}, noise={"node_flow_lpm": 0.04}),
        ),
        3, same(times={"node_flow_lpm": 2.5}), {"node_flow_lpm": (0.0, 60.0)},
    ),
}  # fmt: skip
