"""A day of a fleet as columns of the history, made as fast as it can be stored: every GPU's own, none repeated.

The twin steps a hall in 50 ms, which for 10,000 GPUs is days of work. This takes the twin's plate, coolant and die with
steps of a second, which their slow parts allow (the plate has 150 J/K, the die follows within its tick), under jobs that
begin, train in steps, write checkpoints and end. Noise, scatter and jobs are drawn from the seed and the rack's number, so
that a rack is the same whenever and in whatever order it is made.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.sinks.rows import Columns
from coldplate.sinks.tables import SAMPLE_TABLES, kept_dtype, raw_column
from coldplate.twin.thermal import C_PLATE_J_PER_K, R_DIE, R_HBM, conductance
from coldplate.wire.inventory import Inventory, device_key, generate

START_S = 1_793_620_800
"""2026-11-02, 12:00 UTC: a day from noon has hours of two dates."""

NODES, GPUS = 8, 8
RACK_GPUS = NODES * GPUS
LIMIT_C = 87.0
SUPPLY_C, FLOW_LPM = 30.0, 1.0
IDLE_W, FULL_W, NOISE_W = 75.0, 680.0, 2.0
SCATTER = 0.04
STEP_S, CHECKPOINT_S, CHECKPOINT_EVERY_S = 1.5, 30.0, 1800.0
JOB_S = (3600.0, 6 * 3600.0)
"""Least and greatest length of a job."""

FAST, OF_CDU = SAMPLE_TABLES[0], next(t for t in SAMPLE_TABLES if t.name == "cdu_samples")
F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Span:
    """A job on a rack, seconds from the begin."""

    number: int
    begin_s: int
    end_s: int


@dataclass(frozen=True, slots=True)
class FleetDay:
    """What is made.

    Parameters
    ----------
    gpus
        Rounded up to whole racks of 64.
    hours
        From noon on.
    seed
        Of everything that is drawn.
    """

    gpus: int
    hours: int
    seed: int = 1

    @property
    def racks(self) -> int:
        """Racks of 64 GPUs."""
        return -(-self.gpus // RACK_GPUS)

    @property
    def seconds(self) -> int:
        """Ticks of each GPU."""
        return self.hours * 3600

    def inventory(self) -> Inventory:
        """All devices."""
        return generate(self.racks, NODES, GPUS)

    def jobs(self, rack: int) -> list[Span]:
        """Jobs of a rack, one after the other with pauses."""
        rng = np.random.default_rng((self.seed, rack, 1))
        out: list[Span] = []
        at = float(rng.uniform(0, 1800))
        while at < self.seconds:
            end = at + float(rng.uniform(*JOB_S))
            out.append(Span(1000 * (rack + 1) + len(out), int(at), min(int(end), self.seconds)))
            at = end + float(rng.uniform(60, 1800))
        return out

    def rack(self, rack: int) -> Iterator[tuple[str, Columns]]:
        """Columns of a rack by table, some million rows at a time, in the order in which they lie: device, time."""
        rng = np.random.default_rng((self.seed, rack))
        job = np.zeros(self.seconds, np.uint32)
        for span in self.jobs(rack):
            job[span.begin_s : span.end_s] = span.number
        power = _power(job, rng)
        supply = SUPPLY_C + 0.4 * np.sin(2 * np.pi * np.arange(self.seconds) / 86_400.0 + rack)
        supply = np.round(supply + rng.normal(0, 0.02, self.seconds), 2)
        plate = _plate(power, supply, rng)
        name = f"rack-{rack:04}"
        ids = [f"{name}/node-{n}/gpu-{g}" for n in range(NODES) for g in range(GPUS)]
        keys = np.array([device_key(name, i) for i in ids], np.uint64)
        for some in np.array_split(np.argsort(keys), 4):
            yield FAST.name, _gpu_columns(keys[some], power[some], plate[some], job, rng)
        heat = power.sum(axis=0)
        yield OF_CDU.name, _cdu_columns(device_key(name, f"{name}/cdu"), supply, heat)


def _power(job: NDArray[np.uint32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Watts of each GPU and second: steps in common, a phase and noise of its own."""
    seconds = len(job)
    t = np.arange(seconds)
    busy = job > 0
    paused = busy & (t % CHECKPOINT_EVERY_S < CHECKPOINT_S)
    # A second's mean of steps of 1.5 s, seen where the second cuts them.
    swing = 0.12 * np.sin(2 * np.pi * t / STEP_S + rng.uniform(0, 6.28, (RACK_GPUS, 1)))
    level = np.where(paused, 0.35, np.where(busy, 0.86, 0.0))
    share = level + np.where(busy & ~paused, swing, 0.0) + rng.normal(0, 0.01, (RACK_GPUS, 1))
    watts = IDLE_W + (FULL_W - IDLE_W) * np.clip(share, 0.0, 1.0)
    watts += rng.normal(0, NOISE_W, (RACK_GPUS, seconds))
    return np.maximum(watts, 60.0).astype(np.float32)


def _plate(
    power: NDArray[np.float32], supply: F64, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Temperature of each plate: exact for a power that holds for the second."""
    flow = np.full(RACK_GPUS, FLOW_LPM, np.float32) * rng.normal(1, SCATTER, RACK_GPUS).astype(
        np.float32
    )
    per_k = conductance(flow).astype(np.float64)
    stays = np.exp(-per_k / C_PLATE_J_PER_K)
    out = np.empty_like(power)
    now = supply[0] + power[:, 0] / per_k
    for second in range(power.shape[1]):
        rest = supply[second] + power[:, second] / per_k
        now = rest + (now - rest) * stays
        out[:, second] = now
    return out


def _gpu_columns(
    keys: NDArray[np.uint64], power: NDArray[np.float32], plate: NDArray[np.float32],
    job: NDArray[np.uint32], rng: np.random.Generator,
) -> Columns:  # fmt: skip
    count, seconds = power.shape
    r_die = R_DIE * rng.normal(1, SCATTER, (count, 1))
    gpu_c = np.round(plate + power * r_die)
    busy = np.broadcast_to(job > 0, power.shape)
    watts = np.round(power)
    values: dict[str, NDArray[Any]] = {
        "power_w": watts, "power_instant_w": np.round(power + rng.normal(0, 20, power.shape) * busy),
        "power_min_w": np.where(busy, watts * 0.4, watts - 3), "power_max_w": np.where(busy, watts * 1.3, watts + 3),
        "power_std_w": np.where(busy, watts * 0.3, 1), "swing_hz": np.where(busy, 0.66, 0.0),
        "swing_w": np.where(busy, 300 + rng.normal(0, 3, power.shape), 0.0),
        "gpu_c": gpu_c, "hbm_c": np.round(plate + 110.0 * R_HBM * (power / FULL_W)), "margin_c": LIMIT_C - gpu_c,
        "sm_clock_mhz": np.where(busy, 1980, 345), "mem_clock_mhz": np.full(power.shape, 3201),
        "clock_event_reasons": np.where(busy, 0, 1), "gpu_util_ratio": busy * 1.0, "mem_util_ratio": busy * 0.4,
        "mem_used_bytes": busy * 120.0e9, "pstate": np.zeros(power.shape), "job": np.broadcast_to(job, power.shape),
        "energy_j": np.cumsum(power, axis=1, dtype=np.float64),
    }  # fmt: skip
    out = _keys(keys, seconds)
    out["present"] = np.full(count * seconds, FAST.bits, np.uint64)
    job_bit = np.uint64(1 << next(m.number for m in FAST.metrics if m.name == "job"))
    out["present"][~busy.reshape(-1)] &= ~job_bit
    for metric in FAST.metrics:
        steps = values[metric.name] / metric.kept_scale
        out[raw_column(metric)] = np.rint(steps).astype(kept_dtype(metric)).reshape(-1)
    return out


def _cdu_columns(key: int, supply: F64, heat_w: NDArray[np.float32]) -> Columns:
    seconds = len(supply)
    flow = np.full(seconds, FLOW_LPM * RACK_GPUS)
    values = {"supply_c": supply, "flow_lpm": flow, "return_c": supply + heat_w / (66.7 * flow)}
    out = _keys(np.array([key], np.uint64), seconds)
    there = [m for m in OF_CDU.metrics if m.name in values]
    out["present"] = np.full(seconds, sum(1 << m.number for m in there), np.uint64)
    for metric in there:
        steps = values[metric.name] / metric.kept_scale
        out[raw_column(metric)] = np.rint(steps).astype(kept_dtype(metric))
    return out


def _keys(devices: NDArray[np.uint64], seconds: int) -> Columns:
    t = (START_S + np.arange(seconds, dtype=np.int64)) * 1000
    rows = len(devices) * seconds
    return {
        "device": np.repeat(devices, seconds), "t": np.tile(t, len(devices)),
        "tick_ms": np.full(rows, 1000, np.uint32), "boot": np.full(rows, 1, np.uint64),
        "seq": np.tile(np.arange(seconds, dtype=np.uint64) // np.uint64(5), len(devices)),
    }  # fmt: skip
