"""Where each detector's threshold comes from: the device's own word, physics, or a budget of false alarms.

What a device says of itself (its limit, its flag, its absence) needs no threshold of ours. Where physics says what harms
or what cannot be, the threshold stands there, far from noise. Where only the size tells a fault from chance, chance is
given a budget: the product's is one false page in 100,000 GPU-days, and the shares of those that page add up to it. A
ticket wakes nobody and has no share.
"""

from dataclasses import dataclass
from statistics import NormalDist

from coldplate.streams.detectors.residual import residuals
from coldplate.wire.metric import KIND_WORDS, Kind

PAGES = 1.0
"""The product's budget: false pages in 100,000 GPU-days."""

GPU_DAYS = 100_000.0
GPUS_OF = {Kind.GPU: 1, Kind.NODE: 8, Kind.CDU: 64, Kind.RACK: 64, Kind.HALL: 100_000}
"""So many GPUs a device: racks of eight nodes of eight."""

DEVICE, PHYSICS, BUDGET = "device", "physics", "false-alarm budget"


@dataclass(frozen=True, slots=True)
class Basis:
    """Where a threshold comes from.

    Parameters
    ----------
    word
        `DEVICE`, `PHYSICS` or `BUDGET`.
    pages
        Its share of the budget, false pages in 100,000 GPU-days; 0 for a ticket.
    sigma, apart_s
        How far the threshold is from the usual, in standard deviations of the noise that its docstring names, and
        after how many seconds a look is a new one. 0 where chance is not noise but single events.
    beside
        What must say so too, and is not counted in `sigma`.
    """

    word: str
    pages: float = 0.0
    sigma: float = 0.0
    apart_s: float = 0.0
    beside: str = ""

    def sigma_asked(self, kind: str) -> float:
        """Standard deviations at which noise alone, normally distributed, would use up the share.

        Parameters
        ----------
        kind
            Word of what is judged.
        """
        looks = GPU_DAYS / GPUS_OF[KIND_WORDS[kind]] * 86_400.0 / self.apart_s
        return -NormalDist().inv_cdf(self.pages / looks)


def _chance(pages: float = 0.0, sigma: float = 0.0, apart_s: float = 0.0, beside: str = "") -> Basis:  # fmt: skip
    return Basis(BUDGET, pages, sigma, apart_s, beside)


BY_DEVICE = """
plate-margin margin thermal-slowdown power-brake capping-storm brake-time ecc-uncorrected rows-remapped pcie-fatal
remap-failed recovery-action needs-reset pcie-width pcie-generation nvlinks-up silent-gpu gpu-reading-lost supply-c-lost
flow-lpm-lost clock-off
"""
BY_PHYSICS = """
pump1-stop pump2-stop pump1-trip pump2-trip flow-loss valve-stuck set-point facility-water facility-warm-cdu
facility-warm-hall wet-rope false-rope condensation feed-loss ramp-too-steep hung-gpu hung-job job-waits
gpu-reading-drift gpu-reading-stuck channels-swapped energy-jump
"""

BASES = (
    dict.fromkeys(BY_DEVICE.split(), Basis(DEVICE))
    | dict.fromkeys(BY_PHYSICS.split(), Basis(PHYSICS))
    | {
        "thermal-path": _chance(sigma=8, apart_s=12),
        "hbm-hot-spot": _chance(),
        "leakage-rise": _chance(sigma=10, apart_s=12),
        "pump1-wear": _chance(sigma=6, apart_s=20),
        "pump2-wear": _chance(sigma=6, apart_s=20),
        "filter-clog": _chance(sigma=6, apart_s=20),
        "exchanger-fouling": _chance(sigma=6, apart_s=30),
        "slow-leak": _chance(sigma=12, apart_s=20),
        "node-flow": _chance(0.05, 9, 3),
        "node-meter": _chance(0.05, 5, 30, "the node's own reading departs as the rack's sum does"),
        "psu-loss": _chance(0.05, 6, 5, "three looks in a row"),
        "cavitation": _chance(0.04, 4.5, 40, "head is lost as well, by ten deviations"),
        "loop-resistance": _chance(0.05, 7, 2),
        "thick-coolant": _chance(0.05, 5, 40, "the rack's resistance and the pump's head rise too"),
        "burst-leak": _chance(0.05, 8, 1),
        "flow-meter": _chance(0.05, 5, 20, "the rack's resistance departs by as much"),
        "heat-balance": _chance(0.05, 8, 30),
        "supply-c-spike": _chance(0.04),
        "power-oscillation": _chance(0.02, 7, 20),
        "straggler": _chance(0.1),
        "ecc-corrected": _chance(0.1),
        "nvlink-errors": _chance(0.1),
        "pcie-replays": _chance(0.1),
        "gpu-reading-spike": _chance(0.1),
        "unlike-peers": _chance(),
    }
    | {
        # Whatever is unlisted: a ticket each.
        detector.name: _chance()
        for detector in residuals()
    }
)
"""By detector."""
