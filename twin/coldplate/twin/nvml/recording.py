"""A recorded GPU as NVML told it: a trace of what moves, and facts: every other value, what is unsupported, each cost.

The folder has the form of `tests/recordings/h200`: `trace-10hz.csv` and `nvml-facts.json`.
"""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE_US, SAMPLES = 20_000, 119
"""The driver's buffer of power: distance of its readings, and how many it holds."""

_PACED = {"nvmlDeviceGetTemperature": "temp", "nvmlDeviceGetTotalEnergyConsumption": "energy"}
"""Calls whose cost is known at a pace of once a second, which is more than in a row."""


class Recording:
    """What moved, by seconds from the beginning, over and over; and what stood still.

    Parameters
    ----------
    folder
        Where it is.

    Raises
    ------
    ValueError
        When it is not to be read; the message says what is wrong.
    """

    def __init__(self, folder: Path) -> None:
        try:
            with (folder / "trace-10hz.csv").open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            facts: dict[str, Any] = json.loads((folder / "nvml-facts.json").read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"recording: {error}") from None
        if len(rows) < 2:
            raise ValueError(f"{folder / 'trace-10hz.csv'}: no rows")
        self.columns: Mapping[str, NDArray[np.float64]] = {
            name: np.array([float(row[name]) for row in rows])
            for name in rows[0]
            if name != "phase"
        }
        self.t_s = self.columns["t"] - self.columns["t"][0]
        self.length_s = float(self.t_s[-1] + np.median(np.diff(self.t_s)))
        self.driver, self.nvml = str(facts["driver"]), str(facts["nvml"])
        self.calls: dict[tuple[str, tuple[int, ...]], str] = {
            (c["call"], tuple(c["args"])): str(c["value"]) for c in facts["calls"]
        }
        self.fields: dict[int, float] = {
            f["id"]: f["value"] for f in facts["fields_supported"].values()
        }
        self._paced: dict[str, float] = {
            k: v["median"] * 1e-6 for k, v in facts.get("paced_call_us", {}).items()
        }
        self._call_s: dict[tuple[str, tuple[int, ...]], float] = {
            (c["call"], tuple(c["args"])): c["median_us"] * 1e-6 for c in facts["calls"]
        }
        self._field_s: dict[int, float] = {
            f["id"]: f["latency_us"] * 1e-6 for f in facts["fields_supported"].values()
        }

    def at(self, column: str, t_s: float) -> float:
        """The value of a column at so many seconds; energy goes on growing in later rounds."""
        rounds, t_s = divmod(t_s, self.length_s)
        values = self.columns[column]
        row = int(self.t_s.searchsorted(t_s, "right")) - 1
        grown = rounds * (values[-1] - values[0]) if column == "total_energy_consumption" else 0.0
        return float(values[row] + grown)

    def power_mw(self, t_s: NDArray[np.float64]) -> NDArray[np.int64]:
        """Instant power between the rows, as the driver's buffer would have it."""
        told = np.interp(t_s % self.length_s, self.t_s, self.columns["power_instant"])
        return np.rint(told).astype(np.int64)

    def call_s(self, name: str, args: tuple[int, ...]) -> float:
        """What a call costs; that of the same name where just these arguments were not tried."""
        if name in _PACED and _PACED[name] in self._paced:
            return self._paced[_PACED[name]]
        known = [s for (n, _), s in self._call_s.items() if n == name]
        return self._call_s.get((name, args), known[0] if known else 2e-6)

    def fields_s(self, numbers: list[int]) -> float:
        """What a call for fields costs: the call, and each field that is dear."""
        return self._paced.get("fast4", 0.0) + sum(self._field_s.get(n, 0.0) for n in numbers)
