"""Where a loop's flow is heading while pumps change speed: the flow of this instant is gone in the next.

Flow follows the speed of the fastest pump (affinity laws: Q ~ n), and a pump that starts or coasts approaches its
end exponentially. From three readings a second apart, n0, n1, n2, the end is Aitken's

    n_end = n2 + d2 r / (1 - r),   r = d2 / d1,   d1 = n1 - n0,  d2 = n2 - n1,   tau = -dt / ln r

A pump that has just begun to start tells nothing yet, not even whether it will get far: then nothing is said.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

STARTING_PER_S = 0.05
"""A pump that gains more than this share of the usual speed a second is still starting."""

STEADY_PER_S = 0.02
"""A speed that changes less is steady: 60 of 3,000 rpm, ten times a sensor's noise."""

RATIO_MAX = 0.9
"""Above it the end is further away than three readings can see."""


@dataclass(frozen=True, slots=True)
class Heading:
    """Flow goes to `ratio` times the flow of now, with a time constant of `tau_s`."""

    ratio: float
    tau_s: float


STAYS = Heading(1.0, 1.0)


def heading(pumps: Sequence[Sequence[float]], usual_rpm: float, step_s: float) -> Heading | None:
    """Where the flow is heading; None when that cannot be told yet.

    Parameters
    ----------
    pumps
        Of each pump its last three speeds, the newest last; a pump with an absent reading (NaN) is left out.
    usual_rpm
        What counts as full speed.
    step_s
        Seconds between readings.
    """
    told = [p for p in pumps if all(math.isfinite(n) for n in p)]
    if not told or usual_rpm <= 0:
        return STAYS
    per_s = usual_rpm * step_s
    if any(p[2] - p[1] > STARTING_PER_S * per_s for p in told):
        return None
    n0, n1, n2 = max(told, key=lambda p: p[2])
    d1, d2 = n1 - n0, n2 - n1
    if abs(d2) < STEADY_PER_S * per_s or n2 <= 0:
        return STAYS
    r = d2 / d1 if d1 else math.inf
    if not 0.0 < r < RATIO_MAX:
        return STAYS
    end = max(0.0, n2 + d2 * r / (1.0 - r))
    return Heading(end / n2, -step_s / math.log(r))
