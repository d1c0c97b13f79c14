"""Minutes and hours made of samples here, a row a device and bucket, as the rollups' tables have them (rollups.py).

The server would have to take each sample in again, and to make what it stores of it; here that is a pass over columns that are at hand.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.sinks.rollups import (
    HOUR,
    HOUR_MS,
    MINUTE,
    POWERS,
    STATISTICS,
    VALUE_BITS,
    ZERO,
    limits,
)
from coldplate.sinks.tables import SampleTable, kept_dtype, raw_column
from coldplate.wire.metric import Metric

Columns = Mapping[str, NDArray[Any]]
Ints = NDArray[np.int64]

MINUTE_MS = 1000 * MINUTE.seconds

_MERGED = dict(zip(STATISTICS, (np.add, np.minimum, np.maximum, np.add, np.maximum), strict=True))
"""How a statistic of two rows becomes that of both."""


def minutes(table: SampleTable, samples: Columns) -> dict[str, NDArray[Any]]:
    """Columns of the minute's table, a row a device and minute.

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
        "t": (t[begins] // MINUTE_MS * MINUTE.seconds).astype(np.uint32),
        "samples": counts.astype(np.uint64),
        "used": np.zeros(len(begins), np.int64),
    }
    known = _Presence(samples["present"].astype(np.uint64, copy=False), begins, counts)
    for metric in table.metrics:
        values = samples[raw_column(metric)].astype(kept_dtype(metric), copy=False)
        if metric.name in POWERS:
            joules = values.astype(np.int64) * samples["tick_ms"].astype(np.int64)
            out["used"] = np.add.reduceat(joules, begins)
        there, n, last = known.of(metric)
        low = high = values
        if there is not None:
            # What is absent is 0 among the values, and is to be neither lowest nor highest.
            low, high = (np.where(there, values, values.dtype.type(x)) for x in limits(metric))
        of_metric = (
            n, np.minimum.reduceat(low, begins), np.maximum.reduceat(high, begins),
            np.add.reduceat(values, begins, dtype=np.int64), _latest(values[last], t[last], n),
        )  # fmt: skip
        out |= {f"{metric.name}_{w}": c for w, c in zip(STATISTICS, of_metric, strict=True)}
    return out


def hours(table: SampleTable, of_minutes: Columns) -> dict[str, NDArray[Any]]:
    """Columns of the hour's table out of those that `minutes` made."""
    device, t = of_minutes["device"], of_minutes["t"]
    begins = _begins(device, t // HOUR.seconds)
    out: dict[str, NDArray[Any]] = {
        "device": device[begins],
        "t": t[begins] // HOUR.seconds * HOUR.seconds,
    }
    out |= {name: np.add.reduceat(of_minutes[name], begins) for name in ("samples", "used")}
    for metric in table.metrics:
        for what, merged in _MERGED.items():
            name = f"{metric.name}_{what}"
            out[name] = merged.reduceat(of_minutes[name], begins)
    return out


class _Presence:
    """Which samples have a metric. Most metrics come and go together, and what follows is the same for all of those.

    Parameters
    ----------
    present
        A bit a metric, of each sample.
    begins, counts
        Of the rows.
    """

    def __init__(self, present: NDArray[np.uint64], begins: Ints, counts: Ints) -> None:
        self._begins, self._all = begins, (None, counts.astype(np.uint64), begins + counts - 1)
        if (present == present[0]).all():
            self._patterns, self._pattern = present[:1], np.zeros(len(present), np.int64)
        else:
            self._patterns, self._pattern = np.unique(present, return_inverse=True)
        self._known: dict[bytes, tuple[NDArray[np.bool_], NDArray[np.uint64], Ints]] = {}

    def of(self, metric: Metric) -> tuple[NDArray[np.bool_] | None, NDArray[np.uint64], Ints]:
        """Where it is, None for everywhere; how often in each row; and at which sample last, any where it never is."""
        has = (self._patterns >> np.uint64(metric.number) & np.uint64(1)).astype(np.bool_)
        if has.all():
            return self._all
        if (key := has.tobytes()) not in self._known:
            there = has[self._pattern]
            n = np.add.reduceat(there, self._begins, dtype=np.uint64)
            places = np.where(there, np.arange(len(there)), 0)
            self._known[key] = there, n, np.maximum.reduceat(places, self._begins)
        return self._known[key]


def _latest(values: NDArray[Any], t: Ints, n: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Values and their times as one number each, see `rollups.packed`; 0 where there is none."""
    near = np.clip(values.astype(np.int64), -ZERO, ZERO - 1) + ZERO
    packed = ((t % HOUR_MS + 1) << VALUE_BITS) + near
    return np.where(n > 0, packed, 0).astype(np.uint64)


def _by_time(device: NDArray[Any], t: Ints) -> Ints | None:
    """An order in which each device's samples are; None when they are."""
    back = (np.diff(t) < 0) & (device[1:] == device[:-1])
    return np.lexsort((t, device)) if back.any() else None


def _begins(device: NDArray[Any], bucket: NDArray[Any]) -> Ints:
    """Where rows begin: with a device or a bucket."""
    other = (device[1:] != device[:-1]) | (bucket[1:] != bucket[:-1])
    return np.flatnonzero(np.concatenate([[True], other]))
