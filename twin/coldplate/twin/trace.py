"""A recorded trace of one GPU under known loads: reading it, and finding in it when each load ran.

A folder holds one CSV with the columns of tests/recordings/h200 (power in mW, about ten rows a second), and may hold
`nvml-facts.json` with the power limit. A phase's label starts seconds before its load, so loads are found by the power:
busy is above the middle between idle and the weakest load, runs of it with short pauses between are one load, and a
load belongs to the phase that labels most of it. Nothing here depends on names, times or powers of one recording.
"""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.power import LIMIT_W

F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

PAUSE_S, SURE_PAUSE_S, LIKE_RATIO = 10.0, 1.0, 2.5
"""Longest pause inside a load; up to which it surely is one; and how much longer than its neighbours it may be."""

AGREES_RATIO = 0.05
"""Energy counter and instant power agree so far, in the mean, or the counter is not used."""

STEPS_LEAST = 4
"""So many runs of one load make it a stepping one."""


@dataclass(frozen=True, slots=True)
class Load:
    """One load that ran.

    Parameters
    ----------
    phase
        Position of its phase.
    start_s, end_s
        When the GPU was busy with it.
    starts_s, busy_s
        Start of each run between pauses, and how long each lasted.
    """

    phase: int
    start_s: float
    end_s: float
    starts_s: F64
    busy_s: F64

    @property
    def stepping(self) -> bool:
        """Whether it computes and pauses in turn."""
        return len(self.starts_s) >= STEPS_LEAST


@dataclass(frozen=True, slots=True)
class Phase:
    """One labelled stretch, cut in two by time.

    Parameters
    ----------
    name
        As recorded.
    start_s, end_s, cut_s
        Fitted before `cut_s`, scored from there on.
    """

    name: str
    start_s: float
    end_s: float
    cut_s: float


@dataclass(frozen=True, slots=True)
class Trace:
    """What was recorded, one element a row, and what was found in it.

    `power_w` is the instant power and `mean_w` NVML's average; `drive_w` is the power of the time since the row before,
    half by the instant reading and half by the energy counter, which misses nothing between two rows.
    """

    t_s: F64
    power_w: F64
    mean_w: F64
    drive_w: F64
    gpu_c: F64
    hbm_c: F64
    mem_ratio: F64
    phase_of: NDArray[np.intp]
    limit_w: float
    idle_w: float
    busy: Bools
    phases: tuple[Phase, ...]
    loads: tuple[Load, ...]

    @property
    def first(self) -> Bools:
        """Rows to fit to; the others are to be scored."""
        cuts = np.array([p.cut_s for p in self.phases])
        return np.asarray(self.t_s < cuts[self.phase_of])

    def inside(self, load: Load, after_s: float = 0.0) -> Bools:
        """Rows of a load, from some seconds after its start."""
        return (self.t_s >= load.start_s + after_s) & (self.t_s < load.end_s)


def read(folder: Path) -> Trace:
    """The trace in a folder.

    Raises
    ------
    ValueError
        When there is no CSV in it, a column is missing, or no load can be found.
    """
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise ValueError(f"{folder}: no CSV of a recorded GPU")
    with files[0].open(newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        t_s, power, mean, gpu_c, hbm_c, util, mem_util = (
            np.array([float(row[name]) for row in rows])
            for name in (
                "t", "power_instant", "power_average", "gpu_temp_c", "memory_temp", "gpu_util",
                "mem_util",
            )
        )  # fmt: skip
        names = np.array([row["phase"] for row in rows])
    except (KeyError, ValueError) as error:
        raise ValueError(f"{files[0]}: not a recorded GPU: {error}") from error
    power_w, t_s = power / 1000.0, t_s - t_s[0]
    edges = np.flatnonzero(names[1:] != names[:-1]) + 1
    phase_of = np.searchsorted(edges, np.arange(len(t_s)), "right")
    idle_w = float(np.median(power_w[power_w <= np.percentile(power_w, 10)]))
    busy = power_w > _threshold_w(power_w, util / 100.0, phase_of, idle_w)
    loads = _loads(t_s, busy, phase_of)
    firsts = np.concatenate([[0], edges])
    ends = np.append(t_s[edges], t_s[-1] + np.median(np.diff(t_s)))
    phases = tuple(
        Phase(str(names[a]), float(t_s[a]), float(end), _cut_s(float(t_s[a]), float(end), k, loads))
        for k, (a, end) in enumerate(zip(firsts, ends, strict=True))
    )
    return Trace(
        t_s, power_w, mean / 1000.0, _drive_w(rows, t_s, power_w), gpu_c, hbm_c, mem_util / 100.0, phase_of,
        _limit_w(folder / "nvml-facts.json"), idle_w, busy, phases, loads,
    )  # fmt: skip


def _drive_w(rows: list[dict[str, str]], t_s: F64, power_w: F64) -> F64:
    """Power since the row before; the instant reading alone where there is no counter that agrees with it."""
    if "total_energy_consumption" not in rows[0]:
        return power_w
    energy_j = np.array([float(row["total_energy_consumption"]) for row in rows]) / 1000.0
    counted_w = power_w.copy()
    counted_w[1:] = np.diff(energy_j) / np.diff(t_s)
    # A counter that began anew, missing rows, and updates that came a row late lie outside of what was read.
    low_w = np.minimum(power_w[1:], power_w[:-1])
    high_w = np.maximum(power_w[1:], power_w[:-1])
    counted_w[1:] = np.clip(counted_w[1:], low_w, high_w)
    if abs(counted_w.mean() / power_w.mean() - 1.0) > AGREES_RATIO:
        return power_w
    return 0.5 * (power_w + counted_w)


def _limit_w(path: Path) -> float:
    if not path.exists():
        return LIMIT_W
    calls = json.loads(path.read_text())["calls"]
    found = [c["value"] for c in calls if c["call"] == "nvmlDeviceGetEnforcedPowerLimit"]
    return float(found[0]) / 1000.0 if found else LIMIT_W


def _threshold_w(power_w: F64, util: F64, phase_of: NDArray[np.intp], idle_w: float) -> float:
    """Middle between idle and the weakest load; a load's power is that of its busiest rows."""
    levels = []
    for phase in range(phase_of[-1] + 1):
        here = phase_of == phase
        full = here & (util >= 0.8 * max(util[here].max(), 0.2))
        if full.sum() >= 0.1 * here.sum():
            levels.append(float(np.median(power_w[full])))
    if not levels:
        raise ValueError("no load in this recording: the GPU was idle throughout")
    return 0.5 * (idle_w + min(levels))


def _loads(t_s: F64, busy: Bools, phase_of: NDArray[np.intp]) -> tuple[Load, ...]:
    tick_s = float(np.median(np.diff(t_s)))
    padded = np.concatenate([[False], busy, [False]])
    ups = np.flatnonzero(padded[1:] & ~padded[:-1])
    downs = np.flatnonzero(~padded[1:] & padded[:-1])
    # A row shows the power of the time before it: the load began about one row before the first busy one.
    starts_s = t_s[ups] - 0.5 * tick_s
    ends_s = np.append(t_s, t_s[-1] + tick_s)[downs] - 0.5 * tick_s
    busy_s = ends_s - starts_s
    phase = np.array([np.bincount(phase_of[a:b]).argmax() for a, b in zip(ups, downs, strict=True)])
    gap_s = starts_s[1:] - ends_s[:-1]
    beside_s = np.concatenate([[np.inf], gap_s, [np.inf]])
    unlike = gap_s > LIKE_RATIO * np.minimum(beside_s[:-2], beside_s[2:])
    unlike |= phase[1:] != phase[:-1]
    apart = (gap_s > PAUSE_S) | ((gap_s > SURE_PAUSE_S) & unlike)
    groups = np.split(np.arange(len(ups)), np.flatnonzero(apart) + 1)
    return tuple(
        Load(
            int(np.bincount(phase[g], busy_s[g]).argmax()),
            float(starts_s[g[0]]), float(ends_s[g[-1]]), starts_s[g], busy_s[g],
        )
        for g in groups
    )  # fmt: skip


def _cut_s(start_s: float, end_s: float, phase: int, loads: tuple[Load, ...]) -> float:
    """The middle; or that of the load, where the first half holds less than a quarter of it."""
    middle_s = 0.5 * (start_s + end_s)
    for load in loads:
        if load.phase == phase and middle_s < load.start_s + 0.25 * (load.end_s - load.start_s):
            return 0.5 * (load.start_s + load.end_s)
    return middle_s
