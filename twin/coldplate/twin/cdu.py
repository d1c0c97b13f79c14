"""The CDUs of a hall: each rack's coolant loop, from its pumps to the facility's water.

Heat is kept in two well-mixed volumes, a fifth of the loop on the way back and the rest behind the exchanger (35 l and
30 kJ/K of metal for 64 GPUs, facts section 4), joined by the coolant's capacity flow W = rho cp V:

    C_r dT_r/dt = W (T_s - T_r) + P                 return
    C_s dT_s/dt = W (T_r - T_s) - Q                 supply, Q what the exchanger passes

The rest is pumps.py, hydraulics.py, exchanger.py and reservoir.py. Pump power is not added to the coolant's heat: 1 %.
"""

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.effects import Effects
from coldplate.twin.exchanger import FULL_W_PER_GPU, Exchanger, Valve
from coldplate.twin.facility import Facility
from coldplate.twin.fluid import capacity_w_per_k, viscosity_mpa_s, volume_j_per_k
from coldplate.twin.hydraulics import RATED_DELTA_KPA, Hydraulics
from coldplate.twin.pumps import Pumps
from coldplate.twin.reservoir import LOOP_L, Reservoir

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

GPUS, METAL_J_PER_K, RETURN_SHARE = 64, 30_000.0, 0.2
"""Of the rack that the volumes are told for; share of the loop on its return side."""

WARM_MOST_K = 40.0
"""A loop with too little flow for full load is designed for the heat that warms it so far."""

ABOVE_DEW_POINT_K = 2.0
"""The set point is never nearer to the dew point."""


class Cdus:
    """The CDUs of all racks, one element a rack, pumps in arrays of shape (2, racks).

    Parameters
    ----------
    racks, nodes_per_rack, gpus_per_node
        Size of the hall.
    supply_c
        Set point.
    flow_lpm
        Of a GPU with one pump at rated speed.
    random
        For the spread of manufacture.

    Notes
    -----
    Arrays are written in place or replaced by a step: copy what must stay.
    """

    def __init__(
        self, racks: int, nodes_per_rack: int, gpus_per_node: int, *, supply_c: float, flow_lpm: float,
        random: np.random.Generator,
    ) -> None:  # fmt: skip
        gpus = nodes_per_rack * gpus_per_node
        size = gpus / GPUS
        self.set_point_c = supply_c
        self.rated_lpm = flow_lpm * gpus
        carried = capacity_w_per_k(self.rated_lpm, supply_c)
        full_w = min(FULL_W_PER_GPU * gpus, WARM_MOST_K * carried)
        warm_k = full_w / carried
        # Full load is where flow, level and pressure are at their nominal values.
        mean_c = supply_c + 0.5 * warm_k
        self._viscosity_mpa_s = float(viscosity_mpa_s(mean_c))
        heat_capacity = size * (volume_j_per_k(LOOP_L, mean_c) + METAL_J_PER_K)
        self._return_j_per_k = RETURN_SHARE * heat_capacity
        self._supply_j_per_k = (1.0 - RETURN_SHARE) * heat_capacity
        self._hydraulics = Hydraulics(
            racks, nodes_per_rack, gpus_per_node, flow_lpm=flow_lpm, random=random
        )
        self._pumps = Pumps(racks, self.rated_lpm)
        self._exchanger = Exchanger(self.rated_lpm, full_w, supply_c)
        self._reservoir = Reservoir(racks, size, supply_c + RETURN_SHARE * warm_k)
        self._valve = Valve(np.full(racks, 0.5))
        self.supply_c = np.full(racks, supply_c)
        self.return_c = np.full(racks, supply_c)
        self.facility_flow_lpm = 0.5 * np.full(racks, self._exchanger.full_flow_lpm)
        self.facility_return_c = self.supply_c.copy()
        self.heat_in_j, self.heat_out_j = np.zeros(racks), np.zeros(racks)
        self._k_per_s = np.zeros(racks)

    def settle(self, effects: Effects, facility: Facility, heat_w: F64) -> None:
        """Begin where everything has come to rest at a heat of each rack, supply at its set point if the water allows."""
        self.supply_c = self._set_point_c(effects, facility)
        self.return_c = self.supply_c + heat_w / capacity_w_per_k(self.rated_lpm, self.set_point_c)
        self._wet(0.0, effects, facility)
        carried = capacity_w_per_k(np.maximum(self.flow_lpm, 1e-3 * self.rated_lpm), self._mean_c())
        self.return_c = self.supply_c + heat_w / carried
        low, high = np.zeros_like(heat_w), np.ones_like(heat_w)
        for _ in range(30):
            ratio = 0.5 * (low + high)
            more = self._exchange(effects, facility, ratio, carried) > heat_w
            low, high = np.where(more, low, ratio), np.where(more, ratio, high)
        self._valve = Valve(0.5 * (low + high))
        self._reservoir.step(0.0, np.zeros_like(heat_w), self._loop_c())

    def step(self, dt_s: float, effects: Effects, facility: Facility, heat_w: F64) -> None:
        """One step of at most 0.1 s.

        Parameters
        ----------
        facility
            Water and air of the hall.
        heat_w
            What each rack gives to its coolant.
        """
        self._wet(dt_s, effects, facility)
        self._valve.step(
            dt_s, self.supply_c - self._set_point_c(effects, facility), self._k_per_s,
            effects.valve_stuck_ratio,
        )  # fmt: skip
        carried = capacity_w_per_k(self.flow_lpm, self._mean_c())
        passed_w = self._exchange(effects, facility, self._valve.ratio, carried)
        moved_w = carried * (self.return_c - self.supply_c)
        self._k_per_s = (moved_w - passed_w) / self._supply_j_per_k
        self.supply_c += dt_s * self._k_per_s
        self.return_c += dt_s / self._return_j_per_k * (heat_w - moved_w)
        self.heat_in_j += dt_s * heat_w
        self.heat_out_j += dt_s * passed_w
        self._reservoir.step(dt_s, effects.leak_lpm, self._loop_c())

    def stored_j(self) -> F64:
        """Heat in the coolant of each rack, above 0 degC."""
        return self._supply_j_per_k * self.supply_c + self._return_j_per_k * self.return_c

    def coolant_l(self) -> F64:
        """Coolant of each rack, loop and reservoir."""
        return self._reservoir.coolant_l()

    @property
    def flow_lpm(self) -> F64:
        """Coolant of each rack."""
        return self._hydraulics.flow_lpm

    @property
    def node_flow_lpm(self) -> F64:
        """Coolant of each node."""
        return self._hydraulics.node_flow_lpm

    @property
    def gpu_flow_lpm(self) -> F32:
        """Coolant of each GPU."""
        return self._hydraulics.gpu_flow_lpm

    @property
    def supply_kpa(self) -> F64:
        """Behind pump, filter and exchanger, above the atmosphere."""
        kpa: F64 = self._reservoir.static_kpa + self._hydraulics.delta_kpa
        return kpa

    @property
    def return_kpa(self) -> F64:
        """At the pumps' suction, which is the static pressure."""
        return self._reservoir.static_kpa

    @property
    def filter_kpa_delta(self) -> F64:
        """Across the filter."""
        return self._hydraulics.filter_kpa_delta

    @property
    def speed_ratio(self) -> F64:
        """Of each pump, to its rated speed."""
        return self._pumps.speed_ratio

    @property
    def pump_w(self) -> F64:
        """Of each pump."""
        return self._pumps.power_w(self._hydraulics.pump_flow_lpm)

    @property
    def valve_ratio(self) -> F64:
        """Opening of the facility valve."""
        return self._valve.ratio

    @property
    def reservoir_ratio(self) -> F64:
        """Level."""
        return self._reservoir.level_ratio

    @property
    def makeup_l_total(self) -> F64:
        """Litres filled in."""
        return self._reservoir.makeup_l_total

    @property
    def leaked_l(self) -> F64:
        """Litres lost."""
        return self._reservoir.leaked_l

    def _mean_c(self) -> F64:
        """Of what flows."""
        mean: F64 = 0.5 * (self.supply_c + self.return_c)
        return mean

    def _loop_c(self) -> F64:
        """Of what the loop holds."""
        return RETURN_SHARE * self.return_c + (1.0 - RETURN_SHARE) * self.supply_c

    def _set_point_c(self, effects: Effects, facility: Facility) -> F64:
        floor_c = facility.dew_point_c + ABOVE_DEW_POINT_K
        asked: F64 = np.maximum(self.set_point_c + effects.set_point_delta_c, floor_c)
        return asked

    def _wet(self, dt_s: float, effects: Effects, facility: Facility) -> None:
        """Pumps and flows."""
        missing = 1.0 - self._hydraulics.delta_kpa / RATED_DELTA_KPA
        self._pumps.step(dt_s, effects, missing, self._reservoir.dry | facility.dark)
        viscosity = (
            viscosity_mpa_s(self._mean_c()) / self._viscosity_mpa_s * effects.viscosity_factor
        )
        self._hydraulics.solve(effects, self._pumps.speed_ratio, viscosity)

    def _exchange(self, effects: Effects, facility: Facility, ratio: F64, carried: F64) -> F64:
        """Heat that goes to the facility's water with its valve at a position, W."""
        self.facility_flow_lpm = (
            ratio * self._exchanger.full_flow_lpm * effects.facility_flow_factor
        )
        warmer_k = self.return_c - facility.facility_supply_c
        passed_w, share = self._exchanger.heat(
            carried, self.facility_flow_lpm, warmer_k, effects.exchanger_factor
        )
        self.facility_return_c = facility.facility_supply_c + share * warmer_k
        return passed_w
