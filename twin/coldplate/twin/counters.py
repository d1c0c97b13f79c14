"""Counters that a GPU's driver keeps, moved on once a second by what faults do to them."""

import numpy as np

from coldplate.twin.effects import Effects

NAMES = ("ecc_corrected_total", "ecc_uncorrected_total", "pcie_replay_total", "nvlink_errors_total")


class Counters:
    """Totals of all GPUs since the driver was loaded.

    Parameters
    ----------
    gpus
        How many.
    """

    def __init__(self, gpus: int) -> None:
        self.total = {name: np.zeros(gpus) for name in NAMES}
        self.loaded_s = np.zeros(gpus)
        """When the driver of each was last loaded, seconds of the run."""
        self._reset = np.zeros(gpus, np.bool_)

    def second(self, effects: Effects, now_s: float) -> None:
        """A second has passed."""
        for name in NAMES:
            rate = getattr(effects, name.replace("_total", "_per_s"))
            if rate.any():
                self.total[name] += rate
        begun = effects.counters_reset & ~self._reset
        if begun.any():
            self.loaded_s[begun] = now_s
            for total in self.total.values():
                total[begun] = 0.0
        self._reset = effects.counters_reset
