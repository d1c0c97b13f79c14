"""The twin's thermal chain against a recorded trace: its constants, found on the first parts of the phases.

The recorded power drives `Thermal` itself, in its own steps of 50 ms; the candidates of the search are the elements of
its arrays, side by side. The search is damped Gauss-Newton on the logarithm of the constants (Levenberg, Marquardt).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from coldplate.twin import gpu, thermal
from coldplate.twin.thermal import Thermal
from coldplate.twin.trace import Trace

F64 = NDArray[np.float64]

STEP_S = gpu.STEP_S
ROUNDS, WITHIN = 12, 20.0
"""Steps of the search; no parameter leaves its start by more than this factor."""

START = {
    "supply_c": 0.0,
    "r_die_k_per_w": thermal.R_DIE,
    "c_die_j_per_k": thermal.C_DIE_J_PER_K,
    "g_w_per_k": float(thermal.conductance(np.ones(1, np.float32))[0]),
    "c_plate_j_per_k": thermal.C_PLATE_J_PER_K,
    "r_slow_k_per_w": thermal.R_SLOW,
    "slow_s": thermal.SLOW_S,
    "r_hbm_k_per_w": thermal.R_HBM,
    "c_hbm_j_per_k": thermal.C_HBM_J_PER_K,
    "hbm_idle_w": gpu.HBM_IDLE_W,
    "hbm_full_w": gpu.HBM_FULL_W,
}
"""Where the search starts: the twin's own constants; the supply is guessed from the trace."""


def fit_heat(trace: Trace) -> tuple[dict[str, float], F64, F64]:
    """The constants that fit best on the first parts, and die and HBM with them over the whole trace."""
    grid_s = np.arange(0.0, trace.t_s[-1] + STEP_S, STEP_S)
    # A row shows the power that led to its temperature, so it stands for the time before it.
    row = np.minimum(np.searchsorted(trace.t_s, grid_s + 1e-9), len(trace.t_s) - 1)
    at = np.minimum(np.rint(trace.t_s / STEP_S).astype(np.intp), len(grid_s) - 1)
    power_w = trace.drive_w[row].astype(np.float32)
    mem_ratio = trace.mem_ratio[row].astype(np.float32)

    def run(candidates: F64) -> tuple[F64, F64]:
        p = dict(zip(START, candidates.T.astype(np.float32), strict=True))
        heat = Thermal(len(candidates))
        heat.r_die, heat.c_die_j_per_k = p["r_die_k_per_w"], p["c_die_j_per_k"]
        heat.r_hbm, heat.c_hbm_j_per_k = p["r_hbm_k_per_w"], p["c_hbm_j_per_k"]
        heat.r_slow, heat.slow_s = p["r_slow_k_per_w"], p["slow_s"]
        heat.c_plate_j_per_k = p["c_plate_j_per_k"]
        span_w = p["hbm_full_w"] - p["hbm_idle_w"]
        watts = np.full(len(candidates), power_w[0])
        heat.rest(watts, p["hbm_idle_w"] + span_w * mem_ratio[0], p["supply_c"], p["g_w_per_k"])
        die_c, hbm_c = np.empty((2, len(grid_s), len(candidates)))
        for k in range(len(grid_s)):
            die_c[k], hbm_c[k] = heat.die_c, heat.hbm_c
            watts[:] = power_w[k]
            hbm_w = p["hbm_idle_w"] + span_w * mem_ratio[k]
            heat.step(STEP_S, watts, hbm_w, p["supply_c"], p["g_w_per_k"])
        return die_c[at], hbm_c[at]

    first = trace.first

    def errors(candidates: F64) -> F64:
        die_c, hbm_c = run(candidates)
        # The die is what is asked for; the memory steadies what plate and die share.
        return np.concatenate(
            [(die_c - trace.gpu_c[:, None])[first], 0.5 * (hbm_c - trace.hbm_c[:, None])[first]]
        )

    start = np.array(list(START.values()))
    resistance = START["r_die_k_per_w"] + 1.0 / START["g_w_per_k"]
    start[0] = max(float(np.percentile(trace.gpu_c, 2)) - trace.idle_w * resistance, 1.0)
    best = _search(errors, start, _stable)
    die_c, hbm_c = run(best[None])
    return dict(zip(START, map(float, best), strict=True)), die_c[:, 0], hbm_c[:, 0]


def _stable(x: F64) -> F64:
    """No stage faster than 1.6 steps: below that the steps of 50 ms would ring."""
    names = list(START)
    for r, c in (("r_die_k_per_w", "c_die_j_per_k"), ("r_hbm_k_per_w", "c_hbm_j_per_k")):
        i, j = names.index(r), names.index(c)
        x[j] = max(x[j], 1.6 * STEP_S / x[i])
    return x


def _search(errors: Callable[[F64], F64], start: F64, bound: Callable[[F64], F64]) -> F64:
    x, damping = start.copy(), 1e-3
    for _ in range(ROUNDS):
        found = errors(np.vstack([x, np.diag(0.02 * x) + x]))
        error, slope = found[:, 0], (found[:, 1:] - found[:, :1]) / 0.02
        square = slope.T @ slope
        move = np.linalg.solve(square + damping * np.diag(np.diag(square)), -slope.T @ error)
        candidate = x * np.exp(np.clip(move, -0.5, 0.5))
        candidate = bound(np.clip(candidate, start / WITHIN, start * WITHIN))
        better = errors(candidate[None])[:, 0]
        gain = 1.0 - float(better @ better) / float(error @ error)
        if gain > 0.0:
            x, damping = candidate, damping / 5.0
        else:
            damping *= 10.0
        if 0.0 <= gain < 1e-5:
            break
    return x
