"""Replays a recording of a real GPU, row by row as time passes, from the start again when it is over.

The recording holds what NVML said about ten times a second; a tick gets the last row at or before it, and the
statistics that an agent takes of instant power between two ticks are taken of the rows between.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.agents.collector import Happening, Health, Origin, Samples, Source
from coldplate.wire.metric import CATALOGUE, Kind, metric

SWING_WINDOW_S = 4.0
"""Long enough for two periods of the slowest swing that matters to a grid, 0.5 Hz."""

SWING_MIN_W = 20.0
"""Below this an amplitude is the noise of an idle GPU, and no frequency is told."""

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


class RecordedCollector:
    """One GPU of a recording as a node of its own.

    Parameters
    ----------
    folder
        Holds `trace-10hz.csv` and `nvml-facts.json`.
    node, rack
        Under which names it is sent; its GPU is `NODE/gpu-0`.
    slow_ticks
        Slow metrics are given every so many ticks, as a real agent reads them.

    Raises
    ------
    ValueError
        When a file or a column is missing; the message names it.
    """

    def __init__(self, folder: Path, node: str, rack: str, *, slow_ticks: int = 10) -> None:
        self._columns = _read_trace(folder / "trace-10hz.csv")
        self._t_s = self._columns["t"]
        self._length_s = float(self._t_s[-1] + np.median(np.diff(self._t_s)))
        facts = json.loads((folder / "nvml-facts.json").read_text("utf-8"))
        self._slow, self._limit_c = _slow_metrics(facts)
        self._slow_ticks = slow_ticks
        self._start_ms: int | None = None
        self._count = 0
        self.devices: Mapping[Kind, tuple[str, ...]] = {Kind.GPU: (f"{node}/gpu-0",)}
        self.sources: Sequence[Source] = (Source(node, rack, {Kind.GPU: range(1)}),)

    def sample(self, tick_ms: int) -> Samples:
        """The recording's values, `tick_ms` after the first call."""
        if self._start_ms is None:
            self._start_ms = tick_ms
        rounds, at_s = divmod((tick_ms - self._start_ms) / 1000, self._length_s)
        row = int(np.searchsorted(self._t_s, at_s, "right")) - 1
        out = np.full((len(CATALOGUE[Kind.GPU]), 1), np.nan)
        for name, values in self._columns.items():
            if name != "t":
                out[metric(Kind.GPU, name).number] = values[row]
        energy = metric(Kind.GPU, "energy_j").number
        used_j = self._columns["energy_j"][-1] - self._columns["energy_j"][0]
        out[energy] += rounds * used_j
        out[metric(Kind.GPU, "margin_c").number] = self._limit_c - self._columns["gpu_c"][row]
        for name, value in _burst(self._t_s, self._columns["power_instant_w"], row).items():
            out[metric(Kind.GPU, name).number] = value
        if self._count % self._slow_ticks == 0:
            for name, value in self._slow.items():
                out[metric(Kind.GPU, name).number] = value
        self._count += 1
        return {Kind.GPU: out}

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
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise ValueError(f"recording: {error}") from None
    if len(rows) < 2:
        raise ValueError(f"{path}: no rows")
    missing = {"t", *(c for c, _, _ in _COLUMNS)} - set(rows[0])
    if missing:
        raise ValueError(f"{path}: no column {', '.join(sorted(missing))}")
    out = {"t": np.array([float(r["t"]) for r in rows])}
    for column, name, factor in _COLUMNS:
        out[name] = np.array([float(r[column]) if r[column] else np.nan for r in rows]) * factor
    return out


def _slow_metrics(facts: dict[str, Any]) -> tuple[dict[str, float], float]:
    """Slow metrics by name, and the temperature at which the device's own margin is 0."""
    calls = {(c["call"], tuple(c["args"])): c["value"] for c in facts["calls"]}
    slow = {name: float(calls[call, ()]) * factor for call, (name, factor) in _CALLS.items()}
    fields = {f["id"]: f["value"] for f in facts["fields_supported"].values()}
    slow |= {name: float(fields[number]) for number, name in _FIELDS.items() if number in fields}
    temperature = float(calls["nvmlDeviceGetTemperature", (0,)])
    return slow, float(calls["nvmlDeviceGetMarginTemperature", ()]) + temperature


def _burst(t_s: NDArray[np.float64], power_w: NDArray[np.float64], row: int) -> dict[str, float]:
    """Least, greatest and standard deviation over the last second; strongest swing over four."""
    second = power_w[(t_s > t_s[row] - 1.0) & (t_s <= t_s[row])]
    out = {
        "power_min_w": float(second.min()),
        "power_max_w": float(second.max()),
        "power_std_w": float(second.std()),
    }
    window = (t_s > t_s[row] - SWING_WINDOW_S) & (t_s <= t_s[row])
    values = power_w[window]
    if len(values) < 16:
        return out
    step_s = float(np.median(np.diff(t_s[window])))
    spectrum = np.abs(np.fft.rfft(values - values.mean())) * 2 / len(values)
    strongest = int(spectrum[1:].argmax()) + 1
    out["swing_w"] = float(spectrum[strongest])
    if out["swing_w"] >= SWING_MIN_W:
        out["swing_hz"] = float(np.fft.rfftfreq(len(values), step_s)[strongest])
    return out
