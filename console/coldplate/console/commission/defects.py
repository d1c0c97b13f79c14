"""What can be wrong with a new rack, how often, and what it does to the twin: the seeded defects of an evaluation.

No public figures exist of defects at bring-up; the rates are estimates, an order above those of a hall at work, for what
is put together by hand in days. Mildness: a defect is one that acceptance forbids, so each kind begins a little beyond
its limit (a paste that costs 6 % of R is within the 10 % that facts of the field allow, and is none); how far beyond is
spread as its logarithm up to the harmful. All is drawn from the seed.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from coldplate.console.commission.evidence import Rack
from coldplate.console.commission.rehearsal import Times
from coldplate.twin.fault import Fault

RACKS_EACH = 50
"""A hall of so many racks has at least two of each kind, so that none is judged by luck."""

MISSING_OF_CDU = ("filter_kpa_delta", "dew_point_c", "facility_return_c", "pump2_rpm", "leak")
MISSING_OF_GPU = ("hbm_c", "swing_w", "sm_clock_mhz")


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect.

    Parameters
    ----------
    kind, cause
        Its name, and the word that a right finding uses.
    subjects
        Ids of the devices; of two that were swapped, both.
    severity
        0 to 1, as the twin has it.
    """

    kind: str
    cause: str
    subjects: tuple[str, ...]
    severity: float


@dataclass
class Seeded:
    """All defects of a hall, and what they make of it.

    Parameters
    ----------
    faults
        Of the twin.
    swapped
        Pairs of devices whose serials are found in each other's places.
    dry
        Coolant units whose rope tells nothing.
    set_ratio
        By coolant unit: its differential pressure as a share of what was designed.
    """

    defects: list[Defect] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    swapped: list[tuple[str, str]] = field(default_factory=list)
    dry: set[str] = field(default_factory=set)
    set_ratio: dict[str, float] = field(default_factory=dict)


Random = np.random.Generator
Make = Callable[["Seeded", str, float, Random, Times], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of defect: what a right finding calls it, on what, how often, from which severity on, what it does."""

    cause: str
    on: str
    ratio: float
    mildest: float
    make: Make


def _fault(name: str) -> Make:
    def make(seeded: Seeded, subject: str, severity: float, _: Random, times: Times) -> None:
        del times
        seeded.faults.append(Fault(name, subject, 0.0, severity=severity, ramp_s=0.0))

    return make


def _pump(seeded: Seeded, subject: str, severity: float, random: Random, _: Times) -> None:
    pump: Literal[1, 2] = 1 if random.random() < 0.5 else 2
    seeded.faults.append(Fault("pump-wear", subject, 0.0, severity=severity, ramp_s=0.0, pump=pump))


def _memory(seeded: Seeded, subject: str, severity: float, random: Random, times: Times) -> None:
    """Memory that shows under load only: corrected errors, uncorrected ones, or a row that waits to be remapped."""
    kind = ("ecc-storm", "ecc-uncorrectable", "row-remap")[int(random.integers(3))]
    at_s = times.begin_s["full"] + 10.0
    seeded.faults.append(Fault(kind, subject, at_s, severity=severity, ramp_s=0.0))


def _lost(seeded: Seeded, subject: str, severity: float, _: Random, times: Times) -> None:
    at_s = times.begin_s["restart"] + 1.0
    seeded.faults.append(Fault("gpu-lost", subject, at_s, severity=severity))


def _leak(seeded: Seeded, subject: str, severity: float, _: Random, times: Times) -> None:
    """1.5 to 8 ml/min over an hour, as much in the shorter hold of the twin."""
    lpm = 0.0015 * (8.0 / 1.5) ** severity * times.scale("hold")
    of_kind = math.log(lpm / 0.002) / math.log(0.5 / 0.002)
    begin, end = times.begin_s["hold"], times.end_s["hold"]
    seeded.faults.append(
        Fault("slow-leak", subject, begin, end, severity=min(of_kind, 1.0), ramp_s=0.0)
    )


def _sensor(seeded: Seeded, subject: str, _: float, random: Random, times: Times) -> None:
    del times
    of = MISSING_OF_CDU if subject.endswith("/cdu") else MISSING_OF_GPU
    metric = of[int(random.integers(len(of)))]
    seeded.faults.append(Fault("sensor-dropout", subject, 0.0, metric=metric))


def _rope(seeded: Seeded, subject: str, _: float, random: Random, times: Times) -> None:
    del random, times
    seeded.dry.add(subject)


def _set_point(seeded: Seeded, subject: str, severity: float, random: Random, _: Times) -> None:
    """Flow 12 to 35 % low, or in one of four 12 to 18 % high; pressure goes with its square."""
    flow = 1.12 + 0.06 * severity if random.random() < 0.25 else 0.88 - 0.23 * severity
    seeded.set_ratio[subject] = flow**2


def _swap(seeded: Seeded, subject: str, _: float, random: Random, times: Times) -> None:
    """Another node of the same rack sits there; which one is drawn."""
    del times
    rack, word = subject.split("/node-")
    other = f"{rack}/node-{(int(word) + int(random.integers(1, 8))) % 8}"
    seeded.swapped.append((subject, other))


KINDS: Mapping[str, Kind] = {
    "swapped-serials": Kind("swapped-serials", "node", 0.002, 0.0, _swap),
    "half-closed-coupling": Kind("coupling", "node", 0.004, 0.2, _fault("coupling-half-closed")),
    "air-lock": Kind("air-lock", "node", 0.004, 0.35, _fault("air-lock")),
    "lying-node-meter": Kind("flow-meter", "node", 0.003, 0.55, _fault("flow-sensor-drift")),
    "bad-paste": Kind("bad-paste", "gpu", 0.002, 0.3, _fault("paste-pump-out")),
    "loose-hbm": Kind("hbm-contact", "gpu", 0.001, 0.4, _fault("hbm-hot-spot")),
    "marginal-hbm": Kind("marginal-hbm", "gpu", 0.001, 0.2, _memory),
    "degraded-pcie": Kind("degraded-pcie", "gpu", 0.001, 0.0, _fault("pcie-degraded")),
    "bad-nvlink": Kind("bad-nvlink", "gpu", 0.0005, 0.0, _fault("nvlink-errors")),
    "lost-at-restart": Kind("gpu-lost", "gpu", 0.0005, 0.0, _lost),
    "missing-sensor": Kind("missing-sensor", "gpu", 0.0003, 0.0, _sensor),
    "missing-unit-sensor": Kind("missing-sensor", "cdu", 0.01, 0.0, _sensor),
    "clogged-filter": Kind("clogged-filter", "cdu", 0.04, 0.35, _fault("filter-clog")),
    "weak-pump": Kind("weak-pump", "cdu", 0.02, 0.4, _pump),
    "wrong-flow-set-point": Kind("flow-set-point", "cdu", 0.02, 0.0, _set_point),
    "lying-unit-meter": Kind("flow-meter", "cdu", 0.02, 0.35, _fault("flow-sensor-drift")),
    "dry-leak-rope": Kind("dry-rope", "cdu", 0.02, 0.0, _rope),
    "leaking-coupling": Kind("leak", "cdu", 0.02, 0.0, _leak),
    "fouled-exchanger": Kind("fouled-exchanger", "cdu", 0.01, 0.45, _fault("exchanger-fouling")),
}  # fmt: skip


def seed_defects(racks: Sequence[Rack], seed: int, times: Times, *, mild: bool = False) -> Seeded:
    """Draw what is wrong with a hall; with `mild` from what is barely visible on, within acceptance's limits too."""
    random, seeded = np.random.default_rng([seed, len(racks)]), Seeded()
    taken: set[str] = set()
    least = 2 if len(racks) >= RACKS_EACH else 1
    for name, kind in KINDS.items():
        ids = [i for r in racks for i in {"gpu": r.gpus, "node": r.nodes, "cdu": (r.cdu,)}[kind.on]]
        count = max(int(random.binomial(len(ids), kind.ratio)), least)
        for place in random.permutation(len(ids)):
            if count == 0:
                break
            # One defect a device, and none within another: whose finding is whose would be a matter of taste.
            if _near(ids[place], taken):
                continue
            mildest = 0.0 if mild else kind.mildest
            severity = mildest + (1.0 - mildest) * float(random.random())
            before = len(seeded.swapped)
            kind.make(seeded, ids[place], severity, random, times)
            pairs = seeded.swapped[before:]
            subjects = pairs[0] if pairs else (ids[place],)
            taken.update(subjects)
            seeded.defects.append(Defect(name, kind.cause, subjects, severity))
            count -= 1
    return seeded


def _near(subject: str, taken: set[str]) -> bool:
    """Whether the device, its node, or one of its GPUs has a defect; a unit's other devices may have theirs."""
    node = subject.rpartition("/")[0]
    return (
        subject in taken
        or (node in taken and not subject.endswith("/cdu"))
        or any(t.startswith(f"{subject}/") for t in taken)
    )
