"""The way back of what detectors have learnt: from the table to the records that a worker wrote.

Racks are read some at a time: those of 100,000 GPUs are some two million numbers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from coldplate.wire.baseline import Baselines, Block, Learnt, packed

RACKS_AT_ONCE = 50

_RACKS = """
SELECT rack, max(t) AS newest FROM baselines GROUP BY rack
HAVING newest >= fromUnixTimestamp64Milli(toInt64(%(since_ms)s)) ORDER BY rack
"""
# What was not written down again with a rack's newest tick is known no more.
_LEARNT = """
SELECT rack, kind, detector, name, any(unit), toUnixTimestamp64Milli(t), groupArray(id), groupArray(value),
    groupArray(ifNull(age_s, nan)), groupArray(toFloat64(toUnixTimestamp64Milli(learnt_at))),
    groupArray(ifNull(samples, nan))
FROM baselines
WHERE rack IN %(racks)s AND (rack, t) IN (SELECT rack, max(t) FROM baselines WHERE rack IN %(racks)s GROUP BY rack)
GROUP BY rack, t, kind, detector, name ORDER BY rack, kind
"""

Ask = Callable[[str, Mapping[str, Any]], Sequence[tuple[Any, ...]]]
"""Rows of a query with parameters."""


def read_baselines(ask: Ask, cluster: str, since_ms: int) -> Iterator[Baselines]:
    """A record a rack, of racks whose newest tick is not before `since_ms`, Unix milliseconds.

    Raises
    ------
    HistoryDown, HistoryRefused
    """
    racks = [rack for rack, _ in ask(_RACKS, {"since_ms": since_ms})]
    for start in range(0, len(racks), RACKS_AT_ONCE):
        rows = ask(_LEARNT, {"racks": tuple(racks[start : start + RACKS_AT_ONCE])})
        for (rack, t_ms), of_rack in groupby(rows, key=lambda row: (row[0], row[5])):
            of_kind = groupby(of_rack, key=lambda row: row[1])
            blocks = tuple(_block(kind, list(lines)) for kind, lines in of_kind)
            yield Baselines(cluster, rack, int(t_ms), blocks)


def _block(kind: str, lines: Sequence[tuple[Any, ...]]) -> Block:
    place: dict[str, int] = {}
    for line in lines:
        for device in line[6]:
            place.setdefault(device, len(place))
    learnt = []
    for _, _, detector, name, unit, _, ids, *numbers in lines:
        at = np.array([place[device] for device in ids], np.intp)
        spread = np.full((len(numbers), len(place)), np.nan)
        spread[:, at] = numbers
        learnt.append(Learnt(detector, name, unit, *map(packed, spread)))
    return Block(kind, tuple(place), tuple(learnt))
