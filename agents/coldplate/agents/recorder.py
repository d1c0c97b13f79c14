"""Writes a recording of this machine's GPUs, in the form that `recorded` replays: one folder a GPU.

`trace-10hz.csv` has a row every 100 ms, in the units of NVML, with an empty cell where nothing was read;
`nvml-facts.json` has what changes seldom. A machine with one GPU gets both in the folder itself, one with several gets
`gpu-0`, `gpu-1`, ... in it.
"""

import csv
import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from coldplate.agents.collector import Collector
from coldplate.wire.metric import CATALOGUE, Kind, metric

STEP_MS = 100

# Column, our metric, and what to multiply by.
_COLUMNS = (
    ("power_average", "power_w", 1e3),
    ("power_instant", "power_instant_w", 1e3),
    ("memory_temp", "hbm_c", 1.0),
    ("gpu_temp_c", "gpu_c", 1.0),
    ("total_energy_consumption", "energy_j", 1e3),
    ("sm_clock_mhz", "sm_clock_mhz", 1.0),
    ("mem_clock_mhz", "mem_clock_mhz", 1.0),
    ("clock_event_reasons", "clock_event_reasons", 1.0),
    ("gpu_util", "gpu_util_ratio", 100.0),
    ("mem_util", "mem_util_ratio", 100.0),
    ("pstate", "pstate", 1.0),
)
_CALLS = (
    ("nvmlDeviceGetTemperature", (0,), "gpu_c", 1.0),
    ("nvmlDeviceGetMarginTemperature", (), "margin_c", 1.0),
    ("nvmlDeviceGetEnforcedPowerLimit", (), "power_limit_w", 1e3),
    ("nvmlDeviceGetCurrPcieLinkGeneration", (), "pcie_gen", 1.0),
    ("nvmlDeviceGetCurrPcieLinkWidth", (), "pcie_width", 1.0),
    ("nvmlDeviceGetPcieReplayCounter", (), "pcie_replay_total", 1.0),
)
_FIELDS = (
    ("NVML_FI_DEV_ECC_SBE_VOL_TOTAL", 3, "ecc_corrected_total"),
    ("NVML_FI_DEV_ECC_DBE_VOL_TOTAL", 4, "ecc_uncorrected_total"),
    ("NVML_FI_DEV_REMAPPED_COR", 142, "remap_corrected_total"),
    ("NVML_FI_DEV_REMAPPED_UNC", 143, "remap_uncorrected_total"),
    ("NVML_FI_DEV_REMAPPED_PENDING", 144, "remap_pending"),
    ("NVML_FI_DEV_REMAPPED_FAILURE", 145, "remap_failed"),
    ("NVML_FI_DEV_GET_GPU_RECOVERY_ACTION", 230, "recovery_action"),
)


def record(
    collector: Collector,
    folder: Path,
    seconds: float,
    stop: threading.Event,
    *,
    clock: Callable[[], float] = time.time,
) -> list[Path]:
    """Record until `stop` is set, or for so many seconds.

    Parameters
    ----------
    collector
        Sampled every 100 ms; a slow metric stands in the facts as it was first read.
    folder
        Made where it is not there.
    clock
        Unix time in seconds.

    Returns
    -------
    folders
        One a GPU.

    Raises
    ------
    ValueError
        When there is no GPU, or a recording stands in the folder already.
    OSError
        When the folder cannot be written.
    """
    gpus = collector.devices.get(Kind.GPU, ())
    if not gpus:
        raise ValueError("no GPU answers, so there is nothing to record")
    folders = [folder] if len(gpus) == 1 else [folder / f"gpu-{i}" for i in range(len(gpus))]
    known = np.full((len(CATALOGUE[Kind.GPU]), len(gpus)), np.nan)
    with ExitStack() as files:
        traces = [_Trace(files.enter_context(_opened(f))) for f in folders]
        begin = int(clock() * 1000) // STEP_MS + 1
        step = begin
        while step < begin + seconds * 1000 / STEP_MS:
            if stop.wait(max(0.0, step * STEP_MS / 1000 - clock())):
                break
            values = collector.sample(step * STEP_MS)[Kind.GPU]
            known = np.where(np.isnan(known), values, known)
            for i, trace in enumerate(traces):
                trace.write((step - begin) * STEP_MS / 1000, values[:, i])
            # A step that came too late is left out: the next row's time says so.
            step = max(step + 1, int(clock() * 1000) // STEP_MS)
    for i, path in enumerate(folders):
        facts = _facts(known[:, i], gpus[i], begin * STEP_MS)
        (path / "nvml-facts.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    return folders


class _Trace:
    """The rows of one GPU."""

    def __init__(self, file: TextIO) -> None:
        self._out = csv.writer(file, lineterminator="\n")
        self._out.writerow(["t", "phase", *(column for column, _, _ in _COLUMNS)])
        self._energy_j = np.nan

    def write(self, t_s: float, values: NDArray[np.float64]) -> None:
        """One row; the energy counter, which is read seldom, stays what it was."""
        cells = []
        for _, name, factor in _COLUMNS:
            value = float(values[metric(Kind.GPU, name).number])
            if name == "energy_j":
                self._energy_j = value = self._energy_j if np.isnan(value) else value
            cells.append("" if np.isnan(value) else str(round(value * factor)))
        self._out.writerow([f"{t_s:.1f}", "live", *cells])


def _opened(folder: Path) -> TextIO:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return (folder / "trace-10hz.csv").open("x", encoding="utf-8", newline="")
    except FileExistsError:
        raise ValueError(f"{folder} holds a recording already; name another folder") from None


def _facts(known: NDArray[np.float64], gpu: str, start_ms: int) -> dict[str, Any]:
    """What the replay takes from `nvml-facts.json`; what was never read is left out."""

    def value(name: str, factor: float) -> int | None:
        found = float(known[metric(Kind.GPU, name).number])
        return None if np.isnan(found) else round(found * factor)

    calls = [(call, args, value(name, factor)) for call, args, name, factor in _CALLS]
    fields = [(label, number, value(name, 1.0)) for label, number, name in _FIELDS]
    return {
        "gpu": gpu,
        "start": datetime.fromtimestamp(start_ms / 1000, UTC).isoformat(timespec="milliseconds"),
        "calls": [
            {"call": call, "args": list(args), "value": v} for call, args, v in calls if v is not None
        ],
        "fields_supported": {
            label: {"id": number, "value": v} for label, number, v in fields if v is not None
        },
    }  # fmt: skip
