"""The plate heat exchanger between coolant and facility water, and the valve that holds the supply temperature.

Effectiveness of counterflow, with the capacity flows W (W/K) of both sides, W_min and W_max, r = W_min / W_max:

    e = (1 - x) / (1 - r x),   x = exp(-UA (1 - r) / W_min),   Q = e W_min (T_return - T_facility)

UA is sized for an approach of 4 K at full load (65 kW in a rack of 64 GPUs) with the valve three quarters open; half
of its resistance is the film of each side, which thins with flow^0.75 (turbulent channels; facts names 3 to 5 K).
The valve is linear and takes 30 s from end to end. Its PID acts on the supply temperature.
"""

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.fluid import capacity_w_per_k

F64 = NDArray[np.float64]

APPROACH_K, FULL_W_PER_GPU, DESIGN_VALVE_RATIO = 4.0, 65_000.0 / 64, 0.75
FACILITY_FLOW_RATIO = 1.2
"""Facility water at full load, as a multiple of the coolant's flow."""

WATER_W_PER_K_LPM = 996.0 * 4180.0 / 60_000.0
TRAVEL_S = 30.0
GAIN_PER_K, RESET_S, RATE_S = 0.15, 60.0, 5.0


class Exchanger:
    """An exchanger for a loop of a size; the same for all racks.

    Parameters
    ----------
    rated_lpm, full_w, supply_c
        Coolant flow, heat and supply temperature that it is sized for.
    """

    def __init__(self, rated_lpm: float, full_w: float, supply_c: float) -> None:
        self._rated_w_per_k = float(capacity_w_per_k(rated_lpm, supply_c))
        self.full_flow_lpm = FACILITY_FLOW_RATIO * rated_lpm / DESIGN_VALVE_RATIO
        """Facility water at an open valve."""
        self._water_w_per_k = WATER_W_PER_K_LPM * FACILITY_FLOW_RATIO * rated_lpm
        warm_k = APPROACH_K + full_w / self._rated_w_per_k - full_w / self._water_w_per_k
        mean_k = (warm_k - APPROACH_K) / np.log(warm_k / APPROACH_K)
        self.ua_w_per_k = float(full_w / mean_k)

    def heat(
        self, coolant_w_per_k: F64, water_lpm: F64, warmer_k: F64, factor: F64
    ) -> tuple[F64, F64]:
        """Heat that passes, W, and how far the facility water comes to the coolant's return, 0 to 1.

        Parameters
        ----------
        coolant_w_per_k, water_lpm
            Flows of both sides.
        warmer_k
            Coolant's return minus facility supply.
        factor
            Of its conductance: fouling.
        """
        water = np.maximum(WATER_W_PER_K_LPM * water_lpm, 1e-6)
        coolant = np.maximum(coolant_w_per_k, 1e-6)
        films = _three_quarters(self._rated_w_per_k / coolant)
        films += _three_quarters(self._water_w_per_k / water)
        ua = 2.0 * self.ua_w_per_k * factor / films
        less, more = np.minimum(water, coolant), np.maximum(water, coolant)
        # Equal flows are the limit of the formula, not a case of their own.
        ratio = np.minimum(less / more, 1.0 - 1e-6)
        rest = np.exp(-ua * (1.0 - ratio) / less)
        passed = (1.0 - rest) / (1.0 - ratio * rest) * less
        return passed * warmer_k, passed / water


def _three_quarters(value: F64) -> F64:
    root = np.sqrt(value)
    return root * np.sqrt(root)


class Valve:
    """The facility valves of all racks, one element a rack.

    Parameters
    ----------
    ratio
        Where they stand at the start.
    """

    def __init__(self, ratio: F64) -> None:
        self.ratio = ratio.copy()
        self._integral = ratio.copy()

    def step(self, dt_s: float, warmer_k: F64, k_per_s: F64, stuck_ratio: F64) -> None:
        """One step.

        Parameters
        ----------
        warmer_k, k_per_s
            Supply temperature minus its set point, and how fast it rises.
        stuck_ratio
            Where it is stuck; NaN where it moves.
        """
        self._integral += GAIN_PER_K / RESET_S * dt_s * warmer_k
        np.clip(self._integral, 0.0, 1.0, out=self._integral)
        wanted = self._integral + GAIN_PER_K * (warmer_k + RATE_S * k_per_s)
        far = dt_s / TRAVEL_S
        self.ratio += np.clip(np.clip(wanted, 0.0, 1.0) - self.ratio, -far, far)
        self.ratio = np.where(np.isnan(stuck_ratio), self.ratio, stuck_ratio)
