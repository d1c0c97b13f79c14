"""GPUs: power from load, the thermal chain die - cold plate - coolant, and what temperature does to the clock.

    C1 dT1/dt = P - (T1 - T2) / R1
    C2 dT2/dt = (T1 - T2) / R1 - G(q) (T2 - T_supply)
    1/G = 0.008 q^-0.6 + 1 / (2 * 66.7 q),  G <= 66.7 q        (q: l/min of one GPU)

C1 = 10 J/K and R1 = 0.020 K/W are fits to the recorded H200 (tests/recordings/h200); C2 = 150 J/K is 0.3 kg of
copper with its coolant, an estimate; G was chosen to meet the recorded 0.0355 K/W at q = 1. At the limit that the
device reports (87 degC, margin 0) the driver lowers the clock until the temperature holds; at 89 degC, margin -2, the
hardware does. Powers, clocks and limits are those of the recording.
"""

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

R_DIE = 0.020
C1_J_PER_K, C2_J_PER_K = 10.0, 150.0
COOLANT_W_PER_K_LPM = 66.7
LIMIT_C, HARDWARE_C = 87.0, 89.0
IDLE_W, FULL_W, LIMIT_W, BRAKE_W, THROTTLED_W = 79.0, 700.0, 700.0, 350.0, 280.0
FALL_W_PER_S, RISE_W_PER_S = 60.0, 30.0
"""How fast the driver lowers the power it allows while too hot, and gives it back."""

SW_POWER_CAP, HW_SLOWDOWN, SW_THERMAL, HW_THERMAL, POWER_BRAKE = 0x4, 0x8, 0x20, 0x40, 0x80
"""Clock event reasons, nvml.h."""

SPREAD = 0.012
"""Standard deviation of thermal resistance and power from one GPU to the next (estimate)."""


def conductance(flow_lpm: F64) -> F64:
    """Plate to coolant, W/K, at a flow of one GPU in l/min."""
    q = np.maximum(flow_lpm, 1e-6)
    lag = 0.008 * q**-0.6 + 1.0 / (2.0 * COOLANT_W_PER_K_LPM * q)
    return np.minimum(1.0 / lag, COOLANT_W_PER_K_LPM * q)


class Gpus:
    """State of all GPUs of a hall, one element a GPU.

    Parameters
    ----------
    count
        How many.
    random
        For the spread of manufacture.
    supply_c, flow_lpm
        Coolant at the start; they begin in the steady state of full load, or of none.
    load_ratio
        Of the start.
    """

    def __init__(
        self, count: int, random: np.random.Generator, supply_c: float, flow_lpm: float, load_ratio: float
    ) -> None:  # fmt: skip
        self.r_die = R_DIE * (1.0 + SPREAD * random.standard_normal(count))
        self.full_w = np.minimum(FULL_W * (1.0 + SPREAD * random.standard_normal(count)), LIMIT_W)
        self.idle_w = IDLE_W * (1.0 + SPREAD * random.standard_normal(count))
        self.allowed_w = np.full(count, LIMIT_W)
        self.power_w = self.idle_w + load_ratio * (self.full_w - self.idle_w)
        self.plate_c = supply_c + self.power_w / conductance(np.full(count, flow_lpm))
        self.die_c = self.plate_c + self.power_w * self.r_die
        self.energy_j = np.zeros(count)
        self.heat_w = self.power_w.copy()
        """What each plate gives to the coolant."""
        self.thermal_s = np.zeros(count)
        self.brake_s = np.zeros(count)
        self.braked = np.zeros(count, np.bool_)

    @property
    def too_hot(self) -> NDArray[np.bool_]:
        """Where temperature holds the clock down."""
        return self.allowed_w < LIMIT_W

    def step(
        self, dt_s: float, load_ratio: float, supply_c: F64, flow_lpm: F64, braked: NDArray[np.bool_]
    ) -> None:  # fmt: skip
        """One step of at most 0.1 s.

        Parameters
        ----------
        load_ratio
            Share of the power between idle and full that the job asks for; above 1 in an overshoot.
        supply_c, flow_lpm
            Coolant of each GPU.
        braked
            Where the power brake is pulled.
        """
        hot = self.die_c >= LIMIT_C
        change = np.where(hot, -FALL_W_PER_S, RISE_W_PER_S) * dt_s
        # Between the limit and 1 K below it the allowed power stays.
        change[~hot & (self.die_c > LIMIT_C - 1.0)] = 0.0
        self.allowed_w = np.clip(self.allowed_w + change, THROTTLED_W, LIMIT_W)
        self.braked = braked
        wanted = self.idle_w + load_ratio * (self.full_w - self.idle_w)
        # The cap acts on the 1 s mean: an overshoot of a third passes (recorded 948 W of 700).
        ceiling = np.where(braked, BRAKE_W, np.where(self.too_hot, self.allowed_w, 1.36 * LIMIT_W))
        self.power_w = np.minimum(wanted, ceiling)
        through = (self.die_c - self.plate_c) / self.r_die
        self.heat_w = conductance(flow_lpm) * (self.plate_c - supply_c)
        self.die_c = self.die_c + dt_s / C1_J_PER_K * (self.power_w - through)
        self.plate_c = self.plate_c + dt_s / C2_J_PER_K * (through - self.heat_w)
        self.energy_j += dt_s * self.power_w
        self.thermal_s += dt_s * self.too_hot
        self.brake_s += dt_s * braked

    def reasons(self) -> F64:
        """NVML's clock event reasons as a number."""
        out = np.where(self.power_w > 0.55 * LIMIT_W, SW_POWER_CAP, 0)
        out |= np.where(self.too_hot, SW_THERMAL, 0)
        out |= np.where(self.die_c >= HARDWARE_C, HW_THERMAL | HW_SLOWDOWN, 0)
        out |= np.where(self.braked, POWER_BRAKE | HW_SLOWDOWN, 0)
        return out.astype(np.float64)
