"""What a worker's racks draw in one tick: a record of `coldplate.racks`, from which the cluster is added up."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from coldplate.wire.errors import Reason, WireError

_NUMBER = np.dtype("<f4")


class Totals(msgspec.Struct, frozen=True, array_like=True):
    """One worker's racks at one tick.

    Parameters
    ----------
    cluster, worker
        Whose, and who says so.
    t_ms
        The tick, Unix milliseconds.
    racks
        Their ids.
    power_w
        Float32, little-endian, one a rack; NaN where nobody knows.
    """

    cluster: str
    worker: str
    t_ms: int
    racks: tuple[str, ...]
    power_w: bytes

    @staticmethod
    def of(
        cluster: str, worker: str, t_ms: int, racks: Sequence[str], power_w: NDArray[np.float64]
    ) -> "Totals":
        """A record of numbers."""
        return Totals(cluster, worker, t_ms, tuple(racks), power_w.astype(_NUMBER).tobytes())

    def power(self) -> NDArray[np.float64]:
        """Power of each rack, W; shape (racks,).

        Raises
        ------
        WireError
            As many numbers as racks it has not.
        """
        if len(self.power_w) != _NUMBER.itemsize * len(self.racks):
            raise WireError(
                Reason.BAD_LAYOUT,
                f"{len(self.power_w)} bytes are not the power of {len(self.racks)} racks",
            )
        return np.frombuffer(self.power_w, _NUMBER).astype(np.float64)
