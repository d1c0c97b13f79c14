"""Replays a recording of a real GPU, row by row as time passes, from the start again when it is over.

The recording holds what NVML said about ten times a second; a tick gets the last row at or before it, and what an
agent makes of instant power between two ticks (burst.py) is made of the rows between.
"""

import csv
import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.agents.burst import WINDOW_S, BurstWindow
from coldplate.agents.collector import Happening, Health, Origin, Samples, Source
from coldplate.wire.metric import CATALOGUE, Kind, metric

# Column of the recording, our metric, and what to multiply by.
_COLUMNS = (
    ("power_average", "power_w", 1e-3),
    ("power_instant", "power_instant_w", 1e-3),
    ("memory_temp", "hbm_c", 1.0),
    ("gpu_temp_c", "gpu_c", 1.0),
    ("total_energy_consumption", "energy_j", 1e-3),
    ("sm_clock_mhz", "sm_clock_mhz", 1.0),
    ("mem_clock_mhz", "mem_clock_mhz", 1.0),
    ("clock_event_reasons", "clock_event_reasons", 1.0),
    ("gpu_util", "gpu_util_ratio", 0.01),
    ("mem_util", "mem_util_ratio", 0.01),
    ("pstate", "pstate", 1.0),
)

# Slow metrics that the recording's facts give once, by NVML call or field id.
_CALLS = {
    "nvmlDeviceGetEnforcedPowerLimit": ("power_limit_w", 1e-3),
    "nvmlDeviceGetCurrPcieLinkGeneration": ("pcie_gen", 1.0),
    "nvmlDeviceGetCurrPcieLinkWidth": ("pcie_width", 1.0),
    "nvmlDeviceGetPcieReplayCounter": ("pcie_replay_total", 1.0),
}
_FIELDS = {
    3: "ecc_corrected_total", 4: "ecc_uncorrected_total", 142: "remap_corrected_total",
    143: "remap_uncorrected_total", 144: "remap_pending", 145: "remap_failed", 230: "recovery_action",
}  # fmt: skip

_BURST = [
    metric(Kind.GPU, name).number
    for name in ("power_min_w", "power_max_w", "power_std_w", "swing_hz", "swing_w")
]
_ENERGY = metric(Kind.GPU, "energy_j").number


class RecordedCollector:
    """The GPU of a recording as a node of its own, or as one of several GPUs.

    Parameters
    ----------
    folder
        Holds `trace-10hz.csv` and `nvml-facts.json`.
    node, rack
        Under which names it is sent; its GPUs are `NODE/gpu-0` and on.
    slow_ticks
        Slow metrics are given every so many ticks, as a real agent reads them.
    gpus
        How many; spread over the recording, so that they do not all do the same at the same time.

    Raises
    ------
    ValueError
        When a file or a column is missing; the message names it.
    """

    def __init__(
        self, folder: Path, node: str, rack: str, *, slow_ticks: int = 10, gpus: int = 1
    ) -> None:
        columns = _read_trace(folder / "trace-10hz.csv")
        self._t_s = columns.pop("t")
        self._rows = len(self._t_s)
        self.length_s = float(self._t_s[-1] + np.median(np.diff(self._t_s)))
        """Of the recording; after it everything comes again."""
        self._power_w = columns["power_instant_w"]
        facts = json.loads((folder / "nvml-facts.json").read_text("utf-8"))
        slow, limit_c = _slow_metrics(facts)
        columns["margin_c"] = limit_c - columns["gpu_c"]
        self._fast, self._columns = _numbers(columns), np.stack(list(columns.values()))
        self._slow, self._slow_values = _numbers(slow), np.array(list(slow.values()))[:, None]
        self._used_j = columns["energy_j"][-1] - columns["energy_j"][0]
        self._begin_s = self.length_s / gpus * np.arange(gpus)
        self._slow_ticks, self._count = slow_ticks, 0
        self._start_ms: int | None = None
        self._burst, self._next_row = BurstWindow(gpus), np.zeros(gpus, np.int64)
        ids = tuple(f"{node}/gpu-{i}" for i in range(gpus))
        self.devices: Mapping[Kind, tuple[str, ...]] = {Kind.GPU: ids}
        self.sources: Sequence[Source] = (Source(node, rack, {Kind.GPU: range(gpus)}),)

    def sample(self, tick_ms: int) -> Samples:
        """The recording's values, `tick_ms` after the first call."""
        if self._start_ms is None:
            self._start_ms = tick_ms
        passed_s = (tick_ms - self._start_ms) / 1000 + self._begin_s
        rounds, at_s = np.divmod(passed_s, self.length_s)
        row = self._t_s.searchsorted(at_s, "right") - 1
        out = np.full((len(CATALOGUE[Kind.GPU]), len(row)), np.nan)
        out[self._fast] = self._columns[:, row]
        out[_ENERGY] += rounds * self._used_j
        for gpu, last in enumerate((rounds.astype(np.int64) * self._rows + row).tolist()):
            self._take_in(gpu, last)
        out[_BURST] = self._burst.features(tick_ms)
        if self._count % self._slow_ticks == 0:
            out[self._slow] = self._slow_values
        self._count += 1
        return {Kind.GPU: out}

    def _take_in(self, gpu: int, last: int) -> None:
        """Readings up to a row, counted through all rounds; after a long gap those of the window alone."""
        of_window = int(np.ceil(WINDOW_S * self._rows / self.length_s))
        # At the start there is nothing before the first row.
        begin = max(int(self._next_row[gpu]), last - of_window if self._count else last)
        self._next_row[gpu] = max(begin, last + 1)
        rounds, rows = np.divmod(np.arange(begin, last + 1), self._rows)
        t_us = np.rint(1e6 * (rounds * self.length_s + self._t_s[rows]))
        self._burst.add(gpu, t_us.astype(np.int64), self._power_w[rows])

    def conditions(self) -> None:
        """A recorded GPU is heard."""

    def happenings(self) -> list[Happening]:
        """None: the recording has no events."""
        return []

    def health(self) -> Sequence[Health]:
        """Nothing behind it can fail."""
        return ()

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """Its origin is the file or model as a whole."""
        return {}

    def close(self) -> None:
        """Nothing is held."""


def _read_trace(path: Path) -> dict[str, NDArray[np.float64]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return _columns(path, csv.reader(file))
    except OSError as error:
        raise ValueError(f"recording: {error}") from None


def _columns(path: Path, rows: Iterator[list[str]]) -> dict[str, NDArray[np.float64]]:
    header, first, second = (next(rows, None) for _ in range(3))
    if header is None or first is None or second is None:
        raise ValueError(f"{path}: no rows")
    factors = {"t": ("t", 1.0)} | {column: (name, factor) for column, name, factor in _COLUMNS}
    if missing := factors.keys() - set(header):
        raise ValueError(f"{path}: no column {', '.join(sorted(missing))}")
    taken = [header.index(column) for column in factors]
    # As it is read: the text of an hour would be a hundred megabytes of objects.
    whole = chain((first, second), rows)
    cells = np.array(array("d", (float(row[i] or "nan") for row in whole for i in taken)))
    columns = cells.reshape(-1, len(factors)).T
    return {name: v * factor for (name, factor), v in zip(factors.values(), columns, strict=True)}


def _numbers(values: Mapping[str, object]) -> list[int]:
    return [metric(Kind.GPU, name).number for name in values]


def _slow_metrics(facts: dict[str, Any]) -> tuple[dict[str, float], float]:
    """Slow metrics by name, and the temperature at which the device's own margin is 0."""
    calls = {(c["call"], tuple(c["args"])): c["value"] for c in facts["calls"]}
    slow = {name: float(calls[call, ()]) * factor for call, (name, factor) in _CALLS.items()}
    fields = {f["id"]: f["value"] for f in facts["fields_supported"].values()}
    slow |= {name: float(fields[number]) for number, name in _FIELDS.items() if number in fields}
    temperature = float(calls["nvmlDeviceGetTemperature", (0,)])
    return slow, float(calls["nvmlDeviceGetMarginTemperature", ()]) + temperature
