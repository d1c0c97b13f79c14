"""GPUs: power from load and temperature, what limits it, and the heat that follows.

    P_wanted = P_idle + load (P_full - P_idle) + P_leak (2^((T_die - 40) / 35) - 1)

Leakage of 20 W at 40 degC that doubles every 35 K meets the recorded idle power, 78.4 W at 39 and 80.0 W at 43 degC.
What is granted is the least of the power cap (power.py), the board's power brake, and what temperature allows: at the
limit that the device reports (margin 0) the driver lowers the clock until the temperature holds, 2 K above it the
hardware does at once, 8 K above it the GPU switches itself off. Powers, clocks and limits are those of the recorded
H200 (tests/recordings/h200); heat is in thermal.py.
"""

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.effects import Effects
from coldplate.twin.power import FULL_W, IDLE_W, LIMIT_W, MovingMean, PowerCap
from coldplate.twin.thermal import Thermal, conductance

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

STEP_S = 0.05
LIMIT_C, HBM_LIMIT_C, HARDWARE_K, SHUTDOWN_K = 87.0, 95.0, 2.0, 8.0
COOLED_LPM, COOLED_K, POWER_ON_S = 0.5, 30.0, 120.0
"""Half the usual flow, so far below its limit, for so long: then a GPU that shut itself down is switched on again (estimate)."""
BRAKE_W, THROTTLED_W = 350.0, 280.0
FALL_W_PER_S, RISE_W_PER_S = 60.0, 30.0
"""How fast the driver lowers the power it allows while too hot, and gives it back."""

LEAK_W, LEAK_C, LEAK_DOUBLES_K = 20.0, 40.0, 35.0
HBM_IDLE_W, HBM_FULL_W = 45.0, 260.0
"""Of the GPU's power, in the memory (fit: with these HBM and die follow the recording)."""

IDLE_MHZ, MAX_MHZ, BUSY_MHZ, BUSY_DIE_W = 345.0, 1980.0, 1740.0, 250.0
CLOCK_POWER = 0.85
"""Recorded: 735 W at 1500 MHz, 691 W at 1470 MHz, of a load that would draw 950 W at full clock.
Matrix units at work hold the clock at 1740 MHz at most and set the cap's bit, below the limit too (recorded)."""

GPU_IDLE, SW_POWER_CAP, HW_SLOWDOWN, SW_THERMAL, HW_THERMAL, POWER_BRAKE = (
    0x1, 0x4, 0x8, 0x20, 0x40, 0x80,
)  # fmt: skip
"""Clock event reasons, nvml.h."""

SPREAD = 0.012
"""Standard deviation of thermal resistance and power from one GPU to the next (estimate)."""


class GpuArray:
    """State of all GPUs of a hall, one element a GPU.

    Parameters
    ----------
    count
        How many.
    random
        For the spread of manufacture.
    supply_c, flow_lpm
        Coolant at the start, of one GPU; they begin in the steady state of their load.
    load_ratio, mem_ratio
        Of the start.
    """

    def __init__(
        self, count: int, random: np.random.Generator, supply_c: float, flow_lpm: float,
        load_ratio: float, mem_ratio: float = 0.0,
    ) -> None:  # fmt: skip
        def spread(value: float) -> F32:
            return np.asarray(value * (1.0 + SPREAD * random.standard_normal(count)), np.float32)

        self.heat = Thermal(count)
        self.heat.r_die = spread(float(self.heat.r_die[0]))
        self.full_w = np.minimum(spread(FULL_W), np.float32(LIMIT_W))
        self.idle_w = spread(IDLE_W)
        self.limit_c: F32 = np.full(count, LIMIT_C, np.float32)
        self.limit_w: F32 = np.full(count, LIMIT_W, np.float32)
        self.allowed_w: F32 = np.full(count, LIMIT_W, np.float32)
        """What temperature allows."""
        wanted = self.idle_w + load_ratio * (self.full_w - self.idle_w)
        self.power_w = np.minimum(wanted, self.limit_w)
        self.wanted_w, self.hbm_w, self._buffer = np.zeros((3, count), np.float32)
        self.hbm_w[:] = HBM_IDLE_W + (HBM_FULL_W - HBM_IDLE_W) * mem_ratio
        self.cap = PowerCap(self.power_w)
        self.average = MovingMean(self.power_w, STEP_S)
        self._g_w_per_k = conductance(np.full(count, flow_lpm, np.float32))
        self.heat.rest(self.power_w, self.hbm_w, supply_c, self._g_w_per_k)
        self.energy_j, self.thermal_s, self.hw_thermal_s, self.brake_s, self.cap_s = np.zeros(
            (5, count)
        )
        self.too_hot, self.shut_down, self.braked, self.capped = np.zeros((4, count), np.bool_)
        self.cooled_s = np.zeros(count)

    @property
    def die_c(self) -> F32:
        """What NVML shows as the GPU's temperature."""
        return self.heat.die_c

    @property
    def hbm_c(self) -> F32:
        """The memory."""
        return self.heat.hbm_c

    @property
    def plate_c(self) -> F32:
        """The cold plate."""
        return self.heat.plate_c

    @property
    def heat_w(self) -> F32:
        """What each plate gives to the coolant."""
        return self.heat.heat_w

    @property
    def mean_w(self) -> F32:
        """NVML's power average, over the last second."""
        return self.average.mean_w

    def step(
        self, dt_s: float, load: F32, mem_load: F32, supply_c: F32, flow_lpm: F32, effects: Effects
    ) -> None:  # fmt: skip
        """One step of 50 ms.

        Parameters
        ----------
        load, mem_load
            As in `Work`, of each GPU.
        supply_c, flow_lpm
            Coolant of each GPU.
        effects
            What faults do to them.
        """
        self._want(load, mem_load, effects)
        self._grant(dt_s, effects)
        conductance(flow_lpm, out=self._g_w_per_k)
        self.heat.step(
            dt_s, self.power_w, self.hbm_w, supply_c, self._g_w_per_k,
            effects.r_die_factor, effects.r_hbm_factor,
        )  # fmt: skip
        self.average.add(self.power_w)
        self._watch(dt_s)
        if self.shut_down.any():
            self._power_on(dt_s, flow_lpm)
        np.multiply(self.power_w, np.float32(dt_s), out=self._buffer)
        self.energy_j += self._buffer

    def _want(self, load: F32, mem_load: F32, effects: Effects) -> None:
        wanted, leak = self.wanted_w, self._buffer
        np.subtract(self.die_c, LEAK_C, out=leak)
        leak *= 1.0 / LEAK_DOUBLES_K
        np.exp2(leak, out=leak)
        leak *= LEAK_W
        leak *= effects.leakage_factor
        leak -= LEAK_W
        np.subtract(self.full_w, self.idle_w, out=wanted)
        wanted *= load
        wanted *= effects.load_factor
        np.multiply(mem_load, HBM_FULL_W - HBM_IDLE_W, out=self.hbm_w)
        self.hbm_w *= effects.load_factor
        if effects.gpu_lost.any():
            wanted[effects.gpu_lost] = self.hbm_w[effects.gpu_lost] = 0.0
        wanted += self.idle_w
        wanted += leak
        self.hbm_w += HBM_IDLE_W

    def _grant(self, dt_s: float, effects: Effects) -> None:
        self.braked, self.limit_w = effects.braked, effects.limit_w
        self.cap.step(dt_s, self.wanted_w, self.mean_w, self.limit_w)
        np.minimum(self.wanted_w, self.cap.ceiling_w, out=self.power_w)
        if self.too_hot.any():
            np.minimum(self.power_w, self.allowed_w, out=self.power_w, where=self.too_hot)
        if self.braked.any():
            np.minimum(self.power_w, BRAKE_W, out=self.power_w, where=self.braked)
            self.brake_s += dt_s * self.braked
        np.maximum(self.power_w, self.hbm_w, out=self.power_w)
        if self.shut_down.any():
            self.power_w[self.shut_down] = self.hbm_w[self.shut_down] = 0.0

    def _watch(self, dt_s: float) -> None:
        """What temperature and cap make of the next step, and the times under each."""
        np.subtract(self.power_w, self.hbm_w, out=self._buffer)
        np.greater(self._buffer, BUSY_DIE_W, out=self.capped)
        self.cap_s += np.multiply(self.capped, dt_s)
        np.subtract(self.die_c, self.limit_c, out=self._buffer)
        above_k = self._buffer
        if not (self.too_hot.any() or above_k.max() >= 0.0 or self.hbm_c.max() >= HBM_LIMIT_C):
            return
        hot = (above_k >= 0.0) | (self.hbm_c >= HBM_LIMIT_C)
        cool = (above_k < -1.0) & (self.hbm_c < HBM_LIMIT_C - 1.0)
        # A GPU below its limit starts from what it draws: the driver lowers a clock, not a number.
        self.allowed_w[hot] = np.minimum(self.allowed_w, self.power_w)[hot] - FALL_W_PER_S * dt_s
        self.allowed_w[cool] += RISE_W_PER_S * dt_s
        hardware = above_k >= HARDWARE_K
        self.allowed_w[hardware] = THROTTLED_W
        np.clip(self.allowed_w, THROTTLED_W, LIMIT_W, out=self.allowed_w)
        self.shut_down |= above_k >= SHUTDOWN_K
        np.less(self.allowed_w, LIMIT_W, out=self.too_hot)
        self.thermal_s += dt_s * self.too_hot
        self.hw_thermal_s += dt_s * hardware

    def _power_on(self, dt_s: float, flow_lpm: F32) -> None:
        """Somebody switches a GPU that shut itself down on again once it has had coolant for a while."""
        well = self.shut_down & (flow_lpm >= COOLED_LPM) & (self.die_c < self.limit_c - COOLED_K)
        self.cooled_s[well] += dt_s
        self.cooled_s[~well] = 0.0
        back = self.cooled_s >= POWER_ON_S
        self.shut_down[back] = False
        self.cooled_s[back] = 0.0

    def sm_clock_mhz(self) -> F32:
        """The clock: full when awake, lower as far as power is held below what the load asks for."""
        share = (self.power_w - self.hbm_w) / np.maximum(self.wanted_w - self.hbm_w, 1.0)
        clock = np.minimum(MAX_MHZ * share**CLOCK_POWER, np.where(self.capped, BUSY_MHZ, MAX_MHZ))
        clock[self.wanted_w < 1.2 * self.idle_w] = IDLE_MHZ
        return np.asarray(np.rint(np.clip(clock, IDLE_MHZ, MAX_MHZ) / 15.0) * 15.0, np.float32)

    def reasons(self) -> F64:
        """NVML's clock event reasons as a number."""
        hardware = self.die_c >= self.limit_c + HARDWARE_K
        out = np.where(self.wanted_w < 1.2 * self.idle_w, GPU_IDLE, 0)
        out |= np.where(self.capped, SW_POWER_CAP, 0)
        out |= np.where(self.too_hot, SW_THERMAL, 0)
        out |= np.where(hardware, HW_THERMAL | HW_SLOWDOWN, 0)
        out |= np.where(self.braked, POWER_BRAKE | HW_SLOWDOWN, 0)
        return out.astype(np.float64)
