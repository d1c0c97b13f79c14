"""Which faults the benchmark puts where and when, drawn by a seed.

A rack has one fault at most, and half of the racks none. Two of a kind are kept apart in time: what several racks show
within a minute is, rightly, one incident of their row or hall. A fault begins as late as leaves it the time that its
detector's own hold needs; a short run has less room for faults, and a small hall fewer racks for them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from coldplate.console.benching.load import GPUS, Load
from coldplate.twin.fault import Fault

REPEATS = 3
"""So often each kind comes, where there is room."""

APART_S = 75.0
"""Of two of a kind: more than what the correlation takes for one cause in several racks."""

FIRST_S = 6.0
"""From the first frame on, at least: detectors have to see how things usually are."""

LASTS_S = 60.0
TRIES = 200
PUMP_SPARE_RATIO = 0.3


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault that is injected.

    Parameters
    ----------
    name
        In the twin's library.
    on
        Sort of device that has it.
    within_s
        A run is to last so long after its onset: what its detector waits for, with the frames' own length and some more.
    nodes_min
        Nodes of a rack: where there are few, a hose of one of them takes a large part of the unit's flow, and is that.
    severity
        0 to 1, as in the library.
    """

    name: str
    on: str
    within_s: float
    nodes_min: int = 1
    severity: float = 0.7


KINDS = (
    Kind("gpu-lost", "gpu", 3.0),
    Kind("power-brake", "node", 3.0),
    Kind("pump-stop", "cdu", 10.0),
    Kind("xid-95", "gpu", 3.0),
    Kind("burst-leak", "cdu", 20.0),
    Kind("kinked-hose", "node", 20.0, 8),
    Kind("xid-48", "gpu", 3.0),
    Kind("silent-node", "node", 40.0),
    Kind("silent-gpu", "gpu", 40.0),
    Kind("coupling-half-closed", "node", 20.0, 8),
)
"""In the order in which a run with little room takes them."""


@dataclass(frozen=True, slots=True)
class Injection:
    """What is put into the hall.

    Parameters
    ----------
    faults
        With the ids of the real hall, in order of onset; seconds count from the first tick.
    wanted
        How many would be injected if there were room.
    """

    faults: tuple[Fault, ...]
    wanted: int


def draw(load: Load) -> Injection:
    """The faults of a run; the same seed and load give the same."""
    random = np.random.default_rng(load.seed)
    # The last rack may have fewer nodes than the others.
    racks = random.permutation(max(load.racks - 1, 0))[: load.racks // 2].tolist()
    faults: list[Fault] = []
    kinds = [kind for kind in KINDS if load.nodes_per_rack >= kind.nodes_min]
    for kind in kinds * REPEATS:
        if len(faults) == len(racks):
            break
        mine = [f.at_s for f in faults if f.kind == kind.name]
        if (at_s := _onset_s(kind, load, mine, random)) is not None:
            subject = _subject(kind, int(racks[len(faults)]), load, random)
            faults.append(_fault(kind, subject, at_s))
    return Injection(tuple(sorted(faults, key=lambda f: f.at_s)), REPEATS * len(kinds))


def _onset_s(
    kind: Kind, load: Load, taken_s: Sequence[float], random: np.random.Generator
) -> float | None:
    """A free time within the measured seconds; None when there is none."""
    first_s, last_s = max(load.warm_up_s, FIRST_S), load.length_s - kind.within_s
    for _ in range(TRIES if last_s > first_s else 0):
        # Between two ticks, as things happen.
        at_s = round(float(random.uniform(first_s, last_s)), 1)
        if all(abs(at_s - other) >= APART_S for other in taken_s):
            return at_s
    return None


def _subject(kind: Kind, rack: int, load: Load, random: np.random.Generator) -> str:
    name = f"rack-{rack:04d}"
    if kind.on == "cdu":
        return f"{name}/cdu"
    node = f"{name}/node-{random.integers(load.nodes_per_rack)}"
    return node if kind.on == "node" else f"{node}/gpu-{random.integers(GPUS)}"


def _fault(kind: Kind, subject: str, at_s: float) -> Fault:
    spare = PUMP_SPARE_RATIO if kind.name == "pump-stop" else None
    return Fault(
        kind.name, subject, at_s, round(at_s + LASTS_S, 1), spare_ratio=spare, severity=kind.severity
    )  # fmt: skip


def racks_of(faults: Sequence[Fault]) -> Iterator[str]:
    """Their racks, in order."""
    return (fault.subject.partition("/")[0] for fault in faults)
