"""Counters that a GPU's driver keeps, moved on once a second by what faults do to them."""

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.effects import Effects

LOADED_DAYS = (1.0, 30.0)
"""How long before the run a node's driver was loaded: nodes are serviced one by one."""

WORKED_W, WORKED_SPREAD = 450.0, 0.05
"""Mean power since then, and how far GPUs of a node are from it."""

NAMES = ("ecc_corrected_total", "ecc_uncorrected_total", "pcie_replay_total", "nvlink_errors_total")


class Counters:
    """Totals of all GPUs since the driver was loaded.

    Parameters
    ----------
    node_of_gpu
        Which node each is in.
    seed
        The same gives the same past.
    """

    def __init__(self, node_of_gpu: NDArray[np.intp], seed: int) -> None:
        gpus = len(node_of_gpu)
        self.total = {name: np.zeros(gpus) for name in NAMES}
        self.before_j = _worked_j(node_of_gpu, seed)
        """What the energy meter of each read at the start."""
        self.loaded_s = np.zeros(gpus)
        """When the driver of each was last loaded, seconds of the run."""
        self._reset = np.zeros(gpus, np.bool_)

    def second(self, effects: Effects, now_s: float, energy_j: NDArray[np.float64]) -> None:
        """A second has passed; `energy_j` is what each GPU has taken since the start."""
        for name in NAMES:
            rate = getattr(effects, name.replace("_total", "_per_s"))
            if rate.any():
                self.total[name] += rate
        begun = effects.counters_reset & ~self._reset
        if begun.any():
            self.loaded_s[begun] = now_s
            self.before_j[begun] = -energy_j[begun]
            for total in self.total.values():
                total[begun] = 0.0
        self._reset = effects.counters_reset


def _worked_j(node_of_gpu: NDArray[np.intp], seed: int) -> NDArray[np.float64]:
    """Meters of a hall in use: no two are alike. Drawn apart, so that nothing else of a run depends on it."""
    random = np.random.default_rng([seed, len(node_of_gpu)])
    loaded_s = 86_400.0 * random.uniform(*LOADED_DAYS, int(node_of_gpu.max(initial=-1)) + 1)
    each = 1.0 + WORKED_SPREAD * random.standard_normal(len(node_of_gpu))
    return WORKED_W * loaded_s[node_of_gpu] * each
