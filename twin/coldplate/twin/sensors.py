"""What instruments make of the hall's state: resolution, noise, the counters of a driver, and instruments that are wrong.

GPU: whole degrees and 5 W accurate power (NVML, recorded). CDU: 0.02 K, 0.5 % of flow, 0.3 kPa (estimates from data
sheets of resistance thermometers, magnetic flow meters and piezoresistive gauges). The labeller's table of noise
(labels.py) has the same figures.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.instruments import Instruments
from coldplate.twin.pumps import RATED_RPM
from coldplate.wire.metric import CATALOGUE, Kind

if TYPE_CHECKING:
    from coldplate.twin.model import Hall

F64 = NDArray[np.float64]
Values = dict[str, F64 | NDArray[np.float32] | float]

POWER_NOISE_W, MEAN_NOISE_W, FLOW_NOISE, KPA_NOISE, CELSIUS_NOISE = 2.0, 1.0, 0.005, 0.3, 0.02
ATMOSPHERE_KPA = 101.3
LINK_BYTES_PER_S = {"pcie_tx_bytes_total": 2.0e9, "pcie_rx_bytes_total": 2.0e9,
                    "nvlink_tx_bytes_total": 9.0e10, "nvlink_rx_bytes_total": 9.0e10}  # fmt: skip
"""While a job runs (estimates)."""

BUSY_LOAD = 0.05
MEMORY_BYTES, MEMORY_IDLE_BYTES = 120e9, 0.6e9


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
        self._wrong = Instruments()

    def read(self, kind: Kind) -> F64:
        """One reading of all devices of a kind: shape (metrics, devices), NaN where there is no sensor."""
        read = {
            Kind.GPU: self._gpu, Kind.NODE: self._node, Kind.CDU: self._cdu,
            Kind.RACK: self._rack, Kind.HALL: self._whole,
        }  # fmt: skip
        out = np.full((len(CATALOGUE[kind]), len(self._hall.devices[kind])), np.nan)
        for name, value in read[kind]().items():
            out[self._row[kind][name]] = value
        if kind is Kind.GPU:
            effects = self._hall.effects
            unseen = effects.gpu_lost | effects.gpu_silent
            if unseen.any():
                out[:, unseen] = np.nan
        self._wrong.spoil(kind, out, self._hall.effects.sensor_faults)
        return out

    def _noise(self, count: int, sigma: float) -> F64:
        return sigma * self._random.standard_normal(count)

    def _gpu(self) -> Values:
        hall, g, burst = self._hall, self._hall.gpus, self._hall.burst
        count = len(g.power_w)
        die_c = np.rint(g.die_c)
        asked, effects = hall.work.asked, hall.effects
        busy = asked.load * effects.load_factor > BUSY_LOAD
        instant = g.power_w + self._noise(count, POWER_NOISE_W)
        return {
            "power_w": np.maximum(g.mean_w + self._noise(count, MEAN_NOISE_W), 0.0),
            "power_instant_w": np.maximum(instant, 0.0),
            "power_min_w": np.minimum(burst.min_w, instant),
            "power_max_w": np.maximum(burst.max_w, instant),
            "power_std_w": np.hypot(burst.std_w, POWER_NOISE_W),
            "swing_hz": hall.swing_hz,
            "swing_w": np.hypot(burst.swing_w, POWER_NOISE_W),
            "gpu_c": die_c,
            "hbm_c": np.rint(g.hbm_c),
            "margin_c": g.limit_c - die_c,
            "sm_clock_mhz": g.sm_clock_mhz(),
            "mem_clock_mhz": 3201.0,
            "clock_event_reasons": g.reasons(),
            "gpu_util_ratio": ((busy | effects.hung) & ~g.shut_down).astype(np.float64),
            "mem_util_ratio": np.where(g.shut_down, 0.0, asked.memory * effects.load_factor),
            "mem_used_bytes": np.where(busy, MEMORY_BYTES, MEMORY_IDLE_BYTES),
            "pstate": 0.0,
            "job": np.where(effects.node_off[hall.node_of_gpu], np.nan, hall.work.numbers),
            "energy_j": g.energy_j + hall.counters.before_j,
            **self._slow_gpu(),
        }

    def _slow_gpu(self) -> Values:
        hall, g, effects = self._hall, self._hall.gpus, self._hall.effects
        since_s = hall.now_s - hall.counters.loaded_s
        return {
            **hall.counters.total,
            **{name: rate * since_s for name, rate in LINK_BYTES_PER_S.items()},
            "remap_corrected_total": 0.0,
            "remap_uncorrected_total": effects.rows_remapped,
            "remap_pending": effects.remap_pending.astype(np.float64),
            "remap_failed": effects.remap_failed.astype(np.float64),
            "recovery_action": effects.recovery_action,
            "power_limit_w": g.limit_w,
            "pcie_gen": effects.pcie_gen,
            "pcie_width": effects.pcie_width,
            "power_violation_s_total": g.cap_s,
            "thermal_violation_s_total": g.thermal_s,
            "hw_thermal_s_total": g.hw_thermal_s,
            "power_brake_s_total": g.brake_s,
        }

    def _node(self) -> Values:
        hall = self._hall
        nodes = len(hall.devices[Kind.NODE])
        trembling = 1.0 + self._noise(nodes, FLOW_NOISE)
        return {
            "node_power_w": np.maximum(hall.node_w + self._noise(nodes, 5.0), 0.0),
            "node_flow_lpm": np.maximum(hall.cdus.node_flow_lpm * trembling, 0.0),
            "air_inlet_c": hall.facility.room_c + self._noise(nodes, 0.1),
        }

    def _cdu(self) -> Values:
        c, f, racks = self._hall.cdus, self._hall.facility, self._hall.scenario.racks

        def celsius(value: F64 | float) -> F64:
            return value + self._noise(racks, CELSIUS_NOISE)

        def flow(value: F64) -> F64:
            return np.maximum(value * (1.0 + self._noise(racks, FLOW_NOISE)), 0.0)

        rpm = RATED_RPM * c.speed_ratio
        turning = np.where(c.speed_ratio < 0.005, 0.0, rpm + self._noise(racks, 3.0))
        return {
            "supply_c": celsius(c.supply_c),
            "return_c": celsius(c.return_c),
            "flow_lpm": flow(c.flow_lpm),
            "supply_kpa": c.supply_kpa + ATMOSPHERE_KPA + self._noise(racks, KPA_NOISE),
            "return_kpa": c.return_kpa + ATMOSPHERE_KPA + self._noise(racks, KPA_NOISE),
            "pump1_rpm": np.maximum(turning[0], 0.0),
            "pump2_rpm": np.maximum(turning[1], 0.0),
            "pump1_w": c.pump_w[0],
            "pump2_w": c.pump_w[1],
            "filter_kpa_delta": np.maximum(c.filter_kpa_delta + self._noise(racks, KPA_NOISE), 0.0),
            "valve_ratio": c.valve_ratio,
            "reservoir_ratio": c.reservoir_ratio,
            "makeup_l_total": c.makeup_l_total,
            "facility_supply_c": celsius(f.facility_supply_c),
            "facility_return_c": celsius(c.facility_return_c),
            "facility_flow_lpm": flow(c.facility_flow_lpm),
            "leak": self._hall.effects.rope_wet.astype(np.float64),
            "room_c": f.room_c + self._noise(racks, 0.1),
            "dew_point_c": f.dew_point_c + self._noise(racks, 0.1),
        }

    def _rack(self) -> Values:
        hall = self._hall
        racks = hall.scenario.racks
        feed_a, feed_b = hall.facility.feed_w
        return {
            "rack_power_w": np.maximum(hall.rack_w + self._noise(racks, 20.0), 0.0),
            "feed_a_w": np.where(feed_a > 0, feed_a + self._noise(racks, 20.0), 0.0),
            "feed_b_w": np.where(feed_b > 0, feed_b + self._noise(racks, 20.0), 0.0),
        }

    def _whole(self) -> Values:
        f = self._hall.facility
        return {
            "hall_power_w": f.grid_w + self._noise(1, 500.0),
            "facility_supply_c": f.facility_supply_c + self._noise(1, CELSIUS_NOISE),
            "grid_hz": f.grid_hz + self._noise(1, 0.001),
        }
