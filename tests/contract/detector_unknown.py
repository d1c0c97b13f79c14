"""What nobody listed, for the detectors' contract: series that stand elsewhere, GPUs that are unlike their peers."""

from contract.detector_water import NOISE, UNIT, unit
from contract.detector_worlds import Fault, Group, same

from coldplate.streams.detectors.residual import HELD
from coldplate.wire.metric import Kind

GPUS = tuple(f"r/node-{n}/gpu-{g}" for n in range(2) for g in range(8))
WORKS = {"power_w": 500.0, "gpu_c": 50.0, "hbm_c": 45.0, "sm_clock_mhz": 1500.0, "job": 7.0}
ODD = {"power_w": 420.0, "gpu_c": 40.0, "hbm_c": 35.0}
RESTLESS = {"power_w": 5.0, "gpu_c": 0.3, "hbm_c": 0.3}


def displaced(name, fires_after_s=35):
    """A tenth more than it was."""
    return Fault(
        unit({name: 1.1 * UNIT[name]}, noise={name: NOISE.get(name, 0.004)}), fires_after_s, same(times={name: 2.5}),
        {name: (1.0, 500.0)}, healthy_s=240, faulty_s=60,
        clears_after_s=25,
    )  # fmt: skip


FAULTS = {
    **{f"residual-{name.replace('_', '-')}": displaced(name) for name in HELD},
    "residual-filter-kpa-delta": displaced("filter_kpa_delta", 40),
    "unlike-peers": Fault(
        (
            Group(Kind.GPU, GPUS[:1], WORKS, ODD, RESTLESS),
            Group(Kind.GPU, GPUS[1:], WORKS, noise=RESTLESS),
        ),
        90, same(plus={"power_w": 100.0, "gpu_c": 10.0}), {"power_w": (60.0, 700.0)}, healthy_s=360,
        faulty_s=120, clears_after_s=102,
    ),
}  # fmt: skip
