"""Litres that are missing from a unit's loop to what is usual there, until the leak was mended."""

import numpy as np

from coldplate.streams.detector import F64, Memory, Tick
from coldplate.streams.detectors.baseline import memory_of
from coldplate.streams.water import departing, departure, missing_l, smooth

LATE_S, STOPPED_S = 30.0, 300.0
RESTS_L = 0.001
"""What grows by less in `STOPPED_S`, for each litre of gas, rests: less than 1 ml/min of 4 l."""


def gone(
    memory: Memory, tick: Tick, gas_l: float, loop_l: float, smooth_s: float, doubt: float
) -> F64:
    """Litres that are missing to the usual, by the lesser of both figures; memory of `going`.

    What is missing and has not grown for `STOPPED_S` is a leak that was mended: the usual is learnt anew.
    """
    rows = tick.rows
    warm, cold = missing_l(tick, gas_l, loop_l)
    frozen = (memory["warm_off"][rows] > doubt).astype(np.float64)
    late = smooth(memory, tick, "late", warm, LATE_S)
    now_ms, then_ms = tick.t_ms.astype(np.float64), memory["then_ms"][rows]
    looks = np.isfinite(late) & (now_ms - then_ms >= 1000.0 * STOPPED_S)
    rests = looks & (np.abs(late - memory["then_l"][rows]) < RESTS_L * gas_l)
    mended = rests & (frozen != 0.0)
    memory["then_l"][rows] = np.where(looks, late, memory["then_l"][rows])
    memory["then_ms"][rows] = np.where(looks, now_ms, then_ms)
    for name in ("warm_age_s", "cold_age_s", "warm_off", "cold_off"):
        memory[name][rows] = np.where(mended, 0.0, memory[name][rows])
    frozen = np.where(mended, 0.0, frozen)
    by_warm, _ = departure(
        memory, tick, "warm", warm, smooth_s=smooth_s, doubt=np.inf, frozen=frozen
    )
    by_cold, _ = departure(
        memory, tick, "cold", cold, smooth_s=smooth_s, doubt=np.inf, frozen=frozen
    )
    return np.minimum(by_warm, by_cold)


def going() -> dict[str, float]:
    """Initial memory of `gone`."""
    return {**departing("warm", "cold"), **memory_of("late"), "then_l": np.nan, "then_ms": 0.0}
