"""What the history tells so far of each step: how long its work takes, how often it fails, how fast racks come.

A change of state tells when a rack was through with a step, not when its work began. Of a queue that is served in order
by `c` units the k-th rack begins when it is there and the unit of the one `c` before it is free, so its work took
`done_k - max(there_k, done_{k-c})`. Where no queue was, that is the whole time between two states.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from coldplate.console.bringup.plan import Plan
from coldplate.console.bringup.states import STEPS, WAY, Standing

F64 = NDArray[np.float64]
HOUR_MS = 3_600_000

MEASURED_MIN = 10
"""Fewer racks than this say less of a step than the plan does."""

LATEST_MAX = 400
"""So many of the newest: what crews have learnt counts."""


@dataclass(frozen=True)
class Measured:
    """Figures of the history.

    Parameters
    ----------
    hours
        By step, of each rack that passed it at the first attempt; only steps of which enough did.
    tried, failed
        By step, attempts that ended, and those of them that failed.
    gaps_h
        From delivery to delivery; empty when too few came.
    """

    hours: dict[str, F64] = field(default_factory=dict)
    tried: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    gaps_h: F64 = field(default_factory=lambda: np.zeros(0))


def measured(racks: Sequence[Standing], plan: Plan) -> Measured:
    """Of all racks together."""
    hours, tried, failed = {}, {}, {}
    for n, name in enumerate(STEPS):
        passed = [
            (s.reached_ms[WAY[n]], s.reached_ms[WAY[n + 1]], s.failed.get(name, 0))
            for s in racks if WAY[n] in s.reached_ms and WAY[n + 1] in s.reached_ms
        ]  # fmt: skip
        failed[name] = sum(s.failed.get(name, 0) for s in racks)
        tried[name] = len(passed) + failed[name]
        if name == STEPS[0] or len(passed) < MEASURED_MIN:
            continue
        resource = plan.step[name].resource
        worked = work_h(
            np.array([p[0] for p in passed], np.float64) / HOUR_MS,
            np.array([p[1] for p in passed], np.float64) / HOUR_MS,
            plan.resource[resource] if resource else None,
        )
        first = worked[np.array([p[2] == 0 for p in passed])]
        if len(first) >= MEASURED_MIN:
            hours[name] = first[-LATEST_MAX:]
    came = np.sort([s.reached_ms[WAY[1]] for s in racks if WAY[1] in s.reached_ms]) / HOUR_MS
    gaps = np.diff(came[-LATEST_MAX:])
    return Measured(hours, tried, failed, gaps if len(gaps) >= MEASURED_MIN else np.zeros(0))


def work_h(there_h: F64, done_h: F64, units: int | None) -> F64:
    """Time of the work itself, in order of being done.

    Parameters
    ----------
    there_h, done_h
        By rack, when it was ready for the step, and through with it.
    units
        That work side by side; None where nobody waits.

    Examples
    --------
    Three racks come at once to one unit that takes an hour:

    >>> work_h(np.zeros(3), np.array([1.0, 2.0, 3.0]), 1).tolist()
    [1.0, 1.0, 1.0]
    """
    order = np.argsort(done_h, kind="stable")
    there, done = there_h[order], done_h[order]
    begun = there.copy()
    if units is not None and len(done) > units:
        begun[units:] = np.maximum(there[units:], done[:-units])
    return np.maximum(done - begun, 0.0)
