"""When the bring-up is over, how sure that is, what holds it up most, and what more of something would bring.

Monte Carlo: `runs` bring-ups of simulate.py. The finish of a run is when the plan's share of racks is accepted; the
bottleneck is the resource of which one unit more makes the median finish earliest. Every what-if is drawn with the
seed of the whole, so that the difference is the change's and not chance's; where no change is longer than chance's
share, there is no bottleneck.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from coldplate.console.bringup.measured import F64, Measured
from coldplate.console.bringup.plan import DELIVERY, Plan
from coldplate.console.bringup.simulate import Start, simulate
from coldplate.console.bringup.whatif import SPARES, changed

RUNS, RUNS_WHAT_IF = 300, 100
DAYS_MAX = 400

GAIN_H = 0.5
"""A what-if that moves the median by less moves nothing."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What a change would bring.

    Parameters
    ----------
    change
        As `--with` takes it.
    finish_p50_day
        With it.
    gain_days
        By how much the median finish is earlier; negative: later.
    """

    change: str
    finish_p50_day: float
    gain_days: float


@dataclass(frozen=True)
class Forecast:
    """Of a bring-up.

    Parameters
    ----------
    accepted_day
        When each rack is accepted, days since the begin, sorted in each run: run by rack.
    each_day
        The same, in the racks' own order.
    ready_ratio
        Share of racks of which the finish is.
    gpus_per_rack
        Mean of the racks.
    bottleneck
        A resource; None where none holds it up.
    sensitivities
        The most useful first.
    """

    accepted_day: F64
    each_day: F64
    ready_ratio: float
    gpus_per_rack: float
    bottleneck: str | None = None
    sensitivities: tuple[Sensitivity, ...] = field(default=())

    def finish_day(self, share: float) -> float:
        """Quantile of the finish, days since the begin."""
        return float(np.quantile(finishes(self.accepted_day, self.ready_ratio), share))

    def racks(self, day: float, share: float) -> float:
        """Quantile of racks that are accepted by a day."""
        return float(np.quantile((self.accepted_day <= day).sum(axis=1), share))

    def gpus(self, day: float, share: float) -> float:
        """Quantile of their GPUs."""
        return self.racks(day, share) * self.gpus_per_rack

    def by_day(self, share: float) -> list[int]:
        """GPUs at the end of each day, from the first to that of the 90 % finish."""
        last = min(max(1, math.ceil(self.finish_day(0.9))), DAYS_MAX)
        return [round(self.gpus(day, share)) for day in range(1, last + 1)]

    def told(self) -> dict[str, Any]:
        """For a program."""
        return {
            "finish_p50_day": round(self.finish_day(0.5), 2), "finish_p90_day": round(self.finish_day(0.9), 2),
            "bottleneck": self.bottleneck, "gpus_by_day": self.by_day(0.5), "gpus_by_day_p10": self.by_day(0.1),
            "gpus_by_day_p90": self.by_day(0.9),
            "sensitivities": [
                {"change": s.change, "finish_p50_day": round(s.finish_p50_day, 2), "gain_days": round(s.gain_days, 2)}
                for s in self.sensitivities
            ],
        }  # fmt: skip


def finishes(accepted: F64, ready_ratio: float) -> F64:
    """Of each run, when so large a share of its racks is accepted; racks sorted in each run."""
    racks = accepted.shape[1]
    return accepted[:, min(racks, max(1, math.ceil(ready_ratio * racks - 1e-9))) - 1]


def forecast(
    plan: Plan, start: Start | None = None, known: Measured | None = None, *, runs: int = RUNS, seed: int = 1,
    what_ifs: bool = True, runs_what_if: int = RUNS_WHAT_IF, gpus_per_rack: float | None = None, tell: Callable[[str, float], None] = lambda *_: None,
) -> Forecast:  # fmt: skip
    """Of a plan, or of a bring-up that is on its way.

    Parameters
    ----------
    start, known
        Where racks stand and what was measured; None before the first rack.
    runs, seed
        How many bring-ups are drawn, and from which seed.
    what_ifs
        Whether sensitivities and bottleneck are asked for.
    runs_what_if
        Bring-ups that are drawn for each of these.
    gpus_per_rack
        Mean of the racks there are; None takes the plan's.
    tell
        Is told what is done, and which share of all is.
    """
    start, known = start or Start.of_plan(plan), known or Measured()
    tell("drawing bring-ups", 0.0)
    each = simulate(plan, start, known, runs, seed) / 24
    accepted = np.sort(each, axis=1)
    found: list[Sensitivity] = []
    if what_ifs:
        few = min(runs, runs_what_if)
        base = _median(plan, start, known, few, seed)
        changes = list(usual(plan))
        for n, change in enumerate(changes):
            tell(f"what if {change}", (n + 1) / (len(changes) + 1))
            other = _median(changed(plan, [change]), start, known, few, seed)
            found.append(Sensitivity(change, other, base - other))
        found.sort(key=lambda s: -s.gain_days)
    gpus = plan.gpus_per_rack if gpus_per_rack is None else gpus_per_rack
    return Forecast(accepted, each, plan.ready_ratio, gpus, _bottleneck(found), tuple(found))


def _median(plan: Plan, start: Start, known: Measured, runs: int, seed: int) -> float:
    accepted = np.sort(simulate(plan, start, known, runs, seed) / 24, axis=1)
    return float(np.median(finishes(accepted, plan.ready_ratio)))


def usual(plan: Plan) -> Iterator[str]:
    """Changes that are always asked for: a unit more of each resource, a tenth more deliveries, half and twice the spares."""
    yield from (f"{name}=+1" for name in plan.resource)
    yield f"{DELIVERY}=+10%"
    yield f"{SPARES}=-50%"
    yield from (f"{name}=+100%" for name in plan.spare)


def _bottleneck(found: list[Sensitivity]) -> str | None:
    best = next((s for s in found if not s.change.startswith(SPARES)), None)
    return best.change.partition("=")[0] if best is not None and best.gain_days * 24 >= GAIN_H else None  # fmt: skip
