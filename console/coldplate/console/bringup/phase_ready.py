"""Whether the first training phase is ready, with how many GPUs, and when the next will be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coldplate.console.bringup import contiguous
from coldplate.console.bringup.forecast import Forecast
from coldplate.console.bringup.plan import Plan
from coldplate.console.bringup.states import TRAINING, Standing


@dataclass(frozen=True, slots=True)
class Phase:
    """A training phase: GPUs that are accepted, contiguous and free.

    Parameters
    ----------
    ready
        Whether the largest set has what the plan's phase needs.
    gpus
        Of the largest set.
    next_gpus
        Of what is waited for: the plan's phase, or, where that is ready, its next multiple; None where no line of racks is
        so long.
    p50_day, p90_day
        When that will be there, days since the begin; None without a forecast.
    """

    ready: bool
    gpus: int
    next_gpus: int | None
    p50_day: float | None = None
    p90_day: float | None = None


def phase_of(
    plan: Plan, racks: Sequence[Standing], names: Sequence[str], largest: contiguous.Run | None, forecast: Forecast | None
) -> Phase:  # fmt: skip
    """Of racks as they stand.

    Parameters
    ----------
    names
        By rack, its line (contiguous.py).
    largest
        The largest set of now.
    forecast
        Whose racks are these, in this order; None, or one of other racks, tells of no day.
    """
    gpus = 0 if largest is None else largest.gpus
    ready = gpus >= plan.phase_gpus
    wanted = (gpus // plan.phase_gpus + 1) * plan.phase_gpus
    # A rack that trains already is no part of another set.
    own = [0 if s.state == TRAINING else s.gpus or plan.gpus_per_rack for s in racks]
    most = max(
        (sum(own[a : b + 1]) for a, b in contiguous.runs(names, lambda n: own[n] > 0)), default=0
    )
    if most < wanted:
        return Phase(ready, gpus, None)
    if forecast is None or forecast.each_day.shape[1] != len(racks):
        return Phase(ready, gpus, wanted)
    days = contiguous.when(names, own, forecast.each_day, wanted)
    if days is None:
        return Phase(ready, gpus, wanted)
    p50, p90 = (float(v) for v in np.quantile(days, [0.5, 0.9]))
    return Phase(ready, gpus, wanted, p50, p90)
