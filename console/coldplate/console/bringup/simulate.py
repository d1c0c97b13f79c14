"""Many bring-ups at once, drawn from the plan and from what was measured: when each rack comes through each step.

Racks wait in order before a step for one of its resource's units, work takes a drawn time, an attempt may fail: then the
rack keeps its unit (a rack in test keeps its power), may wait for a spare part, is mended and repeats the step. All runs
step side by side in arrays: a run is a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.console.bringup.measured import HOUR_MS, Measured
from coldplate.console.bringup.plan import Plan
from coldplate.console.bringup.states import HELD, WAY, WORK, Standing

F64 = NDArray[np.float64]

ATTEMPTS_MAX = 4
"""What failed so often is mended for good."""


@dataclass(frozen=True)
class Start:
    """Where racks stand when the forecast is made.

    Parameters
    ----------
    now_h
        Since the first delivery; 0 before it.
    done
        By rack, how many steps are behind it.
    reached_h
        Rack by state of the way, when it came to it; NaN for what is ahead or was not told.
    held
        By rack, whether it is held.
    """

    now_h: float
    done: NDArray[np.intp]
    reached_h: F64
    held: NDArray[np.bool_]

    @staticmethod
    def of_plan(plan: Plan) -> "Start":
        """Before the first rack."""
        shape = (plan.racks, len(WAY))
        return Start(0.0, np.zeros(plan.racks, np.intp), np.full(shape, np.nan), np.zeros(plan.racks, np.bool_))  # fmt: skip

    @staticmethod
    def of_racks(racks: Sequence[Standing], begin_ms: int, now_ms: int) -> "Start":
        """As racks stand."""
        reached = np.full((len(racks), len(WAY)), np.nan)
        for i, standing in enumerate(racks):
            for state, t_ms in standing.reached_ms.items():
                reached[i, WAY.index(state)] = (t_ms - begin_ms) / HOUR_MS
        done = np.array([s.done for s in racks], np.intp)
        held = np.array([s.state == HELD for s in racks])
        return Start(max(0.0, (now_ms - begin_ms) / HOUR_MS), done, reached, held)


def simulate(plan: Plan, start: Start, known: Measured, runs: int, seed: int) -> F64:
    """When each rack is accepted, hours since the begin: run by rack.

    Runs with one seed draw the same luck for each step, so that plans are compared rather than draws.
    """
    there = _delivered(plan, start, known, runs, np.random.default_rng([seed, 0]))
    for n, name in enumerate(WORK, 1):
        rng = np.random.default_rng([seed, n])
        there = _step(plan, name, n, there, start, known, rng)
    return there


def _delivered(
    plan: Plan, start: Start, known: Measured, runs: int, rng: np.random.Generator
) -> F64:
    """When racks are on the floor: those that came when they did, the others at their pace from the last one."""
    racks = len(start.done)
    came = start.reached_h[:, 1]
    out = np.broadcast_to(np.where(np.isnan(came), start.now_h, came), (runs, racks)).copy()
    waiting = np.flatnonzero(start.done == 0)
    if not len(waiting):
        return out
    gap_h = plan.between_minutes / 60
    if len(known.gaps_h):
        gaps = _resampled(known.gaps_h, (runs, len(waiting)), rng)
    else:
        gaps = gap_h * rng.gamma(4.0, 0.25, (runs, len(waiting)))
    last = float(np.nanmax(came)) if (start.done > 0).any() and not np.isnan(came).all() else None
    # One that is late by the plan comes at any moment.
    begin = 0.0 if last is None else last
    times = begin + np.cumsum(gaps, axis=1) - (gaps[:, :1] if last is None else 0.0)
    out[:, waiting] = np.maximum(times, start.now_h)
    return out


def _step(
    plan: Plan, name: str, n: int, there: F64, start: Start, known: Measured, rng: np.random.Generator
) -> F64:  # fmt: skip
    """When racks are through with a step; of those that are, when they were."""
    runs, racks = there.shape
    past = start.done > n
    reached = np.where(np.isnan(start.reached_h[:, n + 1]), start.now_h, start.reached_h[:, n + 1])
    out = np.broadcast_to(reached, (runs, racks)).copy()
    ahead = np.flatnonzero(~past)
    if not len(ahead):
        return out
    ready = there[:, ahead]
    order = np.argsort(ready, axis=1, kind="stable")
    ready = np.take_along_axis(ready, order, axis=1)
    work, extra, broken, needs = _luck(plan, name, known, runs, len(ahead), rng)
    resource = plan.step[name].resource
    units = plan.resource[resource] if resource else len(ahead)
    ended = np.sort(reached[past & ~np.isnan(start.reached_h[:, n + 1])])[-units:]
    free = np.full((runs, min(units, len(ahead) + len(ended))), -np.inf)
    free[:, : len(ended)] = ended[-free.shape[1] :]
    held = np.take((start.held & (start.done == n))[ahead], order)
    parts = _Parts(plan, name, known.failed.get(name, 0), runs)
    rework_h, again = plan.step[name].rework_h, plan.step[name].again_ratio
    rows = np.arange(runs)
    done = np.empty_like(ready)
    for k in range(ready.shape[1]):
        unit = free.argmin(axis=1)
        begun = np.maximum(ready[:, k], free[rows, unit])
        # A held rack has failed already: it is mended from now on.
        first = np.where(held[:, k], np.maximum(begun, start.now_h), begun + work[:, k])
        mend = extra[:, k] + np.where(held[:, k], rework_h + again * work[:, k], 0.0)
        end = first + parts.wait(needs[:, k], first, broken[:, k] | held[:, k]) + mend
        # What goes on now has not ended before now.
        late = end < start.now_h
        if late.any():
            end = np.where(late, start.now_h + work[:, k] * rng.uniform(0.0, 0.1, runs), end)
        free[rows, unit] = end
        done[:, k] = end
    put = np.empty_like(done)
    np.put_along_axis(put, order, done, axis=1)
    out[:, ahead] = put
    return out


def _luck(
    plan: Plan, name: str, known: Measured, runs: int, racks: int, rng: np.random.Generator
) -> tuple[F64, F64, NDArray[np.bool_], NDArray[np.intp]]:
    """Hours of the first attempt, hours more of failed ones without parts, whether there were any, and which part they need (-1: none)."""
    step = plan.step[name]
    if name in known.hours:
        work = _resampled(known.hours[name], (runs, racks), rng)
    else:
        # How well the estimate fits is not known either: a tenth, the same for all racks of a run.
        off = np.exp(rng.normal(0.0, 0.1, (runs, 1)))
        work = step.hours * off * np.exp(rng.normal(0.0, step.spread, (runs, racks)))
    weight = plan.prior_racks
    good = known.tried.get(name, 0) - known.failed.get(name, 0)
    a = step.fail_ratio * weight + known.failed.get(name, 0)
    b = (1.0 - step.fail_ratio) * weight + good
    rate = rng.beta(a, b, (runs, 1)) if a > 0 else np.zeros((runs, 1))
    again = work * step.again_ratio
    extra = np.zeros((runs, racks))
    fails, broken = np.ones((runs, racks), np.bool_), np.zeros((runs, racks), np.bool_)
    for _ in range(ATTEMPTS_MAX):
        fails &= rng.random((runs, racks)) < rate
        broken |= fails
        extra += np.where(fails, step.rework_h + again, 0.0)
    edges = np.cumsum([s.need_ratio for s in plan.spare.values() if s.step == name])
    needs = np.searchsorted(edges, rng.random((runs, racks)), side="right")
    return work, extra, broken, np.where(needs < len(edges), needs, -1)


def _resampled(values: F64, shape: tuple[int, int], rng: np.random.Generator) -> F64:
    """Drawn from what was measured, and for each run from a sample of that: how sure it is counts too."""
    runs, racks = shape
    base = values[rng.integers(len(values), size=(runs, len(values)))]
    return np.take_along_axis(base, rng.integers(len(values), size=(runs, racks)), axis=1)


class _Parts:
    """Spare parts of one step: the k-th that is needed is there from the begin, or comes on its day.

    Parameters
    ----------
    failed
        Attempts of the step that failed before now: each has used what failures use on average.
    """

    def __init__(self, plan: Plan, name: str, failed: int, runs: int) -> None:
        kinds = [s for s in plan.spare.values() if s.step == name]
        self._stock = np.array([s.stock for s in kinds])
        self._per_h = np.array([s.per_day / 24 for s in kinds])
        self._used = np.tile([failed * s.need_ratio for s in kinds], (runs, 1))

    def wait(self, needs: NDArray[np.intp], at_h: F64, broken: NDArray[np.bool_]) -> F64:
        """Hours from a failure until its part is there."""
        out = np.zeros(len(at_h))
        rows = np.flatnonzero(broken & (needs >= 0))
        if len(rows):
            kind = needs[rows]
            self._used[rows, kind] += 1
            missing = np.ceil(self._used[rows, kind] - self._stock[kind])
            comes = np.where(missing > 0, missing / self._per_h[kind], -np.inf)
            out[rows] = np.maximum(comes - at_h[rows], 0.0)
        return out
