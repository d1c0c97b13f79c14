"""What a method remembers: arrays of shape (rows, series), by name; and averages that are plain means while young."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Bits = NDArray[np.bool_]
Memory = Mapping[str, F64]


def fresh(initial: Mapping[str, float], rows: int, series: int) -> dict[str, F64]:
    """A memory that has seen nothing."""
    return {name: np.full((rows, series), value) for name, value in initial.items()}


def share(passed: F64, tau: float, age: F64) -> F64:
    """Weight of the newest value in an average over `tau`: the plain mean's until `tau` has passed.

    Parameters
    ----------
    passed
        Time since the value before it.
    age
        Time since the first value, this one's included.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = np.where(age > 0, passed / age, 0.0)
    out: F64 = np.minimum(np.maximum(-np.expm1(-passed / tau), plain), 1.0)
    return out
