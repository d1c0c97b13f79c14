"""How each metric of a GPU is read from NVML, how often, and what turns the answer into the catalogue's unit.

What a call costs decides how often it comes (one H200, driver 580.159.04, microseconds): three fields 50, temperature 19,
most numbers 2, margin 850; but energy 3,300, each time counter up to 1,100, each PCIe counter 160 to 360, thresholds
160 to 240. `nvmlDeviceGetPcieThroughput` waits 21,000 for two readings of a counter and is not asked: the byte counters
tell the same. Numbers of fields and enums are those of nvml.h, which never change.

Absent here: `job`, which NVML does not know, and what is computed from the buffer (`buffer.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from coldplate.agents.nvml.calls import (
    Read,
    active_links,
    margin,
    memory_used,
    number,
    temperature,
    utilization,
)
from coldplate.agents.nvml.driver import Device
from coldplate.agents.nvml.fields import ALL_LINKS, needs_reset

MILLI, NANO, KIBI, PERCENT = 1e-3, 1e-9, 1024.0, 0.01


class Rate(Enum):
    """How often something is asked."""

    TICK = "every tick"
    SLOW = "every `slow_ticks`"
    RARE = "every sixth time of those, at least every 60 ticks"


@dataclass(frozen=True, slots=True)
class Call:
    """A function that tells one metric or several.

    Parameters
    ----------
    rate, source
        How often, and the name of the function.
    tells
        Metrics in the order of the numbers it gives, each with the factor to the catalogue's unit.
    make
        The call for one GPU.
    instead
        What is asked where this one is unsupported.
    """

    rate: Rate
    source: str
    tells: tuple[tuple[str, float], ...]
    make: Callable[[Device], Read]
    instead: "Call | None" = None


@dataclass(frozen=True, slots=True)
class Field:
    """A metric that one field tells, or several that are added up.

    Parameters
    ----------
    metric
        Its name.
    numbers
        Of the fields; one that is unsupported is left out of the sum.
    factor
        To the catalogue's unit.
    scope
        NVML's scope id.
    instead
        What is asked where none of them is supported.
    """

    metric: str
    numbers: tuple[int, ...]
    factor: float = 1.0
    scope: int = 0
    instead: Call | None = None

    @property
    def source(self) -> str:
        """As people look it up."""
        word = "field" if len(self.numbers) == 1 else "fields"
        return f"NVML {word} {', '.join(map(str, self.numbers))}"


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields that are read in one call."""

    rate: Rate
    fields: tuple[Field, ...]


def _one(
    rate: Rate, metric: str, name: str, *args: int, factor: float = 1.0, wide: bool = False,
    instead: Call | None = None,
) -> Call:  # fmt: skip
    return Call(rate, name, ((metric, factor),), number(name, *args, wide=wide), instead)


_POWER = _one(Rate.TICK, "power_w", "nvmlDeviceGetPowerUsage", factor=MILLI)
_ENERGY = _one(
    Rate.SLOW, "energy_j", "nvmlDeviceGetTotalEnergyConsumption", factor=MILLI, wide=True
)
_REASONS = _one(
    Rate.TICK, "clock_event_reasons", "nvmlDeviceGetCurrentClocksThrottleReasons", wide=True
)
_NEWER = Call(Rate.TICK, "nvmlDeviceGetTemperatureV", (("gpu_c", 1.0),), temperature)

VOLATILE, UNCORRECTED, DRAM, SRAM = 0, 1, 2, 7
_THRESHOLD = "nvmlDeviceGetTemperatureThreshold"
_ECC = "nvmlDeviceGetTotalEccErrors"
_BY_PLACE = "nvmlDeviceGetMemoryErrorCounter"

TABLE: tuple[Call | Fields, ...] = (
    Fields(Rate.TICK, (
        Field("power_w", (185,), MILLI, instead=_POWER),
        Field("power_instant_w", (186,), MILLI),
        Field("hbm_c", (82,)),
    )),
    _one(Rate.TICK, "gpu_c", "nvmlDeviceGetTemperature", 0, instead=_NEWER),
    Call(Rate.TICK, "nvmlDeviceGetMarginTemperature", (("margin_c", 1.0),), margin),
    _one(Rate.TICK, "sm_clock_mhz", "nvmlDeviceGetClockInfo", 1),
    _one(Rate.TICK, "mem_clock_mhz", "nvmlDeviceGetClockInfo", 2),
    _one(Rate.TICK, "clock_event_reasons", "nvmlDeviceGetCurrentClocksEventReasons", wide=True, instead=_REASONS),
    Call(Rate.TICK, "nvmlDeviceGetUtilizationRates", (("gpu_util_ratio", PERCENT), ("mem_util_ratio", PERCENT)), utilization),
    Call(Rate.TICK, "nvmlDeviceGetMemoryInfo", (("mem_used_bytes", 1.0),), memory_used),
    _one(Rate.TICK, "pstate", "nvmlDeviceGetPerformanceState"),
    # Dear ones stand apart from each other, so that each has a tick of its own.
    Fields(Rate.SLOW, (Field("energy_j", (191,), MILLI, instead=_ENERGY),)),
    _one(Rate.SLOW, "power_limit_w", "nvmlDeviceGetEnforcedPowerLimit", factor=MILLI),
    _one(Rate.SLOW, "ecc_corrected_total", _ECC, 0, VOLATILE, wide=True),
    _one(Rate.SLOW, "ecc_uncorrected_total", _ECC, UNCORRECTED, VOLATILE, wide=True),
    Fields(Rate.SLOW, (
        Field("remap_corrected_total", (142,)),
        Field("remap_uncorrected_total", (143,)),
        Field("remap_pending", (144,)),
        Field("remap_failed", (145,)),
        Field("recovery_action", (230,)),
        Field("ecc_corrected_aggregate_total", (5,)),
        Field("ecc_uncorrected_aggregate_total", (6,)),
        Field("retired_pages_total", (29, 30)),
    )),
    Fields(Rate.SLOW, (Field("power_violation_s_total", (74,), NANO), Field("thermal_violation_s_total", (75,), NANO))),
    _one(Rate.SLOW, "pcie_gen", "nvmlDeviceGetCurrPcieLinkGeneration"),
    _one(Rate.SLOW, "pcie_width", "nvmlDeviceGetCurrPcieLinkWidth"),
    Fields(Rate.SLOW, (Field("pcie_tx_bytes_total", (197,)), Field("pcie_rx_bytes_total", (198,)))),
    _one(Rate.SLOW, "pcie_replay_total", "nvmlDeviceGetPcieReplayCounter"),
    Fields(Rate.SLOW, (Field("hw_thermal_s_total", (270,), NANO), Field("sw_thermal_s_total", (269,), NANO))),
    Fields(Rate.SLOW, (
        Field("nvlink_errors_total", (38, 52, 59)),
        Field("nvlink_tx_bytes_total", (138,), KIBI, ALL_LINKS),
        Field("nvlink_rx_bytes_total", (139,), KIBI, ALL_LINKS),
    )),
    Fields(Rate.SLOW, (Field("power_brake_s_total", (271,), NANO),)),
    Call(Rate.SLOW, "nvmlDeviceGetNvLinkState", (("nvlink_active_links", 1.0),), active_links),
    _one(Rate.SLOW, "ecc_sram_uncorrected_total", _BY_PLACE, UNCORRECTED, VOLATILE, SRAM, wide=True),
    _one(Rate.SLOW, "ecc_dram_uncorrected_total", _BY_PLACE, UNCORRECTED, VOLATILE, DRAM, wide=True),
    Fields(Rate.SLOW, (Field("pcie_correctable_total", (173,)), Field("pcie_fatal_total", (179, 180)))),
    _one(Rate.SLOW, "fan_ratio", "nvmlDeviceGetFanSpeed", factor=PERCENT),
    # 1 reset, 2 drain and reset: field 227 says that it has to be drained as well.
    Call(Rate.SLOW, "NVML fields 226, 227", (("needs_reset", 1.0),), needs_reset),
    _one(Rate.RARE, "pcie_gen_max", "nvmlDeviceGetMaxPcieLinkGeneration"),
    _one(Rate.RARE, "pcie_width_max", "nvmlDeviceGetMaxPcieLinkWidth"),
    _one(Rate.RARE, "shutdown_c", _THRESHOLD, 0),
    _one(Rate.RARE, "slowdown_c", _THRESHOLD, 1),
    _one(Rate.RARE, "hbm_max_c", _THRESHOLD, 2),
    _one(Rate.RARE, "gpu_max_c", _THRESHOLD, 3),
    Fields(Rate.RARE, (Field("slowdown_margin_c", (194,)),)),
)  # fmt: skip
