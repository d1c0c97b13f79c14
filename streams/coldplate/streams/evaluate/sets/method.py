"""How a method is run over a set: every file is a device of its own, its rows come in order, and nothing else is known."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.methods.memory import Memory

F64 = NDArray[np.float64]


class Method(Protocol):
    """A streaming method; the classes of `coldplate.streams.methods`, which the worker's detectors run too."""

    def memory(self, rows: int, series: int) -> dict[str, F64]:
        """A memory that has seen nothing."""

    def score(self, memory: Memory, t_s: F64, values: F64) -> F64:
        """Scores of values of shape (rows, series) at their times, shape (rows,); at or above 1 it fires."""


def scores(method: Method, t_s: Sequence[F64], values: Sequence[F64]) -> list[F64]:
    """The greatest score of each file's series, row by row.

    All files run side by side, as devices do in the worker; each has its own memory and its own time, so none knows of
    another, and one that has ended is silent.

    Parameters
    ----------
    t_s
        Of each file, shape (rows,).
    values
        Of each file, shape (rows, series).

    Returns
    -------
    scores
        Of each file, shape (rows,); 0 where the method cannot tell.
    """
    files, series = len(values), max(v.shape[1] for v in values)
    lengths = np.array([len(v) for v in values])
    memory, out = method.memory(files, series), [np.zeros(n) for n in lengths]
    now_s, row = np.zeros(files), np.full((files, series), np.nan)
    for i in range(int(lengths.max())):
        row[:] = np.nan
        running = np.flatnonzero(lengths > i).tolist()
        for file in running:
            now_s[file], row[file, : values[file].shape[1]] = t_s[file][i], values[file][i]
        found = np.nan_to_num(method.score(memory, now_s, row)).max(axis=1)
        for file in running:
            out[file][i] = found[file]
    return out
