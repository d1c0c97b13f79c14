"""What a sheet of paper says of a hall that loses its water: the figures to hold the model against.

Steady state: T_gpu = T_supply + P R(q), R(q) = 0.020 + 0.008 q^-0.6 + 1 / (2 * 66.7 q), q in l/min of one GPU.

Flow lost, the pumps coasting with 1.5 s, q(t) = q0 exp(-t / 1.5): two lumps, C1 = 10 J/K and C2 = 150 J/K,

    C1 dT1/dt = P - (T1 - T2) / 0.020
    C2 dT2/dt = (T1 - T2) / 0.020 - G(q) (T2 - T_supply),   1/G = 0.008 q^-0.6 + 1 / (2 * 66.7 q),  G <= 66.7 q

Facility water lost, the pumps running: the loop and its metal take all heat, 35 l of PG25 (4.0 kJ/K a litre) and
30 kJ/K for 64 GPUs,

    dT/dt = P_rack / (V rho cp + C_metal)

These are written here again on purpose, apart from the model's own equations. C2, volume and metal are estimates.
"""

import math

LIMIT_C = 87.0
"""Margin 0 of a recorded H200."""

R_DIE, W_PER_K_LPM = 0.020, 66.7
C1_J_PER_K, C2_J_PER_K, COAST_S = 10.0, 150.0, 1.5
LOOP_L, LITRE_J_PER_K, METAL_J_PER_K = 35.0, 4002.0, 30e3
"""Of a rack of 64 GPUs."""

STEP_S = 0.005


def film_w_per_k(flow_lpm: float) -> float:
    """Plate to coolant, at a flow of one GPU."""
    if flow_lpm < 1e-9:
        return 0.0
    lag = 0.008 / math.pow(flow_lpm, 0.6) + 1.0 / (2.0 * W_PER_K_LPM * flow_lpm)
    return min(1.0 / lag, W_PER_K_LPM * flow_lpm)


def steady_c(power_w: float, supply_c: float, flow_lpm: float) -> float:
    """Temperature of a GPU that has come to rest.

    >>> round(steady_c(700, 30, 1.0))
    55
    """
    return supply_c + power_w * (R_DIE + 1.0 / film_w_per_k(flow_lpm))


def flow_loss_s(
    power_w: float, supply_c: float, flow_lpm: float, to_c: float = LIMIT_C, longest_s: float = 3600.0
) -> float | None:  # fmt: skip
    """Seconds from the pumps' stop until a GPU has a temperature; None when it does not get there.

    >>> round(flow_loss_s(700, 30, 1.0), 1), round(flow_loss_s(700, 40, 1.0, to_c=95), 1)
    (9.5, 9.0)
    """
    t_s, die_c = 0.0, steady_c(power_w, supply_c, flow_lpm)
    plate_c = die_c - power_w * R_DIE
    while die_c < to_c:
        if t_s > longest_s:
            return None
        through_w = (die_c - plate_c) / R_DIE
        taken_w = film_w_per_k(flow_lpm * math.exp(-t_s / COAST_S)) * (plate_c - supply_c)
        die_c += STEP_S / C1_J_PER_K * (power_w - through_w)
        plate_c += STEP_S / C2_J_PER_K * (through_w - taken_w)
        t_s += STEP_S
    return t_s


def facility_loss_s(
    power_w: float, supply_c: float, flow_lpm: float, rack_w: float, gpus: int, to_c: float = LIMIT_C
) -> float:  # fmt: skip
    """Seconds from the facility's loss until a GPU has a temperature.

    Parameters
    ----------
    power_w, flow_lpm
        Of one GPU.
    rack_w, gpus
        Heat into the water of its rack, and how many GPUs its loop was built for.

    Examples
    --------
    >>> round(facility_loss_s(700, 30, 1.0, rack_w=65_000, gpus=64))
    84
    """
    takes_j_per_k = (LOOP_L * LITRE_J_PER_K + METAL_J_PER_K) * gpus / 64
    return (to_c - steady_c(power_w, supply_c, flow_lpm)) * takes_j_per_k / rack_w
