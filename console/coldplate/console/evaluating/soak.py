"""Healthy halls, many of them: every page is a false one.

A seed draws a hall's jobs, its weather and its water, and what happens in it that only looks like a fault: jobs that
start, stop and checkpoint, nodes that are drained and updated, pumps that change over, filters that are changed,
counters that begin anew, a warmer season. A tick is a second, as it is live: the methods count on it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, Literal

import numpy as np
from msgspec.structs import replace

from coldplate.console.evaluating.hall import LiveHall
from coldplate.console.evaluating.kept import Kept, Work, finished
from coldplate.console.evaluating.twin import START_MS
from coldplate.streams.detectors import parameters_sha
from coldplate.streams.evaluate.label import Label
from coldplate.streams.evaluate.report import DAY_S, Run, report
from coldplate.twin.collector import TwinCollector
from coldplate.twin.fault import Fault
from coldplate.twin.faults.library import KINDS
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario
from coldplate.twin.work import Job
from coldplate.wire.fault import looks_alike
from coldplate.wire.inventory import Inventory

Pattern = Literal["steady", "steps", "zeros", "memory"]

RACKS = 256
"""Larger halls cost hardly less a GPU, and more memory: docs/evaluation.md has the figures."""

PER_RACK_HOUR = 0.5
"""Look-alikes; a real hall sees one a week."""

SORTS = {"gpu": 8.0, "node": 8.0, "cdu": 8.0, "rack": 4.0, "row": 1.0, "hall": 0.25}
"""Of the devices that a kind of look-alike can befall, how often which."""

STEP_TICKS = 5
"""Frames of five ticks are judged together: what is said is the same, and costs half."""

_FIRST_S = 120.0
_JOB_RACKS = (1, 2, 4, 8, 16, 32, 64)
_IDLE_SHARE = 0.05
_PATTERNS: tuple[Pattern, ...] = ("steps", "steps", "steady", "memory", "zeros")
RAMP_S_MAX = 60.0


def works(gpu_days: float, racks: int, seconds: float, first_seed: int) -> list[Work]:
    """So many halls that together they have the GPU-days."""
    gpus = len(Scenario(racks=racks).inventory().of_kind("gpu"))
    evaluate = partial(evaluate_soak, racks=racks)
    return [
        Work(f"soak-{racks}-racks", first_seed + n, seconds, evaluate)
        for n in range(ceil(gpu_days / (gpus * seconds / DAY_S)))
    ]


def pooled(
    folder: Path, runs: Sequence[Work], processes: int = 1, tell: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:  # fmt: skip
    """Figures of all halls together; `tell` is told after each how many are done."""
    kept: list[Kept] = []
    for one in finished(folder, runs, processes):
        kept.append(one)
        tell(len(kept))
    figures = report([k.run for k in kept])
    told = (
        "false_pages", "gpu_days", "false_pages_per_100k_gpu_days",
        "false_pages_per_100k_gpu_days_upper95", "look_alikes", "look_alikes_paged",
    )  # fmt: skip
    cpu_s = sum(k.cpu_s for k in kept)
    return {
        **{name: figures[name] for name in told},
        "halls": len(kept),
        "seeds": sorted(k.seed for k in kept),
        "pages": [_page(k, n) for k in kept for n in range(len(k.run.matching.false))],
        "cpu_s": round(cpu_s),
        "gpu_days_per_cpu_hour": round(3600.0 * figures["gpu_days"] / cpu_s) if cpu_s else None,
        "revisions": Counter(k.revision for k in kept),
        "parameters_sha": parameters_sha(),
    }


def _page(kept: Kept, number: int) -> dict[str, Any]:
    said, near = kept.run.matching.false[number]
    return {
        "seed": kept.seed, "at_s": (said.opened_ms - START_MS) / 1000, "kind": said.kind,
        "subject": said.subject, "severity": said.severity, "look_alike": near and near.kind,
    }  # fmt: skip


def hall_of(seed: int, racks: int, seconds: float) -> Scenario:
    """The hall of a seed."""
    random = np.random.default_rng(seed)
    scenario = Scenario(
        racks=racks, seed=seed, duration_s=seconds,
        supply_c=round(random.uniform(25.0, 38.0), 1), outdoor_c=round(random.uniform(5.0, 20.0), 1),
        start_day=round(random.uniform(0.0, 365.0), 2), jobs=tuple(_jobs(random, racks, seconds)),
    )  # fmt: skip
    return replace(scenario, faults=_look_alikes(random, scenario.inventory(), seconds))


def evaluate_soak(seed: int, seconds: float, racks: int = RACKS) -> tuple[Run, None]:
    """Run the hall of a seed through detection; its look-alikes are the only labels."""
    scenario = hall_of(seed, racks, seconds)
    collector = TwinCollector(Hall(scenario))
    live = LiveHall(collector, collector.hall.inventory, step_ticks=STEP_TICKS)
    for tick in range(round(seconds)):
        live.tick(START_MS // 1000 + tick)
    labels = [
        Label(
            f"look-alike-{n}", f.kind, f.subject, _ms(f.at_s - (f.lead_s or 0.0)),
            end_ms=_ms(f.at_s if f.end_s is None else f.end_s),
        )
        for n, f in enumerate(scenario.faults)
    ]  # fmt: skip
    return live.run(labels), None


def _ms(t_s: float) -> int:
    return START_MS + round(1000 * t_s)


def _jobs(random: np.random.Generator, racks: int, seconds: float) -> Iterator[Job]:
    """Racks side by side get a job of some size; a third of the jobs end, and another follows."""
    first = number = 0
    while first < racks:
        last = min(racks, first + int(random.choice(_JOB_RACKS)))
        on = tuple(f"rack-{r:04d}" for r in range(first, last))
        first = last
        if random.random() < _IDLE_SHARE:
            continue
        end_s = round(random.uniform(0.2, 0.8) * seconds, 1) if random.random() < 1 / 3 else None
        yield _job(random, number := number + 1, on, 0.0, end_s)
        if end_s is not None:
            start_s = round(end_s + RAMP_S_MAX + random.uniform(5.0, 200.0), 1)
            yield _job(random, number := number + 1, on, start_s, None)


def _job(
    random: np.random.Generator, number: int, on: tuple[str, ...], start_s: float, end_s: float | None
) -> Job:  # fmt: skip
    period_s = round(random.uniform(0.8, 6.0), 2)
    return Job(
        number, on, start_s, end_s, pattern=_PATTERNS[random.integers(len(_PATTERNS))],
        period_s=period_s, compute_s=round(random.uniform(0.5, 0.9) * period_s, 2),
        ramp_s=round(random.uniform(1.0, RAMP_S_MAX), 1),
        checkpoint_every_s=round(random.uniform(300.0, 3600.0)), checkpoint_s=round(random.uniform(10.0, 90.0)),
    )  # fmt: skip


def _look_alikes(
    random: np.random.Generator, inventory: Inventory, seconds: float
) -> tuple[Fault, ...]:
    """So many an hour, of any kind, anywhere; they may meet, as in life."""
    kinds = [k for k in KINDS.values() if looks_alike(k.name)]
    of_sort = {sort: inventory.of_kind(sort) for sort in SORTS}
    count = random.poisson(PER_RACK_HOUR * len(of_sort["rack"]) * seconds / 3600.0)
    out = []
    for _ in range(count):
        kind = kinds[random.integers(len(kinds))]
        weights = np.array([SORTS[sort] for sort in kind.on])
        at = of_sort[kind.on[random.choice(len(weights), p=weights / weights.sum())]]
        at_s = round(random.uniform(_FIRST_S + kind.lead_s, seconds), 1)
        subject = at[random.integers(len(at))].id
        end_s = round(at_s + kind.ramp_s + kind.hold_s, 1)
        severity = round(random.random(), 3)
        out.append(Fault(kind.name, subject, at_s, end_s, severity=severity))
    return tuple(out)
