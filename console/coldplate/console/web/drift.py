"""How far each GPU's thermal resistance is above its own baseline, of whole minutes.

Resistance is (GPU - supply) / power of a minute's means, the median of the last few minutes that had enough power, as
`coldplate gpu` tells it. The baseline is the line that the detector `thermal-path` has learnt of the GPU (rise = slope *
power + offset, of power without what memory draws), at the same power; where it has learnt none, the rack's median.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.console.looking import LEAST_W
from coldplate.console.web.cells import Ground
from coldplate.console.web.connections import Ask
from coldplate.dashboards.web.channels import F32

F64 = NDArray[np.float64]

MINUTES = 5
"""The newest that is complete comes late by one and `sink.rollup_s`; more would hide what has just been mended."""

HBM_W = 140.0
"""Of a GPU's power at full memory traffic, what does not pass its die: the detector's line is without it."""

SEEN_MIN = 100.0
"""Blocks of six seconds that a line rests on before it is a baseline."""

_MEANS = f"""
SELECT g.device AS device, quantileExact(0.5)((g.gpu_c - c.supply_c) / g.power_w) AS k_per_w, avg(g.power_w) AS power_w,
    avg(g.util) AS util
FROM
(
    SELECT device, t, bitShiftRight(device, 40) AS rack, power_w_mean AS power_w, gpu_c_mean AS gpu_c,
        ifNull(mem_util_ratio_mean, 0) AS util
    FROM gpu_1m WHERE {{where}} AND power_w_mean >= {LEAST_W} AND gpu_c_count > 0
) AS g
INNER JOIN
(
    SELECT bitShiftRight(device, 40) AS rack, t, avg(supply_c_mean) AS supply_c FROM cdu_1m
    WHERE {{where}} AND supply_c_count > 0 GROUP BY rack, t
) AS c ON c.rack = g.rack AND c.t = g.t
GROUP BY device
"""
_LINES = (
    "SELECT id, anyIf(value, name = 'slope'), anyIf(value, name = 'offset'), anyIf(value, name = 'seen')"
    " FROM baselines_now WHERE detector = 'thermal-path' AND kind = 'gpu' GROUP BY id"
)


@dataclass(frozen=True)
class Lines:
    """Baselines by cell; NaN where there is none."""

    slope: F64
    offset: F64

    def at(self, power_w: F64, util: F64) -> F64:
        """Kelvin a watt at a power."""
        return (self.slope * (power_w - HBM_W * util) + self.offset) / power_w


def lines_of(ask: Ask, ground: Ground) -> Lines:
    """What has been learnt of them.

    Raises
    ------
    Away
    """
    slope = np.full(len(ground.rack_of), np.nan)
    offset = slope.copy()
    for id_, a, b, seen in ask.rows(_LINES):
        cell = ground.cells(str(id_))
        if len(cell) == 1 and seen >= SEEN_MIN and a > 0:
            slope[cell], offset[cell] = a, b
    return Lines(slope, offset)


def drift_of(ask: Ask, ground: Ground, lines: Lines, at_ms: int) -> F32:
    """By cell, percent above the baseline, of the minutes before a moment; NaN at low power, or without minutes.

    Raises
    ------
    Away
    """
    end_s = at_ms // 60_000 * 60
    where = f"t >= toDateTime({end_s - 60 * MINUTES}) AND t < toDateTime({end_s})"
    found = ask.arrays(_MEANS.format(where=where))
    shape = len(ground.rack_of)
    out = np.full(shape, np.nan, np.float32)
    if not shape or not len(found["device"]):
        return out
    cells = ground.gpus.find(found["device"])
    known = cells >= 0
    at = cells[known]
    k_per_w, power_w, util = (np.full(shape, np.nan) for _ in range(3))
    k_per_w[at], power_w[at] = found["k_per_w"][known], found["power_w"][known]
    util[at] = found["util"][known]
    own = lines.at(power_w, util)
    usual = np.where(own > 0, own, medians(k_per_w, ground)[ground.rack_of])
    return (100.0 * (k_per_w / usual - 1.0)).astype(np.float32)


def medians(values: F64, ground: Ground) -> F64:
    """By rack, of what is there; NaN for nothing."""
    out = np.full(len(ground.floor.racks), np.nan)
    order = np.lexsort((values, ground.rack_of))
    there = order[~np.isnan(values[order])]
    racks, first, count = np.unique(ground.rack_of[there], return_index=True, return_counts=True)
    low, high = there[first + (count - 1) // 2], there[first + count // 2]
    out[racks] = (values[low] + values[high]) / 2.0
    return out
