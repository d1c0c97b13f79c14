"""Rows of a hall as they come in, each second, for the benchmark of the web page: `python -m` this, with ClickHouse's URL in the environment.

A fifth of the racks has its frame of five ticks each second, two seconds after its last tick, as the sink stores what
agents send. Each GPU has a job's steps, noise and a plate of its own; temperatures are whole degrees, as the driver's are.
"""

import os
import signal
import sys
import threading
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.sinks.client import Client, Columns
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.sinks.tables import SAMPLE_TABLES, SampleTable, kept_dtype, raw_column
from coldplate.wire.inventory import Inventory, device_key, generate

URL = "COLDPLATE_BENCH_FEED"
NODES, GPUS, TICKS, LATE_S = 8, 8, 5, 2
RACK_GPUS = NODES * GPUS
FULL_W, SWING_W, NOISE_W = 620.0, 40.0, 4.0
SUPPLY_C, K_PER_W, SCATTER, LIMIT_C = 30.0, 0.045, 0.04, 87.0
LAG_S = 8.0
"""Of the plate and die: how slowly temperature follows power."""

RACKS_A_JOB = 25
BEHIND_S = 3
"""Seconds by which the feed may be late before it leaves some out."""

F64 = NDArray[np.float64]
_TABLES = {table.name: table for table in SAMPLE_TABLES}


def hall_of(gpus: int) -> Inventory:
    """Whole racks of 64."""
    return generate(-(-gpus // RACK_GPUS), NODES, GPUS)


class Feed:
    """A hall's samples.

    Parameters
    ----------
    gpus
        Rounded up to whole racks.
    seed
        Of all that is drawn.
    """

    def __init__(self, gpus: int, seed: int = 1) -> None:
        racks = -(-gpus // RACK_GPUS)
        self._rng = np.random.default_rng(seed)
        names = [f"rack-{r:04}" for r in range(racks)]
        self._gpus = np.array(
            [[device_key(n, f"{n}/node-{i}/gpu-{g}") for i in range(NODES) for g in range(GPUS)] for n in names], np.uint64
        )  # fmt: skip
        self._cdus = np.array([device_key(n, f"{n}/cdu") for n in names], np.uint64)
        self._meters = np.array([device_key(n, n) for n in names], np.uint64)
        self._job = np.arange(racks) // RACKS_A_JOB + 1
        self._k_per_w = K_PER_W * self._rng.normal(1, SCATTER, (racks, RACK_GPUS))
        self._gpu_c = SUPPLY_C + self._k_per_w * FULL_W

    def second(self, tick: int) -> dict[str, Columns]:
        """Columns by table of the frames that end with a tick (its Unix second)."""
        racks = np.flatnonzero(np.arange(len(self._job)) % TICKS == tick % TICKS)
        ticks = tick - TICKS + 1 + np.arange(TICKS)
        watts, gpu_c = self._load(racks, ticks)
        out = {"gpu_samples": self._gpu_columns(racks, ticks, watts, gpu_c)}
        rack_w = watts.sum(axis=2) * 1.1
        lpm = 64.0 + self._rng.normal(0, 0.3, rack_w.shape)
        water = {"supply_c": SUPPLY_C + self._rng.normal(0, 0.05, rack_w.shape), "flow_lpm": lpm}
        out["cdu_samples"] = _columns("cdu_samples", self._cdus[racks], ticks, water)
        out["rack_samples"] = _columns("rack_samples", self._meters[racks], ticks, {"rack_power_w": rack_w})  # fmt: skip
        return out

    def _load(self, racks: NDArray[np.intp], ticks: NDArray[np.int64]) -> tuple[F64, F64]:
        """Watts and degrees, rack by tick by GPU."""
        shape = (len(racks), TICKS, RACK_GPUS)
        phase = self._job[racks, None] * 1.7 + ticks[None, :] * (2 * np.pi / 13.0)
        watts = FULL_W + SWING_W * np.sin(phase)[:, :, None] + self._rng.normal(0, NOISE_W, shape)
        out = np.empty(shape)
        now = self._gpu_c[racks]
        for n in range(TICKS):
            rest = SUPPLY_C + self._k_per_w[racks] * watts[:, n]
            now = rest + (now - rest) * np.exp(-1.0 / LAG_S)
            out[:, n] = now
        self._gpu_c[racks] = now
        return watts, np.rint(out)

    def _gpu_columns(
        self, racks: NDArray[np.intp], ticks: NDArray[np.int64], watts: F64, gpu_c: F64
    ) -> Columns:
        shape = watts.shape
        values = {
            "power_w": watts, "power_min_w": watts * 0.5, "power_max_w": watts * 1.3, "gpu_c": gpu_c,
            "margin_c": LIMIT_C - gpu_c, "clock_event_reasons": np.zeros(shape), "gpu_util_ratio": np.ones(shape),
            "mem_util_ratio": np.full(shape, 0.4), "swing_hz": np.full(shape, 0.66), "swing_w": watts * 0.3,
            "job": np.broadcast_to(self._job[racks, None, None], shape),
        }  # fmt: skip
        # GPUs before ticks, as a frame has them: a device's rows lie together.
        return _columns("gpu_samples", self._gpus[racks].reshape(-1), ticks, {
            name: v.transpose(0, 2, 1).reshape(-1, TICKS) for name, v in values.items()
        })  # fmt: skip


def _columns(
    name: str, devices: NDArray[np.uint64], ticks: NDArray[np.int64], values: dict[str, F64]
) -> Columns:
    table: SampleTable = _TABLES[name]
    rows = len(devices) * len(ticks)
    there = [m for m in table.metrics if m.name in values]
    out: dict[str, NDArray[Any]] = {
        "device": np.repeat(devices, len(ticks)), "t": np.tile(ticks * 1000, len(devices)),
        "tick_ms": np.full(rows, 1000, np.uint32), "boot": np.ones(rows, np.uint64),
        "seq": np.full(rows, ticks[-1], np.uint64),
        "present": np.full(rows, sum(1 << m.number for m in there), np.uint64),
    }  # fmt: skip
    for metric in there:
        steps = values[metric.name].reshape(-1) / metric.kept_scale
        out[raw_column(metric)] = np.rint(steps).astype(kept_dtype(metric))
    return out


def main() -> int:
    """Feed until told to stop; seconds that a slow machine has no time for are left out, and counted on stdout at the end."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    feed, skipped = Feed(int(sys.argv[1])), 0
    tick = int(time.time()) - LATE_S - TICKS
    with Client(ClickHouseSettings.from_url(os.environ[URL])) as client:
        while not stop.wait(max(0.0, tick + 1 + LATE_S - time.time())):
            for table, columns in feed.second(tick).items():
                client.insert(table, columns, None)
            late = max(0, int(time.time()) - LATE_S - BEHIND_S - tick)
            # Whole rounds of racks, so that none is left out more than others.
            skipped += late // TICKS * TICKS
            tick += 1 + late // TICKS * TICKS
    sys.stdout.write(f"{skipped}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
