"""The thermal resistance of a GPU's cold plate, estimated from what one node sees.

With the coolant's supply temperature it is (GPU - supply) / power. Without, the GPU's own idle state stands for the
coolant: (GPU - GPU idle) / (power - power idle), which is lower by what the chip adds between the two states and differs
from the first by some percent; so each estimate says against what it is.
"""

from collections import deque
from dataclasses import dataclass
from math import isnan
from typing import Literal

MEAN_S = 10.0
"""Over which temperature and power are taken, since one lags behind the other by seconds."""

STEADY_S = 5.0
"""Less than this tells nothing: the temperature may still be on its way."""

STEADY_RATIO = 0.1
"""By so much power may differ from one half of the time to the other."""

IDLE_S = 20.0
"""A GPU that did nothing for so long has cooled down."""

POWER_MIN_W = 150.0
"""Below this (over idle), a degree more or less would be a third of the estimate."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One estimate.

    Parameters
    ----------
    k_per_w
        Kelvin per watt.
    against
        Which temperature stands for the coolant.
    """

    k_per_w: float
    against: Literal["supply", "idle"]


class Resistance:
    """Follows one GPU."""

    def __init__(self) -> None:
        self._lately: deque[tuple[float, float, float]] = deque()
        self._idle: tuple[float, float] | None = None
        self._idle_since_s: float | None = None

    def take(self, t_s: float, gpu_c: float, power_w: float, util_ratio: float) -> None:
        """Take a tick's readings; NaN where absent."""
        if isnan(gpu_c) or isnan(power_w):
            self._lately.clear()
            self._idle_since_s = None
            return
        self._lately.append((t_s, gpu_c, power_w))
        while self._lately and not 0 <= t_s - self._lately[0][0] <= MEAN_S:
            self._lately.popleft()
        if util_ratio != 0:
            self._idle_since_s = None
        elif self._idle_since_s is None:
            self._idle_since_s = t_s
        elif t_s - self._idle_since_s >= IDLE_S:
            self._idle = self._mean()

    def estimate(self, supply_c: float | None) -> Estimate | None:
        """The estimate now; None at low or changing power, or with nothing to hold it against."""
        coolant = (supply_c, 0.0) if supply_c is not None else self._idle
        if coolant is None or not self._steady():
            return None
        gpu_c, power_w = self._mean()
        over_c, over_w = gpu_c - coolant[0], power_w - coolant[1]
        if over_w < POWER_MIN_W or over_c <= 0:
            return None
        return Estimate(over_c / over_w, "idle" if supply_c is None else "supply")

    def _steady(self) -> bool:
        lately = self._lately
        if not lately or lately[-1][0] - lately[0][0] < STEADY_S:
            return False
        middle_s = (lately[0][0] + lately[-1][0]) / 2
        before = [w for t, _, w in lately if t <= middle_s]
        after = [w for t, _, w in lately if t > middle_s]
        first_w, last_w = sum(before) / len(before), sum(after) / len(after)
        return abs(last_w - first_w) <= STEADY_RATIO * max(first_w, last_w)

    def _mean(self) -> tuple[float, float]:
        n = len(self._lately)
        return sum(c for _, c, _ in self._lately) / n, sum(w for _, _, w in self._lately) / n
