"""A slow average per row that stands still while something is wrong.

Exponentially weighted in event time (Roberts, 1959): `b += (x - b) * (1 - exp(-dt / tau))`, with the plain
mean until `tau` has passed, so that the first minutes already have a usable baseline.
"""

import numpy as np

from coldplate.streams.detector import F64, Memory, Tick


def follow(
    memory: Memory, tick: Tick, name: str, value: F64, *, frozen: F64, tau_s: float, warm_s: float
) -> F64:
    """The baseline before this tick, after which the tick's values enter it.

    Parameters
    ----------
    memory
        Holds `NAME` (the average), `NAME_age_s` and `NAME_last_ms`.
    value
        The tick's values; NaN is passed over.
    frozen
        Not 0 where the baseline must not learn: what is being judged as a fault is not normal.
    tau_s
        Memory in seconds.
    warm_s
        Seconds of values before the baseline is given; NaN until then.

    Returns
    -------
    baseline
        One a row, NaN while warming up.
    """
    rows, now_ms = tick.at, tick.now_ms
    mean, age = memory[name][rows], memory[f"{name}_age_s"][rows]
    last_ms = memory[f"{name}_last_ms"][rows]
    told, new = np.isfinite(value), last_ms <= 0
    # A gap counts for at most 10 s: nothing is known of the values in it.
    passed_s = np.minimum(np.maximum((now_ms - last_ms) / 1000.0, 0.0), 10.0)
    passed_s[new] = 0.0
    before = np.where(age >= warm_s, mean, np.nan)
    learns = told & (frozen == 0)
    older = age + passed_s
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.maximum(-np.expm1(-passed_s / tau_s), passed_s / np.maximum(older, 1e-9))
        moved = mean + (value - mean) * np.minimum(share, 1.0)
    if new.any():
        moved = np.where(new, value, moved)
    memory[name][rows] = np.where(learns, moved, mean)
    memory[f"{name}_age_s"][rows] = np.where(learns, older, age)
    memory[f"{name}_last_ms"][rows] = np.where(told, now_ms, last_ms)
    return before


def memory_of(*names: str) -> dict[str, float]:
    """Initial values for `follow`'s arrays."""
    return {f"{n}{part}": 0.0 for n in names for part in ("", "_age_s", "_last_ms")}
