"""Work that stands still: utilisation says 100 % and nothing is done.

A kernel that waits for ever keeps its GPU busy, says NVML, and draws little more than an idle one. Recorded on an H200:
79 W idle, 129 W for a process that only holds the GPU awake, 405 W and more for any real work. A job that waits for one
of its GPUs spins at the latter; the one that it waits for does nothing at all. A pause in a training step lasts below
a second and a checkpoint reads its memory, so that neither looks like this for a minute.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import F64, Memory, Scores, Tick
from coldplate.streams.detectors.blocks import or_zero
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

Bools = NDArray[np.bool_]

BUSY_RATIO, MEMORY_RATIO = 0.95, 0.05
STILL_W, SPINS_W = 105.0, 200.0
"""Between idle and awake, and between awake and the least of real work; of an H200 (recorded)."""


def _still(tick: Tick, below_w: float) -> tuple[Bools, F64]:
    """Who is busy with nothing below a power, and the power."""
    power = tick.mean("power_w")
    with np.errstate(invalid="ignore"):
        out = power < below_w
        if out.any():
            out &= tick.mean("gpu_util_ratio") >= BUSY_RATIO
            out &= ~(tick.mean("mem_util_ratio") >= MEMORY_RATIO)
    return out, power


def _of_node(tick: Tick, still: Bools) -> F64:
    """Share of the GPUs of each row's node that stand still; 0 where the node is not known."""
    node = tick.node.astype(np.int64) + 1
    share = np.bincount(node, still) / np.maximum(np.bincount(node), 1)
    share[0] = 0.0
    return share[node]


def _scores(tick: Tick, holds: Bools, power: F64) -> Scores:
    told = np.isfinite(power) & np.isfinite(tick.mean("gpu_util_ratio"))
    score = np.where(told, holds.astype(np.float64), np.nan)
    return Scores(score, power, np.full(len(power), np.nan))


@dataclass(frozen=True)
class _Hang:
    """What detectors of work that stands still have in common; their own words say what each field means."""

    name: str
    kind: Kind = Kind.GPU
    fault: str = ""
    metric: str = "power_w"
    severity: Severity = Severity.WARNING
    on: float = 1.0
    off: float = 0.5
    at_once: float = 2.0
    hold_s: float = 60.0
    clear_s: float = 5.0
    joined: bool = True
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    below_w: float = STILL_W
    remembers: Mapping[str, float] = field(default_factory=dict)

    def threshold(self, baseline: float) -> float:  # noqa: ARG002  the limit is absolute
        """Power below which it fires, W."""
        return self.below_w


@dataclass(frozen=True)
class HungGpu(_Hang):
    """1 while a GPU is busy with nothing and most of its node is not.

    Parameters
    ----------
    below_w
        Power of a GPU that does nothing at all.
    hold_s
        Longer than any wait of healthy work at this power (estimate).
    node_ratio
        Where so many of a node's GPUs stand still it is the job's fault.

    Notes
    -----
    No memory. One comparison while nobody stands still.
    """

    name: str = "hung-gpu"
    fault: str = "hung-gpu"
    node_ratio: float = 0.5

    def score(self, memory: Memory, tick: Tick) -> Scores:  # noqa: ARG002  it remembers nothing
        """1 where it hangs, else 0."""
        still, power = _still(tick, self.below_w)
        if still.any():
            still &= _of_node(tick, still) < self.node_ratio
        return _scores(tick, still, power)


@dataclass(frozen=True)
class HungJob(_Hang):
    """1 while most GPUs of a node are busy with nothing.

    Parameters
    ----------
    below_w, hold_s, node_ratio
        As in `HungGpu`.

    Notes
    -----
    No memory. A job of one GPU, and a node whose other GPUs have another job, are `HungGpu`'s.
    """

    name: str = "hung-job"
    fault: str = "hung-job"
    node_ratio: float = 0.5

    def score(self, memory: Memory, tick: Tick) -> Scores:  # noqa: ARG002  it remembers nothing
        """1 where it hangs, else 0."""
        still, power = _still(tick, self.below_w)
        if still.any():
            still &= _of_node(tick, still) >= self.node_ratio
        return _scores(tick, still, power)


@dataclass(frozen=True)
class JobWaits(_Hang):
    """1 while all GPUs that a job has in a rack spin, and none stands still.

    The job waits for something: for a GPU that hangs elsewhere, for data, or for each other. A ticket: who holds it up
    is named by `HungGpu` or `HungJob` where it can be, and minutes of waiting may be a slow file system.

    Parameters
    ----------
    below_w
        Power below which no real work is done.
    still_w
        Power below which nothing at all is done: where one GPU does nothing, that one is at fault.

    Notes
    -----
    No memory. One comparison while nobody spins.
    """

    name: str = "job-waits"
    fault: str = "hung-job"
    severity: Severity = Severity.TICKET
    hold_s: float = 300.0
    below_w: float = SPINS_W
    still_w: float = STILL_W

    def score(self, memory: Memory, tick: Tick) -> Scores:  # noqa: ARG002  it remembers nothing
        """1 where its job waits, else 0."""
        spins, power = _still(tick, self.below_w)
        if spins.any():
            job = tick.value("job")
            spins &= np.isfinite(job)
            key = (tick.rack.astype(np.int64) << 33) + or_zero(job + 1.0).astype(np.int64)
            _, group = np.unique(key, return_inverse=True)
            still = _still(tick, self.still_w)[0]
            all_spin = (np.bincount(group, spins) == np.bincount(group)) & (
                np.bincount(group, still) == 0
            )
            spins &= all_spin[group]
        return _scores(tick, spins, power)
