"""On which day each GPU will throttle at full power and the warmest supply, from its thermal resistance day by day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from typing import Any

import numpy as np

from coldplate.console.querying import Asking
from coldplate.streams.wear import DAYS_MIN, Forecast, throttle_day

FAR_DAYS = 3650
"""What lies beyond ten years is no forecast."""

# A GPU that does not tell its limit itself tells how far it is from it.
_LIMITS = """
SELECT i.id AS gpu, i.rack AS rack, coalesce(max(s.gpu_max_c), any(m.limit_c)) AS limit_c, max(s.power_limit_w) AS power_w
FROM (SELECT device, id, rack FROM inventory FINAL WHERE kind = 'gpu') AS i
LEFT JOIN
(
    SELECT device, max(gpu_max_c_max) AS gpu_max_c, max(power_limit_w_max) AS power_limit_w
    FROM gpu_slow_1h WHERE t > now() - toIntervalDay(%(days)s) GROUP BY device
) AS s ON s.device = i.device
LEFT JOIN
(
    SELECT device, median(gpu_c_last + margin_c_last) AS limit_c
    FROM gpu_1h WHERE t > now() - toIntervalDay(%(days)s) GROUP BY device
) AS m ON m.device = i.device
GROUP BY gpu, rack
"""
_SUPPLY = """
SELECT i.rack AS rack, max(c.supply_c_mean) AS supply_c
FROM cdu_1h AS c
INNER JOIN (SELECT device, rack FROM inventory FINAL WHERE kind = 'cdu') AS i ON i.device = c.device
WHERE c.t > now() - INTERVAL 366 DAY
GROUP BY rack
"""
_DAILY = """
SELECT gpu, day, k_per_w FROM thermal_resistance_daily WHERE day >= today() - %(days)s ORDER BY gpu, day
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is assumed; None takes what the devices told.

    Parameters
    ----------
    power_w, supply_c, limit_c
        Full power of a GPU, the warmest supply to come, and where it lowers its clock.
    days
        Of history behind the trend.
    """

    power_w: float | None = None
    supply_c: float | None = None
    limit_c: float | None = None
    days: int = 60


def forecasts(
    asking: Asking, asked: Asked, subject: str | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """A line a GPU, the soonest first, and the GPUs of which too little is known.

    Parameters
    ----------
    subject
        A GPU or a rack; None is all.

    Raises
    ------
    Failure
        The history cannot be asked.
    """
    given = {"days": asked.days}
    supply = {str(r): float(c) for r, c in asking.query(_SUPPLY).rows if c is not None}
    days: dict[str, list[tuple[date, float]]] = {}
    for gpu, day, k_per_w in asking.query(_DAILY, given).rows:
        days.setdefault(str(gpu), []).append((day, float(k_per_w)))
    out, unknown = [], []
    for gpu, rack, device_limit_c, device_power_w in asking.query(_LIMITS, given).rows:
        if subject not in (None, gpu, rack):
            continue
        limits = {
            "power_w": asked.power_w or device_power_w,
            "supply_c": supply.get(rack) if asked.supply_c is None else asked.supply_c,
            "limit_c": asked.limit_c or device_limit_c,
        }
        line = _line(str(gpu), str(rack), days.get(gpu, []), limits)
        if line is None:
            unknown.append(str(gpu))
        else:
            out.append(line)
    never = date.max.isoformat()
    out.sort(key=lambda f: (f["day"] or never, f["earliest"] or never, -f["k_per_w"], f["gpu"]))
    return out, sorted(unknown)


def _line(
    gpu: str, rack: str, told: Sequence[tuple[date, float]], limits: Mapping[str, float | None]
) -> dict[str, Any] | None:
    known = {name: float(value) for name, value in limits.items() if value is not None}
    if len(told) < DAYS_MIN or len(known) < len(limits):
        return None
    t = np.array([day.toordinal() for day, _ in told], np.float64)
    r = np.array([k for _, k in told])
    found = throttle_day(t, r, **known)
    if found is None:
        return None
    return {
        "gpu": gpu, "rack": rack, **_dates(found), "k_per_w": round(float(r[-1]), 5),
        "k_per_w_per_day": round(found.k_per_w_per_day, 7), "days": len(told),
        **{name: round(value, 2) for name, value in known.items()},
    }  # fmt: skip


def _dates(found: Forecast) -> dict[str, str | None]:
    far = datetime.now(UTC).date() + timedelta(days=FAR_DAYS)

    def text(ordinal: float) -> str | None:
        if not isfinite(ordinal) or ordinal > far.toordinal():
            return None
        return date.fromordinal(round(ordinal)).isoformat()

    return {"day": text(found.day), "earliest": text(found.earliest), "latest": text(found.latest)}
