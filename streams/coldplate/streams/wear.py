"""On which day a GPU will throttle, from the thermal resistance that it had on the days before.

The trend is Theil's and Sen's: the median of the slopes of all pairs of days, which a few odd days do not move, with
Sen's interval by Kendall's variance (Sen, J. Am. Stat. Assoc. 63, 1968). A limit is reached when

    supply + R * power = limit

at full power and the warmest supply expected: not at today's load and weather.
"""

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np

from coldplate.streams.detector import F64

DAYS_MIN = 5
"""Fewer days have no trend."""

Z90 = 1.645


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a limit is reached.

    Parameters
    ----------
    day, earliest, latest
        In days as the history counts them: the trend's, and the ends of its 90 % interval; infinite where it is not.
    k_per_w_per_day
        The trend.
    """

    day: float
    earliest: float
    latest: float
    k_per_w_per_day: float


def throttle_day(
    days: F64, r_k_per_w: F64, *, power_w: float, supply_c: float, limit_c: float
) -> Forecast | None:
    """When a GPU will throttle at full power and the warmest supply.

    Parameters
    ----------
    days, r_k_per_w
        One pair a day, NaN where the GPU had no load that day.
    power_w, supply_c
        Full power, and the warmest coolant supply expected.
    limit_c
        Temperature at which the GPU lowers its clock.

    Returns
    -------
    forecast
        None with fewer than five days.

    Examples
    --------
    >>> days = np.arange(20.0)
    >>> found = throttle_day(days, 0.036 + 0.0004 * days, power_w=700, supply_c=40, limit_c=87)
    >>> round(found.day)
    78
    """
    told = np.isfinite(days) & np.isfinite(r_k_per_w)
    t, r = days[told], r_k_per_w[told]
    if len(np.unique(t)) < DAYS_MIN:
        return None
    slopes, count = _slopes(t, r), len(t)
    slope = float(np.median(slopes))
    # Kendall's variance of the number of rising pairs without ties.
    half = Z90 * sqrt(count * (count - 1) * (2 * count + 5) / 18.0) / 2.0
    low, high = len(slopes) / 2.0 - half, len(slopes) / 2.0 + half
    slowest = float(slopes[int(np.clip(np.floor(low), 0, len(slopes) - 1))])
    fastest = float(slopes[int(np.clip(np.ceil(high), 0, len(slopes) - 1))])
    now, today = float(np.median(r - slope * (t - t[-1]))), float(t[-1])
    left = (limit_c - supply_c) / power_w - now

    def reached(rate: float) -> float:
        if left <= 0.0:
            return today
        return today + left / rate if rate > 0.0 else inf

    return Forecast(reached(slope), reached(fastest), reached(slowest), slope)


def _slopes(t: F64, r: F64) -> F64:
    """Of all pairs of days, ascending."""
    first, second = np.triu_indices(len(t), 1)
    apart = t[second] - t[first]
    pairs = apart != 0.0
    return np.sort((r[second] - r[first])[pairs] / apart[pairs])
