"""The reservoir of a coolant loop: level, the static pressure of its gas cushion, leaks and make-up.

The loop itself is always full; what is lost or expands is missing from, or pressed into, a vessel whose gas obeys

    p V_gas = const,   V_gas = V_vessel - V_liquid - V_loop (rho_0 / rho - 1)

With 4 l of gas at 250 kPa absolute (a fifth of a vessel of 20 l, for a rack of 64 GPUs), 1 l lost is -50 kPa and 35 l
that warm by 10 K are +11 kPa (facts section 4). Make-up starts 10 s after the level fell below 75 % and fills to 80 %
(10 s from a Coolcentric CDU guide; levels estimates); an open level switch stops the pumps. Litres are counted at the
density of the start, so they are mass.
"""

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.fluid import density_kg_m3

F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

LOOP_L, VESSEL_L = 35.0, 20.0
"""Of a rack of 64 GPUs."""

GAS_KPA, ATMOSPHERE_KPA = 250.0, 101.3
LEVEL, MAKEUP_LEVEL, MAKEUP_AFTER_S, MAKEUP_LPM = 0.8, 0.75, 10.0, 2.0
DRY_LEVEL, WET_LEVEL = 0.05, 0.1


class Reservoir:
    """The reservoirs of all racks, one element a rack.

    Parameters
    ----------
    racks
        How many.
    size
        Of the racks, 1 for one of 64 GPUs.
    mean_c
        Temperature of the loop at the start.
    """

    def __init__(self, racks: int, size: float, mean_c: float) -> None:
        self._loop_l, self._vessel_l = size * LOOP_L, size * VESSEL_L
        self._makeup_lpm = size * MAKEUP_LPM
        self._density = density_kg_m3(mean_c)
        self._liquid_l = np.full(racks, LEVEL * self._vessel_l)
        self._waited_s = np.zeros(racks)
        self._filling = np.zeros(racks, np.bool_)
        self.makeup_l_total = np.zeros(racks)
        self.leaked_l = np.zeros(racks)
        self.level_ratio = np.full(racks, LEVEL)
        self.static_kpa = np.full(racks, GAS_KPA - ATMOSPHERE_KPA)
        """Above the atmosphere."""
        self.dry: Bools = np.zeros(racks, np.bool_)

    def step(self, dt_s: float, leak_lpm: F64, mean_c: F64) -> None:
        """One step; a vessel that is empty leaks no more."""
        lost = np.minimum(leak_lpm * (dt_s / 60.0), self._liquid_l)
        self.leaked_l += lost
        added = self._filling * (self._makeup_lpm * dt_s / 60.0)
        self.makeup_l_total += added
        self._liquid_l += added - lost
        expanded = self._loop_l * (self._density / density_kg_m3(mean_c) - 1.0)
        liquid = self._liquid_l + expanded
        self.level_ratio = np.clip(liquid / self._vessel_l, 0.0, 1.0)
        gas = np.maximum(self._vessel_l - liquid, 0.02 * self._vessel_l)
        self.static_kpa = GAS_KPA * (1.0 - LEVEL) * self._vessel_l / gas - ATMOSPHERE_KPA
        self._waited_s = (self._waited_s + dt_s) * (self.level_ratio < MAKEUP_LEVEL)
        self._filling |= self._waited_s >= MAKEUP_AFTER_S
        self._filling &= self.level_ratio < LEVEL
        self.dry = self.level_ratio < np.where(self.dry, WET_LEVEL, DRY_LEVEL)

    def coolant_l(self) -> F64:
        """In loop and vessel."""
        return self._loop_l + self._liquid_l
