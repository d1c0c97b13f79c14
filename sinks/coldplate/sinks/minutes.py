"""Minutes of samples made here, a row a device and minute: what a view makes of sixty samples it can as well make of their sums.

Of each metric how many samples there are, the lowest, highest, sum, last and its time: a view makes the states of the minute's
rollup of these (rollups.py), which the server would have to do of every sample, with an array a sample and statistic.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.sinks.rollups import HIGHEST, HOUR_MS, LOWEST, POWERS, STORED_TIERS
from coldplate.sinks.tables import SampleTable, raw_column
from coldplate.wire.metric import Metric

Columns = Mapping[str, NDArray[Any]]
Ints = NDArray[np.int64]

MINUTE_MS = 1000 * STORED_TIERS[0].seconds

SAMPLES_MAX = 255
"""Of a row, whose counts are bytes; a minute of shorter ticks has several rows."""


def minutes(table: SampleTable, samples: Columns) -> dict[str, NDArray[Any]]:
    """Columns of the table that feeds the minute's rollup.

    Parameters
    ----------
    table
        Which samples these are.
    samples
        Columns of shape (samples,), a device's together; in any order of time.
    """
    order = _by_time(samples["device"], samples["t"])
    if order is not None:
        samples = {name: column[order] for name, column in samples.items()}
    device, t = samples["device"], samples["t"]
    begins = _begins(device, t // MINUTE_MS)
    counts = np.diff(np.append(begins, len(device)))
    out: dict[str, NDArray[Any]] = {
        "device": device[begins],
        "t": (t[begins] // MINUTE_MS * (MINUTE_MS // 1000)).astype(np.uint32),
        "samples": counts.astype(np.uint64),
        "used": np.zeros(len(begins), np.int64),
    }
    places, always = np.arange(len(device)), int(np.bitwise_and.reduce(samples["present"]))
    for metric in table.metrics:
        values = samples[raw_column(metric)]
        if metric.name in POWERS:
            joules = values.astype(np.int64) * samples["tick_ms"].astype(np.int64)
            out["used"] = np.add.reduceat(joules, begins)
        last = begins + counts - 1
        if always >> metric.number & 1:
            n, low, high = counts, values, values
        else:
            there = (samples["present"] >> np.uint64(metric.number) & np.uint64(1)).astype(np.bool_)
            n = np.add.reduceat(there, begins, dtype=np.int64)
            low, high = (np.where(there, values.astype(np.int64), e) for e in (HIGHEST, LOWEST))
            last = np.maximum.reduceat(np.where(there, places, -1), begins)
        out |= _statistics(metric, n, (low, high, values), begins, last, t)
    return out


def _statistics(
    metric: Metric, n: Ints, of: tuple[NDArray[Any], NDArray[Any], NDArray[Any]], begins: Ints, last: Ints, t: Ints
) -> dict[str, NDArray[Any]]:  # fmt: skip
    """`of`: what lowest, highest and sum are of; what is absent is 0 among the values. `last` -1: there is none."""
    low, high, values = of
    found = last >= 0
    return {
        f"{metric.name}_n": n.astype(np.uint8),
        f"{metric.name}_low": np.minimum.reduceat(low, begins).astype(np.int64),
        f"{metric.name}_high": np.maximum.reduceat(high, begins).astype(np.int64),
        f"{metric.name}_sum": np.add.reduceat(values, begins, dtype=np.int64),
        f"{metric.name}_last": np.where(found, values[last].astype(np.int64), 0),
        f"{metric.name}_ms": np.where(found, t[last] % HOUR_MS + 1, 0).astype(np.uint32),
    }


def _by_time(device: NDArray[Any], t: Ints) -> Ints | None:
    """An order in which each device's samples are; None when they are."""
    back = (np.diff(t) < 0) & (device[1:] == device[:-1])
    return np.lexsort((t, device)) if back.any() else None


def _begins(device: NDArray[Any], minute: Ints) -> Ints:
    """Where rows begin: with a device, a minute, or when one is full."""
    other = (device[1:] != device[:-1]) | (minute[1:] != minute[:-1])
    begins = np.flatnonzero(np.concatenate([[True], other]))
    counts = np.diff(np.append(begins, len(device)))
    if counts.max() <= SAMPLES_MAX:
        return begins
    within = np.arange(len(device)) - np.repeat(begins, counts)
    return np.flatnonzero(within % SAMPLES_MAX == 0)
