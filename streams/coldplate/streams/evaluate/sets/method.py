"""What a method must offer to be tried on a public set: one row in, one score out, in order of time."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


class Method(Protocol):
    """A streaming method over several series of one device; new for each file."""

    def update(self, t_s: float, row: F64) -> float:
        """The score of a row at its time; at or above 1 it holds the device for faulty.

        Rows come in order of time. Nothing else is known: neither labels, nor how long the file is, nor which row.
        """
