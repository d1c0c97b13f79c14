"""Seconds until a GPU reaches its limit, if power stays as it is and the flow goes where it is heading.

The lumped cold plate of the project's thermal model, from what is measured now on: die to plate through
`R_DIE`, plate to coolant through G(q), G(q) at most what the coolant can carry away:

    C1 dT1/dt = P - (T1 - T2) / R_DIE
    C2 dT2/dt = (T1 - T2) / R_DIE - G(q) (T2 - T_supply)
    1/G = 0.008 q^-0.6 + 1 / (2 * 66.7 q),  G <= 66.7 q      (q: l/min per GPU, PG25 at 30 degC)

C1 = 10 J/K and R_DIE = 0.020 K/W are fits to the recorded H200 (tests/recordings/h200); C2 = 150 J/K is
0.3 kg of copper with its coolant, an estimate. The device's own offset is kept: what the GPU measured before
the fault is not assumed, only how it moves from where it is.
"""

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import F64

R_DIE = 0.020
C1_J_PER_K = 10.0
C2_J_PER_K = 150.0
COOLANT_W_PER_K_LPM = 66.7
STEP_S = 0.25
"""Only the moving flow needs steps: with the flow of a step held, the two equations are solved exactly."""

SETTLED_TAUS = 8.0
"""After so many time constants the flow is where it goes, to 0.03 %."""


def conductance(flow_lpm: F64) -> F64:
    """Plate to coolant, W/K, at a flow of one GPU in l/min."""
    q = np.maximum(flow_lpm, 1e-6)
    lag = 0.008 * q**-0.6 + 1.0 / (2.0 * COOLANT_W_PER_K_LPM * q)
    return np.minimum(1.0 / lag, COOLANT_W_PER_K_LPM * q)


def seconds_to_limit(
    gpu_c: F64,
    margin_c: F64,
    power_w: F64,
    supply_c: float,
    flow_lpm: F64,
    *,
    flow_end_lpm: F64 | None = None,
    flow_tau_s: float = 1.0,
    supply_rise_c_per_s: float = 0.0,
    horizon_s: float = 180.0,
) -> F64:
    """Seconds until the margin is used up; NaN where it will not be within the horizon.

    Parameters
    ----------
    gpu_c, margin_c, power_w
        As the GPUs report them now, one element a GPU.
    supply_c
        Coolant supply temperature.
    flow_lpm
        Coolant flow of each GPU.
    flow_end_lpm, flow_tau_s
        Where the flow goes, exponentially with this time constant; None: it stays.
    supply_rise_c_per_s
        By how much the supply grows warmer, as it does without facility water.
    horizon_s
        How far to look.
    """
    full = gpu_c + margin_c
    flow = np.asarray(flow_lpm, np.float64)
    end = flow if flow_end_lpm is None else np.asarray(flow_end_lpm, np.float64)
    moving_s = 0.0 if flow_end_lpm is None else SETTLED_TAUS * flow_tau_s
    die = gpu_c.astype(np.float64)
    plate = die - power_w * R_DIE
    out = np.where(margin_c <= 0, 0.0, np.nan)
    lag_s = C2_J_PER_K / np.maximum(conductance(flow), 1e-3)
    still = _Plates(end, power_w, supply_c)
    for step in range(int(horizon_s / STEP_S)):
        at_s = step * STEP_S
        settled = at_s >= moving_s
        left = 0.0 if settled else np.exp(-(at_s + STEP_S / 2) / flow_tau_s)
        plates = still if settled else _Plates(end + (flow - end) * left, power_w, supply_c)
        before = die
        die, plate = plates.step(die, plate)
        # The equations are linear: a supply that rises lifts everything behind it, later by the plate's own lag.
        limit = full - supply_rise_c_per_s * np.maximum(0.0, at_s - lag_s)
        reached = np.isnan(out) & (die >= limit)
        rise = (die - before)[reached]
        out[reached] = at_s + STEP_S * (limit - before)[reached] / np.maximum(rise, 1e-9)
        to_come = np.isnan(out)
        if settled and not supply_rise_c_per_s:
            to_come &= ~plates.stay_below(limit, die, plate)
        if not to_come.any():
            break
    return out


class _Plates:
    """Die and plate of all GPUs at a constant flow.

    x' = A (x - x_rest) has the solution x_rest + exp(A t) (x - x_rest), and of a 2 x 2 matrix with real
    eigenvalues exp(A t) = e^(st) (cosh(qt) + sinh(qt)/q (A - s)), s the mean of the diagonal.
    """

    def __init__(self, flow_lpm: F64, power_w: F64, supply_c: float) -> None:
        gain = conductance(flow_lpm)
        self.plate_rest_c = supply_c + power_w / gain
        self.die_rest_c = self.plate_rest_c + power_w * R_DIE
        self._through_k = power_w * R_DIE
        a = -1.0 / (C1_J_PER_K * R_DIE)
        d = -(1.0 / R_DIE + gain) / C2_J_PER_K
        c = 1.0 / (C2_J_PER_K * R_DIE)
        s = 0.5 * (a + d)
        q = np.sqrt(0.25 * (a - d) ** 2 - a * c)
        fade = np.exp(s * STEP_S)
        self._even, self._odd = fade * np.cosh(q * STEP_S), fade * np.sinh(q * STEP_S) / q
        self._a, self._c, self._d = a - s, c, d - s

    def step(self, die_c: F64, plate_c: F64) -> tuple[F64, F64]:
        """Both, `STEP_S` later."""
        die, plate = die_c - self.die_rest_c, plate_c - self.plate_rest_c
        # The first row of A is (a, -a): a die gains from its plate what it loses to it.
        a = -1.0 / (C1_J_PER_K * R_DIE)
        die_next = self._even * die + self._odd * (self._a * die - a * plate)
        plate_next = self._even * plate + self._odd * (self._c * die + self._d * plate)
        return self.die_rest_c + die_next, self.plate_rest_c + plate_next

    def stay_below(self, limit_c: F64, die_c: F64, plate_c: F64) -> NDArray[np.bool_]:
        """Where the limit is never reached: below it in die and plate, and at rest too.

        Then at the limit both would fall, so neither crosses it.
        """
        below: NDArray[np.bool_] = (die_c < limit_c) & (plate_c < limit_c - self._through_k)
        return below & (self.die_rest_c < limit_c)
