"""What instruments make of the hall's state: resolution, noise, and the counters that a driver keeps.

GPU: whole degrees and 5 W accurate power (NVML, recorded). CDU: 0.02 K, 0.5 % of flow, 0.3 kPa (estimates from data
sheets of resistance thermometers, magnetic flow meters and piezoresistive gauges). Utilisations, clocks and the HBM's
temperature are those of the recording at the same load.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.coolant import (
    FACILITY_APPROACH_K,
    FACILITY_FLOW_RATIO,
    FILTER_KPA,
    RATED_RPM,
    RATED_W,
    RETURN_KPA,
)
from coldplate.twin.gpu import COOLANT_W_PER_K_LPM, LIMIT_C, LIMIT_W
from coldplate.wire.metric import CATALOGUE, Kind

if TYPE_CHECKING:
    from coldplate.twin.model import Hall

F64 = NDArray[np.float64]

POWER_NOISE_W, FLOW_NOISE, KPA_NOISE, CELSIUS_NOISE = 2.0, 0.005, 0.3, 0.02
HBM_K_PER_W, HBM_IDLE_W, HBM_BUSY_W = 0.09, 45.0, 110.0
"""Recorded: HBM 1 K above the GPU when idle, 9 K below it in matrix products."""

HOST_W = 1800.0
"""CPUs, memory, NICs and NVSwitches of a node (estimate: 8-GPU nodes draw 6.5 to 8.5 kW)."""

ROOM_C, DEW_POINT_C = 24.0, 12.9
"""24 degC and 50 % relative humidity."""

LINK_BYTES_PER_S = {"pcie_tx_bytes_total": 2.0e9, "pcie_rx_bytes_total": 2.0e9,
                    "nvlink_tx_bytes_total": 9.0e10, "nvlink_rx_bytes_total": 9.0e10}  # fmt: skip
"""While a job runs (estimates)."""


class Sensors:
    """The instruments of a hall.

    Parameters
    ----------
    hall
        What they look at.
    random
        For their noise.
    """

    def __init__(self, hall: "Hall", random: np.random.Generator) -> None:
        self._hall, self._random = hall, random
        self._row = {kind: {m.name: m.number for m in CATALOGUE[kind]} for kind in Kind}
        self._makeup_l = np.zeros(hall.scenario.racks)

    def read(self, kind: Kind) -> F64:
        """One reading of all devices of a kind: shape (metrics, devices), NaN where there is no sensor."""
        values = {
            Kind.GPU: self._gpu, Kind.NODE: self._node, Kind.CDU: self._cdu, Kind.RACK: self._rack,
        }[kind]()  # fmt: skip
        out = np.full((len(CATALOGUE[kind]), len(self._hall.devices[kind])), np.nan)
        for name, value in values.items():
            out[self._row[kind][name]] = value
        return out

    def _noise(self, like: F64, sigma: float) -> F64:
        return sigma * self._random.standard_normal(like.shape)

    def _gpu(self) -> dict[str, F64 | float]:
        hall, g = self._hall, self._hall.gpus
        recent = np.stack(hall.recent_w)
        mean = recent.mean(axis=0)
        ripple = np.abs(self._noise(mean, POWER_NOISE_W))
        die_c = np.rint(g.die_c)
        busy = hall.load.busy
        held = g.too_hot | g.braked
        clock = np.where(held, 1980.0 * g.power_w / LIMIT_W, 1470.0 if busy else 345.0)
        hbm_w = HBM_BUSY_W if busy else HBM_IDLE_W
        swing_w = hall.load.swing_ratio * (g.full_w - g.idle_w)
        return {
            "power_w": mean + self._noise(mean, 1.0),
            "power_instant_w": np.maximum(g.power_w + self._noise(mean, POWER_NOISE_W), 0.0),
            "power_min_w": recent.min(axis=0) - 2.0 * ripple,
            "power_max_w": recent.max(axis=0) + 2.0 * ripple,
            "power_std_w": np.hypot(recent.std(axis=0), POWER_NOISE_W),
            "swing_hz": hall.load.swing_hz,
            "swing_w": np.hypot(swing_w, POWER_NOISE_W),
            "gpu_c": die_c,
            "hbm_c": np.rint(g.plate_c + HBM_K_PER_W * hbm_w),
            "margin_c": LIMIT_C - die_c,
            "sm_clock_mhz": np.rint(np.clip(clock, 345.0, 1980.0) / 15.0) * 15.0,
            "mem_clock_mhz": 3201.0,
            "clock_event_reasons": g.reasons() if busy else 1.0,
            "gpu_util_ratio": 1.0 if busy else 0.0,
            "mem_util_ratio": 0.42 if busy else 0.0,
            "mem_used_bytes": 120e9 if busy else 0.6e9,
            "pstate": 0.0,
            "job": 1.0 if busy else np.nan,
            "energy_j": g.energy_j,
            **self._slow_gpu(),
        }

    def _slow_gpu(self) -> dict[str, F64 | float]:
        g, t_s = self._hall.gpus, self._hall.now_s
        zero = (
            "ecc_corrected_total", "ecc_uncorrected_total", "remap_corrected_total",
            "remap_uncorrected_total", "remap_pending", "remap_failed", "recovery_action",
            "pcie_replay_total", "nvlink_errors_total",
        )  # fmt: skip
        busy_s = t_s if self._hall.load.busy else 0.0
        return {
            **dict.fromkeys(zero, 0.0),
            **{name: rate * busy_s for name, rate in LINK_BYTES_PER_S.items()},
            "power_limit_w": LIMIT_W,
            "pcie_gen": 5.0,
            "pcie_width": 16.0,
            "power_violation_s_total": busy_s,
            "thermal_violation_s_total": g.thermal_s,
            "hw_thermal_s_total": 0.0,
            "power_brake_s_total": g.brake_s,
        }

    def _node(self) -> dict[str, F64 | float]:
        hall = self._hall
        nodes = len(hall.devices[Kind.NODE])
        power: F64 = np.bincount(hall.node_of_gpu, hall.gpus.power_w, nodes).astype(np.float64)
        flow = hall.loops.flow_lpm[hall.rack_of_node] / hall.scenario.nodes
        return {
            "node_power_w": power + HOST_W + self._noise(power, 5.0),
            "node_flow_lpm": flow * (1.0 + self._noise(flow, FLOW_NOISE)),
            "air_inlet_c": ROOM_C + self._noise(power, 0.1),
        }

    def _cdu(self) -> dict[str, F64 | float]:
        loops = self._hall.loops
        flow = loops.flow_lpm
        rpm = RATED_RPM * loops.speed_ratio
        standing = loops.speed_ratio < 0.005
        rpm = np.where(standing, 0.0, rpm + self._noise(rpm, 3.0))
        facility_lpm = FACILITY_FLOW_RATIO * loops.rated_lpm
        facility_c = loops.supply_c - FACILITY_APPROACH_K
        warmed = loops.heat_w / (COOLANT_W_PER_K_LPM * facility_lpm)
        return_kpa = np.full_like(flow, RETURN_KPA)
        return {
            "supply_c": loops.supply_c + self._noise(flow, CELSIUS_NOISE),
            "return_c": loops.return_c + self._noise(flow, CELSIUS_NOISE),
            "flow_lpm": np.maximum(flow * (1.0 + self._noise(flow, FLOW_NOISE)), 0.0),
            "supply_kpa": return_kpa + loops.delta_kpa + self._noise(flow, KPA_NOISE),
            "return_kpa": return_kpa + self._noise(flow, KPA_NOISE),
            "pump1_rpm": rpm[0],
            "pump2_rpm": rpm[1],
            "pump1_w": RATED_W * loops.speed_ratio[0] ** 3,
            "pump2_w": RATED_W * loops.speed_ratio[1] ** 3,
            "filter_kpa_delta": FILTER_KPA * (flow / loops.rated_lpm) ** 2,
            "valve_ratio": np.clip(warmed / 12.0, 0.0, 1.0),
            "reservoir_ratio": 0.8,
            "makeup_l_total": self._makeup_l,
            "facility_supply_c": facility_c + self._noise(flow, CELSIUS_NOISE),
            "facility_return_c": facility_c + warmed + self._noise(flow, CELSIUS_NOISE),
            "facility_flow_lpm": facility_lpm * (1.0 + self._noise(flow, FLOW_NOISE)),
            "leak": 0.0,
            "room_c": ROOM_C + self._noise(flow, 0.1),
            "dew_point_c": DEW_POINT_C + self._noise(flow, 0.1),
        }

    def _rack(self) -> dict[str, F64 | float]:
        hall = self._hall
        power = np.bincount(hall.rack_of_gpu, hall.gpus.power_w, hall.scenario.racks)
        power = power + HOST_W * hall.scenario.nodes + hall.loops.speed_ratio.sum(axis=0) * RATED_W
        feed_a = 0.5 * power + self._noise(power, 20.0)
        return {"rack_power_w": power, "feed_a_w": feed_a, "feed_b_w": power - feed_a}
