"""The hall in numbers, for the line above the map."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.console.web.cells import Ground
from coldplate.console.web.connections import Ask
from coldplate.console.web.incidents import Incidents
from coldplate.console.web.samples import Samples, window
from coldplate.console.web.water import Racks
from coldplate.dashboards.web.channels import SEVERITIES

SWING_S = 15
SAME_RATIO = 0.06
"""Frequencies that are this near are one."""

LAG_S = 10

# GPUs of one job swing in step, those of two only when something else makes them: then all together are asked for.
_SWING = f"""
SELECT sum(w) AS swing_w, sum(w * hz) / sum(w) AS swing_hz FROM
(
    SELECT device, swing_w AS w, swing_hz AS hz, {{job}} AS together FROM gpu_samples
    WHERE {{where}} AND bitTest(present, 5) AND bitTest(present, 6) ORDER BY device, t DESC LIMIT 1 BY device
)
WHERE hz > 0 AND w > 0 GROUP BY together, round(log(hz) / {SAME_RATIO}) ORDER BY swing_w DESC LIMIT 1
"""
_LAG = (
    "SELECT avgOrNull(toUnixTimestamp64Milli(stored_at) - toUnixTimestamp64Milli(appended_at)) / 1000 FROM frames"
    f" WHERE stored_at > now64(3) - INTERVAL {LAG_S} SECOND"
)


@dataclass(frozen=True, slots=True)
class Swing:
    """The largest swing in step; None where nothing tells of one.

    Parameters
    ----------
    watts, hz
        Sum of its GPUs' amplitudes, and its frequency.
    """

    watts: float | None = None
    hz: float | None = None


def swing_of(ask: Ask, end_ms: int, *, whole: bool) -> Swing:
    """Of one job; of all GPUs together where the whole hall swings.

    Raises
    ------
    Away
    """
    job = "0" if whole else "if(bitTest(present, 17), job_raw, 0)"
    rows = ask.rows(_SWING.format(job=job, where=window(end_ms - 1000 * SWING_S, end_ms)))
    return Swing(float(rows[0][0]), float(rows[0][1])) if rows else Swing()


def lag_of(ask: Ask) -> float | None:
    """Seconds from Kafka's having a frame to the history's having it, of those stored lately; None without any.

    Raises
    ------
    Away
    """
    ((lag_s,),) = ask.rows(_LAG)
    return None if lag_s is None else float(lag_s)


def heard_of(ground: Ground, samples: Samples, racks: Racks) -> NDArray[np.int64]:
    """By rack, the newest sample of anything in it; 0 for none."""
    out = racks.heard_ms.copy()
    if len(ground.rack_of):
        np.maximum.at(out, ground.rack_of, samples.t_ms)
    return out


def racks_w(ground: Ground, racks: Racks, power_w: NDArray[np.float32]) -> float | None:
    """Sum of the racks by their own meters, of one without a meter by its GPUs; None when none is known."""
    total = racks.meter_w
    if np.isnan(total).any():
        count, there = len(ground.floor.racks), ~np.isnan(power_w)
        sums = np.bincount(ground.rack_of[there], power_w[there].astype(np.float64), count)
        some = np.bincount(ground.rack_of[there], minlength=count) > 0
        total = np.where(np.isnan(total) & some, sums, total)
    known = ~np.isnan(total)
    return float(total[known].sum()) if known.any() else None


def states(incidents: Incidents, silent: NDArray[np.bool_]) -> Mapping[str, int]:
    """How many racks are in which state: by the worst of its incidents, else silent, else well."""
    worst = incidents.worst
    out = {s: int(np.count_nonzero(worst == n)) for n, s in enumerate(SEVERITIES) if s}
    quiet = worst == 0
    return {
        **dict(reversed(out.items())), "silent": int(np.count_nonzero(quiet & silent)),
        "well": int(np.count_nonzero(quiet & ~silent)),
    }  # fmt: skip


def told(
    power: tuple[float | None, float | None, float], swing: Swing, throttled: int | None,
    lag_s: float | None, racks: Mapping[str, int],
) -> dict[str, Any]:  # fmt: skip
    """As `Picture.strip` has it. How many records wait is not in the history."""
    power_w, ramp_w_s, over_s = power
    return {
        "power_w": power_w, "ramp_w_s": ramp_w_s, "ramp_over_s": over_s, "swing_w": swing.watts, "swing_hz": swing.hz,
        "throttled": throttled, "lag_records": None, "lag_s": lag_s, "racks": racks,
    }  # fmt: skip
