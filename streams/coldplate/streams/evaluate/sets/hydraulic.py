"""The hydraulic rig: a change of the cooler must show, and nothing else's.

Four temperatures at 1 Hz in load cycles of 60 s. Found is a change of the cooler's condition with an alarm within three
cycles; any other alarm after 30 cycles of warm-up is false, though pump, valve and accumulator change meanwhile.

References
----------
Helwig, Pignanelli, Schuetze: Condition monitoring of a complex hydraulic system (2015); UCI 447.
"""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.evaluate.sets.method import F64, Method, scores
from coldplate.streams.evaluate.sets.skab import SetError

SERIES = ("TS1", "TS2", "TS3", "TS4")
CYCLE_S = 60
WITHIN_CYCLES = 3
WARM_UP_CYCLES = 30


@dataclass(frozen=True, slots=True)
class Rig:
    """The recording.

    Parameters
    ----------
    temperature_c
        Shape (cycles, seconds of a cycle, series).
    cooler_percent
        Condition of the cooler in each cycle.
    """

    temperature_c: F64
    cooler_percent: F64


def read(folder: Path) -> Rig:
    """TS1 to TS4 and profile.

    Raises
    ------
    SetError
    """
    series = [_table(folder, name) for name in SERIES]
    profile = _table(folder, "profile")
    if len({len(s) for s in (*series, profile)}) != 1:
        raise SetError(f"{folder}: files of different numbers of cycles")
    return Rig(np.stack(series, axis=-1), profile[:, 0])


def _table(folder: Path, name: str) -> F64:
    for path in (folder / f"{name}.txt.gz", folder / f"{name}.txt"):
        if path.exists():
            opened = gzip.open if path.suffix == ".gz" else open
            try:
                with opened(path, "rt", encoding="utf-8") as file:
                    return np.loadtxt(file, ndmin=2)
            except (OSError, ValueError) as error:
                raise SetError(f"{path}: {error}") from None
    raise SetError(f"{folder}: no {name}.txt or {name}.txt.gz in it")


def run(rig: Rig, method: Method) -> NDArray[np.bool_]:
    """Whether a method that sees the means of each cycle fires in it."""
    t_s: F64 = np.arange(len(rig.temperature_c), dtype=np.float64) * CYCLE_S
    means: F64 = rig.temperature_c.mean(axis=1)
    return scores(method, [t_s], [means])[0] >= 1.0


def score(rig: Rig, fired: NDArray[np.bool_]) -> dict[str, Any]:
    """`changes`, `found`, `delay_cycles` (of the slowest that was found), `false_pages`.

    An alarm is where the decision begins to hold; what holds on is the same alarm.
    """
    begins = np.flatnonzero(fired & ~np.concatenate([[False], fired[:-1]]))
    begins = begins[begins >= WARM_UP_CYCLES]
    changed = np.flatnonzero(np.diff(rig.cooler_percent) != 0) + 1
    delays = []
    for cycle in changed[changed >= WARM_UP_CYCLES].tolist():
        near = begins[(begins >= cycle) & (begins < cycle + WITHIN_CYCLES)]
        if len(near):
            delays.append(int(near[0]) - cycle)
            begins = begins[(begins < cycle) | (begins >= cycle + WITHIN_CYCLES)]
    return {
        "changes": int((changed >= WARM_UP_CYCLES).sum()),
        "found": len(delays),
        "delay_cycles": max(delays, default=None),
        "false_pages": len(begins),
    }
