"""Numbers as people say them: what was measured by its plain name, with unit, in three digits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from coldplate.wire.metric import CATALOGUE

_WORDS = {"gpu": "GPU", "hbm": "HBM", "sm": "SM", "cpu": "CPU", "ecc": "ECC", "pcie": "PCIe", "nvlink": "NVLink", "rh": "humidity", "ph": "pH"}  # fmt: skip
_SAID = {
    "gpu_c": "GPU temperature", "hbm_c": "HBM temperature", "cpu_c": "CPU temperature", "room_c": "room temperature",
    "supply_c": "supply temperature", "return_c": "return temperature",
    "supply_kpa": "supply pressure", "return_kpa": "return pressure",
    "facility_supply_c": "facility supply temperature", "facility_return_c": "facility return temperature",
    "margin_c": "margin to the limit", "filter_kpa_delta": "filter pressure difference",
    "pump1_w": "pump 1 power", "pump2_w": "pump 2 power", "pump1_rpm": "pump 1 speed", "pump2_rpm": "pump 2 speed",
    "pump1_ratio": "pump 1 speed", "pump2_ratio": "pump 2 speed", "feed_a_w": "feed A", "feed_b_w": "feed B",
    "gpu_util_ratio": "GPU busy", "mem_util_ratio": "memory busy", "mem_used_bytes": "memory in use",
    "room_rh_ratio": "room humidity", "makeup_l_total": "coolant made up", "valve_ratio": "facility valve",
    "reservoir_ratio": "reservoir level", "swing_hz": "swing", "swing_w": "swing amplitude",
    "energy_j": "energy", "silent_s": "silent for", "xid": "XID", "leak": "leak rope wet", "job": "job number",
    "air_inlet_c": "air in front", "coolant_ph": "coolant pH", "conductivity_us_cm": "coolant conductivity",
}  # fmt: skip
_ENDINGS = (
    "_total",
    "_w",
    "_j",
    "_c",
    "_lpm",
    "_kpa",
    "_hz",
    "_mhz",
    "_bytes",
    "_s",
    "_ratio",
    "_rpm",
    "_l",
)
_UNITS = {m.name: m.unit for metrics in CATALOGUE.values() for m in metrics} | {"silent_s": "s"}
_NUMBERS = ("job", "xid", "pstate", "clock_event_reasons", "recovery_action")
"""Names and codes that happen to be numbers."""

_LARGE = {"W": ((1e6, "MW"), (1e4, "kW")), "J": ((1e9, "GJ"), (1e6, "MJ")), "B": ((2.0**30, "GiB"), (2.0**20, "MiB"))}  # fmt: skip
_FACTOR = {"MW": 1e6, "kW": 1e3, "GJ": 1e9, "MJ": 1e6, "GiB": 2.0**30, "MiB": 2.0**20}


@dataclass(frozen=True, slots=True)
class Scale:
    """In which unit some numbers are said.

    Parameters
    ----------
    unit
        "" for counts.
    factor
        What a number is divided by.
    """

    unit: str
    factor: float = 1.0

    def say(self, value: float, *, with_unit: bool = True) -> str:
        """A number, with its unit when that is wanted."""
        if not math.isfinite(value):
            return "not a number"
        scaled = value / self.factor
        if abs(scaled) >= 99.5:
            text = f"{scaled:,.0f}"
        else:
            digits = 3 if 0 < abs(scaled) < 0.1 else 2 if abs(scaled) < 10 else 1
            text = f"{scaled:.{digits}f}".rstrip("0").rstrip(".") or "0"
        text = "0" if text == "-0" else text
        return f"{text} {self.unit}" if with_unit and self.unit else text


def word_of(metric: str) -> str:
    """A metric in words.

    Examples
    --------
    >>> word_of("flow_lpm"), word_of("nvlink_errors_total"), word_of("pump1_rpm")
    ('flow', 'NVLink errors', 'pump 1 speed')
    """
    if metric in _SAID:
        return _SAID[metric]
    bare = next((metric.removesuffix(e) for e in _ENDINGS if metric.endswith(e)), metric)
    return " ".join(_WORDS.get(word, word) for word in bare.split("_"))


def scale_of(metric: str, values: Sequence[float | None]) -> Scale:
    """The unit in which all of some values of a metric are said."""
    unit = _UNITS.get(metric, "")
    if metric.endswith("_ratio"):
        return Scale("%", 0.01)
    most = max((abs(v) for v in values if v is not None and math.isfinite(v)), default=0.0)
    for least, word in _LARGE.get(unit, ()):
        if most >= least:
            return Scale(word, _FACTOR[word])
    return Scale({"1": "", "degC": "°C", "1/min": "rpm"}.get(unit, unit))


def say(metric: str, value: float | None) -> str:
    """One value with its unit; what is not known is `-`.

    Examples
    --------
    >>> say("flow_lpm", 61.04), say("reservoir_ratio", 0.5), say("hall_power_w", 17895.2), say("gpu_c", None)
    ('61 l/min', '50 %', '17.9 kW', '-')
    """
    if value is None:
        return "-"
    if metric in _NUMBERS and math.isfinite(value):
        return f"{value:.0f}"
    return scale_of(metric, (value,)).say(value)
