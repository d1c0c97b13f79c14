"""Seconds until a GPU reaches its limit, if power stays as it is and the flow goes where it is heading.

The lumped cold plate of the project's thermal model, integrated forward from what is measured now: die to
plate through `R_DIE`, plate to coolant through G(q), G(q) at most what the coolant can carry away:

    C1 dT1/dt = P - (T1 - T2) / R_DIE
    C2 dT2/dt = (T1 - T2) / R_DIE - G(q) (T2 - T_supply)
    1/G = 0.008 q^-0.6 + 1 / (2 * 66.7 q),  G <= 66.7 q      (q: l/min per GPU, PG25 at 30 degC)

C1 = 10 J/K and R_DIE = 0.020 K/W are fits to the recorded H200 (tests/recordings/h200); C2 = 150 J/K is
0.3 kg of copper with its coolant, an estimate. The device's own offset is kept: what the GPU measured before
the fault is not assumed, only how it moves from where it is.
"""

import numpy as np

from coldplate.streams.detector import F64

R_DIE = 0.020
C1_J_PER_K = 10.0
C2_J_PER_K = 150.0
COOLANT_W_PER_K_LPM = 66.7
STEP_S = 0.05
"""A quarter of the fastest time constant, C1 * R_DIE = 0.2 s."""

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
    horizon_s
        How far to look.
    """
    limit = gpu_c + margin_c
    flow = np.asarray(flow_lpm, np.float64)
    end = flow if flow_end_lpm is None else np.asarray(flow_end_lpm, np.float64)
    gain = conductance(flow)
    die = gpu_c.astype(np.float64).copy()
    plate = die - power_w * R_DIE
    out = np.where(margin_c <= 0, 0.0, np.nan)
    for step in range(1, int(horizon_s / STEP_S) + 1):
        if end is not flow and step * STEP_S < SETTLED_TAUS * flow_tau_s:
            gain = conductance(end + (flow - end) * np.exp(-step * STEP_S / flow_tau_s))
        through = (die - plate) / R_DIE
        die = die + STEP_S * (power_w - through) / C1_J_PER_K
        plate = plate + STEP_S * (through - gain * (plate - supply_c)) / C2_J_PER_K
        reached = np.isnan(out) & (die >= limit)
        out[reached] = step * STEP_S
        if not np.isnan(out).any():
            break
    return out
