"""The metric catalogue: the one truth for frames, ClickHouse columns, /metrics names and docs.

A metric is known by its kind of device and its number. Numbers are permanent: a metric may be added
at the end of its kind, never renumbered, never given another scale or meaning. The number is also the
metric's bit in the `present` column of the history, so a kind has at most 64 metrics.

On the wire a value is `round(physical / scale)` in `dtype`; scale is the metric's resolution, chosen
from what the source can tell (NVML gives whole degrees and milliwatts of a 5 W accurate sensor).
Metrics of rate `fast` travel every tick, `slow` ones every 10 to 60 ticks, by what a call costs.
The history may keep less: what lies far below a sensor's accuracy is noise, and noise is what storage costs.

References
----------
NVML costs and support: the H200 recording (tests/recordings/h200). DCGM names: dcgm_fields.h.
CDU sensors: DMTF Redfish CoolingUnit 1.4, CoolantConnector 1.3, Pump 1.2, Filter 1.1, Reservoir.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Literal


class Kind(IntEnum):
    """Kinds of device that carry samples; the value is the code on the wire."""

    GPU = 1
    NODE = 2
    CDU = 3
    RACK = 4
    HALL = 5

    @property
    def word(self) -> str:
        """The lower-case word used in inventories, table names and recordings."""
        return self.name.lower()


DType = Literal["u1", "u2", "u4", "u8", "i2", "i4", "f4", "f8"]

#: Code of each dtype on the wire (4 bits); little-endian, fixed for ever.
DTYPE_CODES: dict[DType, int] = {
    "u1": 1, "u2": 2, "u4": 3, "u8": 4, "i2": 5, "i4": 6, "f4": 7, "f8": 8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Metric:
    """One catalogue entry.

    Parameters
    ----------
    kind, number
        Identity on the wire; permanent.
    name
        Column and JSON name, unit last (`_w _j _c _lpm _kpa _hz _bytes _s _ratio _total`).
    unit
        The unit in words for documentation and panels; "1" for counts and masks.
    dtype, scale
        Wire form: physical value = raw * scale.
    rate
        "fast" (every tick) or "slow" (every 10 to 60 ticks).
    source
        Where an agent gets it.
    help
        What it means.
    dcgm
        DCGM field name of the same meaning, where there is one.
    kept
        Resolution in the history where that is coarser than `scale`: a fifth of the sensor's accuracy or finer.
    """

    kind: Kind
    number: int
    name: str
    unit: str
    dtype: DType
    scale: float
    rate: Literal["fast", "slow"]
    source: str
    help: str
    dcgm: str | None = None
    kept: float | None = None

    @property
    def kept_scale(self) -> float:
        """Resolution in the history."""
        return self.scale if self.kept is None else self.kept

    @property
    def counter(self) -> bool:
        """True when the value only grows until a reset (`_total`, and energy)."""
        return self.name.endswith("_total") or self.name == "energy_j"


def _kind(kind: Kind, rows: Iterable[tuple[object, ...]]) -> tuple[Metric, ...]:
    return tuple(Metric(kind, number, *row) for number, row in enumerate(rows))  # type: ignore[arg-type]


# fmt: off
_GPU = _kind(Kind.GPU, [
    # name, unit, dtype, scale, rate, source, help, dcgm
    ("power_w", "W", "u2", 0.1, "fast", "NVML field 185", "Board power, the driver's 1 s moving mean", "DCGM_FI_DEV_POWER_USAGE", 1.0),
    ("power_instant_w", "W", "u2", 0.1, "fast", "NVML field 186", "Board power at the instant of the tick", "DCGM_FI_DEV_POWER_USAGE_INSTANT", 1.0),
    ("power_min_w", "W", "u2", 0.1, "fast", "NVML 20 ms sample buffer", "Lowest instant power within the tick", None, 1.0),
    ("power_max_w", "W", "u2", 0.1, "fast", "NVML 20 ms sample buffer", "Highest instant power within the tick", None, 1.0),
    ("power_std_w", "W", "u2", 0.1, "fast", "NVML 20 ms sample buffer", "Standard deviation of instant power within the tick", None, 0.5),
    ("swing_hz", "Hz", "u2", 0.01, "fast", "NVML 20 ms sample buffer", "Frequency of the strongest power swing", None),
    ("swing_w", "W", "u2", 0.1, "fast", "NVML 20 ms sample buffer", "Amplitude of the strongest power swing", None, 0.5),
    ("gpu_c", "degC", "i2", 0.1, "fast", "nvmlDeviceGetTemperature", "GPU die temperature", "DCGM_FI_DEV_GPU_TEMP"),
    ("hbm_c", "degC", "i2", 0.1, "fast", "NVML field 82", "HBM temperature", "DCGM_FI_DEV_MEMORY_TEMP"),
    ("margin_c", "K", "i2", 0.1, "fast", "nvmlDeviceGetMarginTemperature", "Kelvin left to the GPU's own T.limit; negative beyond it", "DCGM_FI_DEV_GPU_TEMP_LIMIT"),
    ("sm_clock_mhz", "MHz", "u2", 1.0, "fast", "nvmlDeviceGetClockInfo SM", "Streaming multiprocessor clock", "DCGM_FI_DEV_SM_CLOCK"),
    ("mem_clock_mhz", "MHz", "u2", 1.0, "fast", "nvmlDeviceGetClockInfo MEM", "Memory clock", "DCGM_FI_DEV_MEM_CLOCK"),
    ("clock_event_reasons", "1", "u4", 1.0, "fast", "nvmlDeviceGetCurrentClocksEventReasons", "Why the clock is held down: NVML bit mask", "DCGM_FI_DEV_CLOCKS_EVENT_REASONS"),
    ("gpu_util_ratio", "1", "u1", 0.01, "fast", "nvmlDeviceGetUtilizationRates", "Share of time in which a kernel ran", "DCGM_FI_DEV_GPU_UTIL"),
    ("mem_util_ratio", "1", "u1", 0.01, "fast", "nvmlDeviceGetUtilizationRates", "Share of time in which memory was read or written", "DCGM_FI_DEV_MEM_COPY_UTIL"),
    ("mem_used_bytes", "B", "u4", 1048576.0, "fast", "nvmlDeviceGetMemoryInfo", "GPU memory in use, to 1 MiB", "DCGM_FI_DEV_FB_USED"),
    ("pstate", "1", "u1", 1.0, "fast", "nvmlDeviceGetPerformanceState", "Performance state; 0 is the highest", "DCGM_FI_DEV_PSTATE"),
    ("job", "1", "u4", 1.0, "fast", "agent's job mapping", "Number of the job that owns the GPU; absent when none", None),
    ("energy_j", "J", "u8", 0.001, "fast", "NVML field 191", "Energy since driver load", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", 1.0),
    ("power_limit_w", "W", "u2", 0.1, "slow", "nvmlDeviceGetEnforcedPowerLimit", "Enforced power limit", "DCGM_FI_DEV_ENFORCED_POWER_LIMIT"),
    ("ecc_corrected_total", "1", "u8", 1.0, "slow", "nvmlDeviceGetTotalEccErrors", "Corrected ECC errors since driver load", "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL"),
    ("ecc_uncorrected_total", "1", "u4", 1.0, "slow", "nvmlDeviceGetTotalEccErrors", "Uncorrected ECC errors since driver load", "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"),
    ("remap_corrected_total", "1", "u2", 1.0, "slow", "NVML field 142", "Rows remapped after corrected errors", "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS"),
    ("remap_uncorrected_total", "1", "u2", 1.0, "slow", "NVML field 143", "Rows remapped after uncorrected errors", "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS"),
    ("remap_pending", "1", "u1", 1.0, "slow", "NVML field 144", "1 when a row remap waits for a reset", "DCGM_FI_DEV_ROW_REMAP_PENDING"),
    ("remap_failed", "1", "u1", 1.0, "slow", "NVML field 145", "1 when a row could not be remapped", "DCGM_FI_DEV_ROW_REMAP_FAILURE"),
    ("recovery_action", "1", "u1", 1.0, "slow", "NVML field 230", "0 none, 1 reset GPU, 2 reboot node, 3 drain P2P, 4 drain and reset", "DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION"),
    ("pcie_gen", "1", "u1", 1.0, "slow", "nvmlDeviceGetCurrPcieLinkGeneration", "PCIe link generation", "DCGM_FI_DEV_PCIE_LINK_GEN"),
    ("pcie_width", "1", "u1", 1.0, "slow", "nvmlDeviceGetCurrPcieLinkWidth", "PCIe link width in lanes", "DCGM_FI_DEV_PCIE_LINK_WIDTH"),
    ("pcie_replay_total", "1", "u4", 1.0, "slow", "nvmlDeviceGetPcieReplayCounter", "PCIe replays", "DCGM_FI_DEV_PCIE_REPLAY_COUNTER"),
    ("pcie_tx_bytes_total", "B", "u8", 1.0, "slow", "NVML field 197", "Bytes sent over PCIe", None, 1048576.0),
    ("pcie_rx_bytes_total", "B", "u8", 1.0, "slow", "NVML field 198", "Bytes received over PCIe", None, 1048576.0),
    ("nvlink_errors_total", "1", "u4", 1.0, "slow", "NVML fields 38, 52, 59", "NVLink CRC, replay and recovery errors, all links", None),
    ("nvlink_tx_bytes_total", "B", "u8", 1024.0, "slow", "NVML field 138", "Bytes sent over NVLink, to 1 KiB", None, 1048576.0),
    ("nvlink_rx_bytes_total", "B", "u8", 1024.0, "slow", "NVML field 139", "Bytes received over NVLink, to 1 KiB", None, 1048576.0),
    ("power_violation_s_total", "s", "u4", 0.001, "slow", "NVML field 74", "Time held down by the power cap", "DCGM_FI_DEV_POWER_VIOLATION"),
    ("thermal_violation_s_total", "s", "u4", 0.001, "slow", "NVML field 75", "Time held down by temperature", "DCGM_FI_DEV_THERMAL_VIOLATION"),
    ("hw_thermal_s_total", "s", "u4", 0.001, "slow", "NVML field 270", "Time in hardware thermal slowdown", None),
    ("power_brake_s_total", "s", "u4", 0.001, "slow", "NVML field 271", "Time in hardware power brake slowdown", None),
    ("sw_thermal_s_total", "s", "u4", 0.001, "slow", "NVML field 269", "Time in software thermal slowdown", None),
    ("ecc_corrected_aggregate_total", "1", "u8", 1.0, "slow", "NVML field 5", "Corrected ECC errors in the GPU's life", "DCGM_FI_DEV_ECC_SBE_AGG_TOTAL"),
    ("ecc_uncorrected_aggregate_total", "1", "u4", 1.0, "slow", "NVML field 6", "Uncorrected ECC errors in the GPU's life", "DCGM_FI_DEV_ECC_DBE_AGG_TOTAL"),
    ("ecc_sram_uncorrected_total", "1", "u4", 1.0, "slow", "nvmlDeviceGetMemoryErrorCounter SRAM", "Uncorrected ECC errors of caches and registers since driver load", None),
    ("ecc_dram_uncorrected_total", "1", "u4", 1.0, "slow", "nvmlDeviceGetMemoryErrorCounter DRAM", "Uncorrected ECC errors of the HBM since driver load", None),
    ("retired_pages_total", "1", "u2", 1.0, "slow", "NVML fields 29, 30", "Pages retired; GPUs that remap rows have none", None),
    ("pcie_gen_max", "1", "u1", 1.0, "slow", "nvmlDeviceGetMaxPcieLinkGeneration", "PCIe link generation that GPU and slot are capable of", "DCGM_FI_DEV_PCIE_MAX_LINK_GEN"),
    ("pcie_width_max", "1", "u1", 1.0, "slow", "nvmlDeviceGetMaxPcieLinkWidth", "PCIe link width that GPU and slot are capable of", "DCGM_FI_DEV_PCIE_MAX_LINK_WIDTH"),
    ("pcie_correctable_total", "1", "u4", 1.0, "slow", "NVML field 173", "Correctable PCIe errors", None),
    ("pcie_fatal_total", "1", "u4", 1.0, "slow", "NVML fields 179, 180", "PCIe errors that were not corrected", None),
    ("nvlink_active_links", "1", "u1", 1.0, "slow", "nvmlDeviceGetNvLinkState", "NVLinks that are up", None),
    ("fan_ratio", "1", "u1", 0.01, "slow", "nvmlDeviceGetFanSpeed", "Fan speed, as a share of its highest; water-cooled GPUs have none", "DCGM_FI_DEV_FAN_SPEED"),
    ("needs_reset", "1", "u1", 1.0, "slow", "NVML fields 226, 227", "0 no, 1 reset, 2 drain and reset", None),
    ("gpu_max_c", "degC", "i2", 0.1, "slow", "nvmlDeviceGetTemperatureThreshold", "Highest temperature at which the GPU keeps its clock", None),
    ("slowdown_c", "degC", "i2", 0.1, "slow", "nvmlDeviceGetTemperatureThreshold", "Temperature at which the hardware slows down", "DCGM_FI_DEV_SLOWDOWN_TEMP"),
    ("shutdown_c", "degC", "i2", 0.1, "slow", "nvmlDeviceGetTemperatureThreshold", "Temperature at which the GPU shuts down", "DCGM_FI_DEV_SHUTDOWN_TEMP"),
    ("hbm_max_c", "degC", "i2", 0.1, "slow", "nvmlDeviceGetTemperatureThreshold", "Highest temperature of the HBM at full clock", "DCGM_FI_DEV_MEM_MAX_OP_TEMP"),
    ("slowdown_margin_c", "K", "i2", 0.1, "slow", "NVML field 194", "Margin at which the hardware slows down; -2 on an H200", None),
])

_NODE = _kind(Kind.NODE, [
    ("node_power_w", "W", "f4", 0.1, "fast", "BMC or RAPL", "Power of the whole node", None, 1.0),
    ("node_flow_lpm", "l/min", "f4", 0.01, "fast", "manifold flow sensor", "Coolant flow through the node, where a site has the sensor", None),
    ("air_inlet_c", "degC", "f4", 0.1, "fast", "BMC or hwmon", "Air temperature at the node's front", None),
    ("cpu_power_w", "W", "f4", 0.1, "fast", "RAPL", "Power of all processor packages", None, 1.0),
    ("cpu_c", "degC", "f4", 0.1, "fast", "hwmon", "Hottest processor package", None),
    ("cpu_util_ratio", "1", "f4", 0.001, "fast", "/proc/stat", "Share of processor time that was not idle", None),
    ("mem_available_bytes", "B", "f8", 1.0, "fast", "/proc/meminfo", "Memory that a new program could have", None, 1048576.0),
    ("clock_offset_s", "s", "f8", 1e-6, "fast", "adjtimex", "What the kernel still has to add to the wall clock", None),
    ("clock_error_s", "s", "f8", 1e-6, "fast", "adjtimex", "How wrong the wall clock may be at most, by its daemon's own estimate", None),
    ("clock_wrong", "1", "u1", 1.0, "fast", "agent", "1 when the clock is not synchronised or was stepped in the last minute", None),
    ("agent_cpu_ratio", "1", "f4", 1e-5, "fast", "agent", "Share of one core that the agent used", None),
    ("agent_rss_bytes", "B", "f8", 1.0, "fast", "agent", "Memory of the agent", None, 65536.0),
    ("spool_bytes", "B", "f8", 1.0, "fast", "agent", "Bytes in the spool that Kafka has not acknowledged", None),
    ("dropped_frames_total", "1", "u4", 1.0, "fast", "agent", "Frames that the agent dropped", None),
    ("missed_ticks_total", "1", "u4", 1.0, "fast", "agent", "Ticks that were not sampled", None),
])

_CDU = _kind(Kind.CDU, [
    ("supply_c", "degC", "f4", 0.01, "fast", "Redfish CoolantConnector", "Coolant temperature to the racks' cold plates", None),
    ("return_c", "degC", "f4", 0.01, "fast", "Redfish CoolantConnector", "Coolant temperature back from the cold plates", None),
    ("flow_lpm", "l/min", "f4", 0.01, "fast", "Redfish CoolantConnector", "Secondary coolant flow", None, 0.1),
    ("supply_kpa", "kPa", "f4", 0.1, "fast", "Redfish CoolantConnector", "Secondary supply pressure, absolute", None),
    ("return_kpa", "kPa", "f4", 0.1, "fast", "Redfish CoolantConnector", "Secondary return pressure, absolute", None),
    ("pump1_rpm", "1/min", "f4", 1.0, "fast", "Redfish Pump", "Speed of pump 1; 0 when it stands", None),
    ("pump2_rpm", "1/min", "f4", 1.0, "fast", "Redfish Pump", "Speed of pump 2; 0 when it stands", None),
    ("pump1_w", "W", "f4", 1.0, "fast", "Redfish Pump", "Electric power of pump 1", None),
    ("pump2_w", "W", "f4", 1.0, "fast", "Redfish Pump", "Electric power of pump 2", None),
    ("filter_kpa_delta", "kPa", "f4", 0.1, "fast", "Redfish Filter", "Pressure difference over the filter", None),
    ("valve_ratio", "1", "f4", 0.001, "fast", "Redfish CoolantConnector", "Position of the facility water valve", None),
    ("reservoir_ratio", "1", "f4", 0.001, "fast", "Redfish Reservoir", "Level of the reservoir", None),
    ("makeup_l_total", "l", "f8", 0.001, "fast", "CDU controller", "Coolant made up since commissioning", None),
    ("facility_supply_c", "degC", "f4", 0.01, "fast", "Redfish CoolantConnector", "Facility water temperature into the CDU", None),
    ("facility_return_c", "degC", "f4", 0.01, "fast", "Redfish CoolantConnector", "Facility water temperature out of the CDU", None),
    ("facility_flow_lpm", "l/min", "f4", 0.01, "fast", "Redfish CoolantConnector", "Facility water flow", None, 0.1),
    ("leak", "1", "u1", 1.0, "fast", "Redfish LeakDetection", "1 when the leak rope is wet", None),
    ("room_c", "degC", "f4", 0.1, "fast", "Redfish EnvironmentMetrics", "Air temperature at the CDU", None),
    ("dew_point_c", "degC", "f4", 0.1, "fast", "Redfish EnvironmentMetrics", "Dew point at the CDU", None),
    ("heat_w", "W", "f4", 1.0, "fast", "Redfish CoolantConnector", "Heat that the unit says it removes", None),
    ("room_rh_ratio", "1", "f4", 0.001, "fast", "Redfish EnvironmentMetrics", "Relative humidity at the CDU", None),
    ("pump1_ratio", "1", "f4", 0.001, "fast", "Redfish Pump", "Speed of pump 1 as a share of its highest", None),
    ("pump2_ratio", "1", "f4", 0.001, "fast", "Redfish Pump", "Speed of pump 2 as a share of its highest", None),
    ("facility_supply_kpa", "kPa", "f4", 0.1, "fast", "Redfish CoolantConnector", "Facility water pressure into the CDU, absolute", None),
    ("facility_return_kpa", "kPa", "f4", 0.1, "fast", "Redfish CoolantConnector", "Facility water pressure out of the CDU, absolute", None),
    ("conductivity_us_cm", "uS/cm", "f4", 0.1, "fast", "CDU controller", "Electric conductivity of the coolant", None),
    ("coolant_ph", "1", "f4", 0.01, "fast", "CDU controller", "pH of the coolant", None),
])

_RACK = _kind(Kind.RACK, [
    ("rack_power_w", "W", "f4", 1.0, "fast", "PDU", "Electric power of the rack", None),
    ("feed_a_w", "W", "f4", 1.0, "fast", "PDU", "Power from feed A", None),
    ("feed_b_w", "W", "f4", 1.0, "fast", "PDU", "Power from feed B", None),
])

_HALL = _kind(Kind.HALL, [
    ("hall_power_w", "W", "f4", 1.0, "fast", "grid meter", "Electric power of the hall", None),
    ("facility_supply_c", "degC", "f4", 0.01, "fast", "plant", "Facility water supply temperature", None),
    ("grid_hz", "Hz", "f4", 0.001, "fast", "grid meter", "Grid frequency", None),
])
# fmt: on

CATALOGUE: dict[Kind, tuple[Metric, ...]] = {
    Kind.GPU: _GPU,
    Kind.NODE: _NODE,
    Kind.CDU: _CDU,
    Kind.RACK: _RACK,
    Kind.HALL: _HALL,
}

KIND_WORDS: dict[str, Kind] = {kind.word: kind for kind in Kind}


@cache
def metric(kind: Kind, name: str) -> Metric:
    """The catalogue entry of a name.

    Raises
    ------
    KeyError
        When the kind has no metric of that name; the message lists the near ones.
    """
    for entry in CATALOGUE[kind]:
        if entry.name == name:
            return entry
    known = ", ".join(m.name for m in CATALOGUE[kind])
    raise KeyError(f"no {kind.word} metric is called {name!r}; there are: {known}")


@cache
def fast(kind: Kind) -> tuple[Metric, ...]:
    """The metrics of a kind that travel every tick."""
    return tuple(m for m in CATALOGUE[kind] if m.rate == "fast")
