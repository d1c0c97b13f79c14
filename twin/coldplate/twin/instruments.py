"""Instruments that are wrong: what a reading becomes while a sensor is stuck, drifts, spikes, drops out or is swapped."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.effects import SensorFault
from coldplate.wire.metric import CATALOGUE, Kind, metric

F64 = NDArray[np.float64]

SPIKE_EVERY = 5
"""One reading in five is off."""

_Key = tuple[Kind, int, int]


class Instruments:
    """Remembers what a stuck instrument read when it got stuck."""

    def __init__(self) -> None:
        self._stuck: dict[_Key, float] = {}
        self._reads = 0

    def spoil(self, kind: Kind, out: F64, faults: Sequence[SensorFault]) -> None:
        """Put faults into a reading of a kind, shape (metrics, devices), in place."""
        mine = [f for f in faults if f.kind is kind]
        self._reads += bool(mine)
        stuck: set[_Key] = set()
        true = out.copy() if any(f.mode == "swap" for f in mine) else out
        for fault in mine:
            for number in _numbers(fault):
                key = (kind, number, fault.row)
                if fault.mode == "stuck":
                    out[number, fault.row] = self._stuck.setdefault(key, out[number, fault.row])
                    stuck.add(key)
                else:
                    out[number, fault.row] = self._read(fault, number, out, true)
        for key in [k for k in self._stuck if k[0] is kind and k not in stuck]:
            del self._stuck[key]

    def _read(self, fault: SensorFault, number: int, out: F64, true: F64) -> float:
        value = float(out[number, fault.row])
        if fault.mode == "dropout":
            return float("nan")
        if fault.mode == "bias":
            return value + fault.amount
        if fault.mode == "gain":
            return value * (1.0 + fault.amount)
        if fault.mode == "spike":
            return value + (0.0 if self._reads % SPIKE_EVERY else fault.amount)
        other = metric(fault.kind, fault.other).number if fault.other else number
        return float(true[other, int(fault.amount)])


def _numbers(fault: SensorFault) -> list[int]:
    """Numbers of the metrics that a fault concerns; every one without a name."""
    if fault.metric:
        return [metric(fault.kind, fault.metric).number]
    return [m.number for m in CATALOGUE[fault.kind]]
