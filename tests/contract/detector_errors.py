"""Errors that devices count and flag, for the detectors' contract."""

from contract.detector_worlds import Fault, Group, same

from coldplate.wire.metric import Kind

NODE = tuple(f"r/node-0/gpu-{g}" for g in range(8))
ONE, OTHERS = NODE[:1], NODE[1:]
TELLS = {"power_w": 500.0, "gpu_c": 50.0, "sm_clock_mhz": 1470.0, "energy_j": 1e6}
NAN = float("nan")


def gpu(healthy, faulty):
    return (Group(Kind.GPU, ONE, healthy, faulty),)


def storm(name, a_second, fires_after_s, clears_after_s):
    """A counter that grows all the time."""
    return Fault(
        gpu({name: 100.0}, {name: lambda _t, since: 100.0 + a_second * since}), fires_after_s,
        same(plus={name: 50.0}), {name: (0.0, 60_000.0)}, clears_after_s=clears_after_s,
    )  # fmt: skip


def event(name, by, clears_after_s):
    """One that grows once."""
    return Fault(
        gpu({name: 100.0}, {name: 100.0 + by}), 0, same(plus={name: 50.0}), {name: (0.0, 60_000.0)},
        clears_after_s=clears_after_s,
    )  # fmt: skip


def flag(name, up):
    return Fault(gpu({name: 0.0}, {name: up}), 0, same(times={name: 2.0}))


FAULTS = {
    "ecc-corrected": storm("ecc_corrected_total", 1.0, 10, 130),
    "ecc-uncorrected": event("ecc_uncorrected_total", 1.0, 75),
    "rows-remapped": event("remap_uncorrected_total", 1.0, 75),
    "nvlink-errors": storm("nvlink_errors_total", 1.0, 10, 130),
    "pcie-replays": storm("pcie_replay_total", 1.0, 10, 130),
    "pcie-fatal": event("pcie_fatal_total", 1.0, 75),
    "brake-time": event("power_brake_s_total", 0.01, 75),
    "remap-failed": flag("remap_failed", 1.0),
    "recovery-action": flag("recovery_action", 1.0),
    "needs-reset": flag("needs_reset", 1.0),
    "pcie-width": Fault(
        gpu({"pcie_width": 16.0, "pcie_width_max": 16.0}, {"pcie_width": 8.0}), 0,
        same(times={"pcie_width": 0.5, "pcie_width_max": 0.5}),
    ),
    "pcie-generation": Fault(
        gpu({"pcie_gen": 5.0, "pcie_gen_max": 5.0, "gpu_util_ratio": 1.0}, {"pcie_gen": 3.0}), 0,
        same(plus={"gpu_util_ratio": -0.3}), {"gpu_util_ratio": (0.0, 1.0)},
    ),
    "nvlinks-up": Fault(
        gpu({"nvlink_active_links": 18.0}, {"nvlink_active_links": 16.0}), 0,
        same(times={"nvlink_active_links": 0.5}), {"nvlink_active_links": (0.0, 18.0)},
    ),
    "silent-gpu": Fault(
        (Group(Kind.GPU, ONE, TELLS, dict.fromkeys(TELLS, NAN)), Group(Kind.GPU, OTHERS, TELLS)), 10,
        same(times={"power_w": 0.5, "energy_j": 2.0}), {"power_w": (0.0, 700.0)},
        absence_is_the_fault="a GPU that tells nothing beside others that do is what it looks for",
    ),
}  # fmt: skip
