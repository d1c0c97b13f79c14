"""The way of heat from die and HBM through the cold plate into the coolant, for all GPUs at once.

    C_die   dT_die/dt   = P - P_hbm - (T_die - T_plate) / R_die
    C_hbm   dT_hbm/dt   = P_hbm - (T_hbm - T_plate) / R_hbm
    C_plate dT_plate/dt = (T_die - T_plate) / R_die + (T_hbm - T_plate) / R_hbm - Q
    Q                   = G(q) (T_plate - T_supply - S),   tau_slow dS/dt = R_slow Q - S
    1/G = 0.008 q^-0.6 + 1 / (2 * 66.7 q),  G <= 66.7 q        (q: l/min of one GPU)

The recorded H200 (tests/recordings/h200) answers in three stages: below 0.2 s (die), 1 to 2 s (plate), and 0.0017 K/W
in 47 s. The last is written as a drop S that follows the heat and stores none, so that all power ends in the coolant
at rest whatever the flow. At q = 1 and the memory traffic of matrix products the resistance is the recorded
0.0355 K/W. C_plate is 0.3 kg of copper with its coolant (estimate); the fits of docs/twin-fit.png say 105 J/K.
"""

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

R_DIE, C_DIE_J_PER_K = 0.0214, 5.0
R_HBM, C_HBM_J_PER_K = 0.053, 2.0
R_SLOW, SLOW_S = 0.0017, 47.0
C_PLATE_J_PER_K = 150.0
COOLANT_W_PER_K_LPM = 66.7


def conductance(flow_lpm: F32, out: F32 | None = None) -> F32:
    """Plate to coolant, W/K, at a flow of one GPU in l/min; into `out` where that is given."""
    # q / (0.008 q^0.4 + 1 / (2 * 66.7)) is the same with one division, and goes to nothing with the flow.
    g = np.power(flow_lpm, np.float32(0.4), out=out)
    g *= 0.008
    g += 0.5 / COOLANT_W_PER_K_LPM
    np.maximum(g, np.float32(1.0 / COOLANT_W_PER_K_LPM), out=g)
    return np.divide(flow_lpm, g, out=g)


class Thermal:
    """Temperatures of all GPUs, one element a GPU.

    Parameters
    ----------
    count
        How many.

    Notes
    -----
    Resistances and capacities may be replaced by arrays, one value a GPU: that is how candidates of a fit run side
    by side. Steps of 50 ms, a quarter of the fastest stage.
    """

    def __init__(self, count: int) -> None:
        self.r_die: F32 = np.full(count, R_DIE, np.float32)
        self.r_hbm: F32 = np.full(count, R_HBM, np.float32)
        self.c_die_j_per_k: F32 | float = C_DIE_J_PER_K
        self.c_hbm_j_per_k: F32 | float = C_HBM_J_PER_K
        self.c_plate_j_per_k: F32 | float = C_PLATE_J_PER_K
        self.r_slow: F32 | float = R_SLOW
        self.slow_s: F32 | float = SLOW_S
        self.die_c, self.hbm_c, self.plate_c, self.slow_k, self.heat_w = np.zeros(
            (5, count), np.float32
        )
        """`heat_w` is what each plate gives to the coolant, Q."""
        self._die_w, self._hbm_w, self._plate_w = np.zeros((3, count), np.float32)

    def rest(
        self, power_w: F32, hbm_w: F32 | float, supply_c: F32 | float, g_w_per_k: F32 | float
    ) -> None:  # fmt: skip
        """Go to the state that this power reaches when it lasts."""
        self.heat_w[:] = power_w
        self.slow_k[:] = self.r_slow * power_w
        self.plate_c[:] = supply_c + self.slow_k + power_w / g_w_per_k
        self.die_c[:] = self.plate_c + (power_w - hbm_w) * self.r_die
        self.hbm_c[:] = self.plate_c + hbm_w * self.r_hbm

    def stored_j(self) -> float:
        """Heat in dies, memories and plates of all GPUs, above 0 degC."""
        parts = (
            self.c_die_j_per_k * self.die_c.astype(np.float64),
            self.c_hbm_j_per_k * self.hbm_c.astype(np.float64),
            self.c_plate_j_per_k * self.plate_c.astype(np.float64),
        )
        return float(sum(part.sum() for part in parts))

    def step(
        self, dt_s: float, power_w: F32, hbm_w: F32, supply_c: F32, g_w_per_k: F32,
        r_die_factor: F32 | float = 1.0, r_hbm_factor: F32 | float = 1.0,
    ) -> None:  # fmt: skip
        """One step of at most 0.1 s.

        Parameters
        ----------
        power_w, hbm_w
            All power of a GPU, and the part of it that arises in the memory.
        supply_c, g_w_per_k
            Coolant, and conductance from plate to coolant.
        r_die_factor, r_hbm_factor
            What multiplies the two resistances.
        """
        through, to_hbm, buffer = self._die_w, self._hbm_w, self._plate_w
        np.subtract(self.plate_c, supply_c, out=self.heat_w)
        self.heat_w -= self.slow_k
        self.heat_w *= g_w_per_k
        np.subtract(self.die_c, self.plate_c, out=through)
        through /= self.r_die
        through /= r_die_factor
        np.subtract(self.hbm_c, self.plate_c, out=to_hbm)
        to_hbm /= self.r_hbm
        to_hbm /= r_hbm_factor
        np.add(through, to_hbm, out=buffer)
        buffer -= self.heat_w
        buffer *= dt_s / self.c_plate_j_per_k
        self.plate_c += buffer
        np.multiply(self.heat_w, self.r_slow, out=buffer)
        buffer -= self.slow_k
        buffer *= dt_s / self.slow_s
        self.slow_k += buffer
        np.subtract(hbm_w, to_hbm, out=to_hbm)
        to_hbm *= dt_s / self.c_hbm_j_per_k
        self.hbm_c += to_hbm
        np.subtract(power_w, through, out=through)
        through -= hbm_w
        through *= dt_s / self.c_die_j_per_k
        self.die_c += through
