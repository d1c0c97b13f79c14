"""A job's report: the questions, asked side by side, and what follows from the answers."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from coldplate.console.context import Context
from coldplate.console.job.around import (
    Happened,
    Incident,
    Sharing,
    lost,
    read_events,
    read_incidents,
    read_sharing,
)
from coldplate.console.job.bands import Bands, read_bands
from coldplate.console.job.earlier import Earlier, read_earlier
from coldplate.console.job.energy import J_PER_KWH, Energy, energy, read_used
from coldplate.console.job.held import Held, read_held
from coldplate.console.job.measured import for_drawing, for_each
from coldplate.console.job.per_gpu import Measured, Straggler, read_each
from coldplate.console.job.spans import Job, find
from coldplate.console.querying import Answer, Asking, Limits
from coldplate.sinks.rollups import TIERS

LIMITS = Limits(rows=1_000_000)
"""A row a GPU and run."""

CONNECTIONS = 3
"""Asked at once: the server's other users keep some of it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Report:
    """All that is told of a job.

    Parameters
    ----------
    job, at_ms
        Which, as of when.
    bands, measured, held, energy
        Of its GPUs; None where nothing is kept.
    stragglers
        GPUs below the others, the slowest first.
    incidents, events, lost, sharing
        Around it.
    earlier
        The same user's jobs before; None where nobody told who ran it.
    took_s
        Until all was read.
    """

    job: Job
    at_ms: int
    bands: Bands | None
    measured: Measured | None
    held: Held | None
    energy: Energy
    stragglers: Sequence[Straggler]
    incidents: Sequence[Incident]
    events: Sequence[Happened]
    lost: Sequence[str]
    sharing: Sharing
    earlier: Earlier | None
    took_s: float

    @property
    def gpu_h(self) -> float:
        """GPU-hours."""
        return self.job.gpu_s / 3600

    @property
    def kwh(self) -> float | None:
        """Kilowatt hours of its GPUs."""
        return None if self.energy.used_j is None else self.energy.used_j / J_PER_KWH

    @property
    def power_w(self) -> float | None:
        """Mean power of a GPU of the time that was seen."""
        seen_s = self.job.gpu_s * self.energy.seen_ratio
        if self.energy.used_j is None or not seen_s or self.sharing.shares:
            return None if self.measured is None else self.measured.mean("power_w")
        return self.energy.used_j / seen_s

    @property
    def j_per_gpu_h(self) -> float | None:
        """Joules of a GPU and hour of the time that was seen."""
        return None if self.power_w is None else self.power_w * 3600

    @property
    def in_step_w(self) -> float | None:
        """What its feed would see if all GPUs swung in step, each as the median GPU does."""
        swing_w = None if self.measured is None else self.measured.median("swing_w")
        return None if swing_w is None else swing_w * len(self.job.gpus)

    def missing(self) -> list[str]:
        """What is not known, and why."""
        out = []
        job = self.job
        if job.unknown:
            out.append(
                f"{len(job.unknown)} of {len(job.gpus)} GPUs are not in the inventory; nothing is measured of them"
            )
        if not job.users:
            out.append("nobody told who ran it, so there are no earlier jobs to compare with")
        if self.energy.used_j is None and len(job.unknown) < len(job.gpus):
            days = ", ".join(f"{t.word} {t.days}" for t in TIERS)
            out.append(
                "no samples of its time are kept any more, or none came; "
                f"days for which rollups are kept unless configured otherwise: {days}"
            )
        elif self.bands is None and len(job.unknown) < len(job.gpus):
            out.append("it was too short for a bucket of the rollups to lie wholly within it")
        elif 0 < self.energy.seen_ratio < 0.99:
            out.append(
                f"samples of {100 * self.energy.seen_ratio:.1f} % of its GPU-time are kept; the rest is not in the energy"
            )
        return out


class _Connections:
    """A few connections that threads take in turn."""

    def __init__(self, context: Context, stack: ExitStack) -> None:
        self._free: SimpleQueue[Asking] = SimpleQueue()
        for _ in range(CONNECTIONS):
            self._free.put(stack.enter_context(closing(Asking(context, limits=LIMITS))))

    def query(self, sql: str, parameters: dict[str, Any] | None = None) -> Answer:
        """On one that is free."""
        with self._taken() as asking:
            return asking.query(sql, parameters)

    def ask(self, sql: str) -> Sequence[tuple[Any, ...]]:
        """Rows of SQL that is complete."""
        return self.query(sql).rows

    @contextmanager
    def _taken(self) -> Iterator[Asking]:
        asking = self._free.get()
        try:
            yield asking
        finally:
            self._free.put(asking)


def read_report(context: Context, name: str, at_ms: int | None = None) -> Report:
    """Ask for everything.

    Parameters
    ----------
    context
        Where the history is.
    name
        Of the job.
    at_ms
        As it was then; None for now.

    Raises
    ------
    Failure
        No job is called so, or the history cannot be asked.
    """
    began_s, now_ms = time.monotonic(), round(time.time() * 1000)
    until_ms = now_ms if at_ms is None else at_ms
    with ExitStack() as stack:
        with closing(Asking(context, limits=LIMITS)) as first:
            job = find(first, name, until_ms)
        to = _Connections(context, stack)
        pool = stack.enter_context(ThreadPoolExecutor(CONNECTIONS))

        def start(read: Callable[..., T], *given: Any) -> Future[T]:
            return pool.submit(read, *given)

        drawn, each = for_drawing(job.spans), for_each(job.spans)
        bands, measured = start(read_bands, to.ask, drawn), start(read_each, to.ask, each)
        used, held = (
            start(read_used, to.ask, job.spans),
            start(read_held, to.ask, job.spans, drawn, now_ms),
        )
        incidents, events = start(read_incidents, to.query, job), start(read_events, to.query, job)
        sharing, earlier = (
            start(read_sharing, to.query, job),
            start(read_earlier, to.query, to.ask, job),
        )
        figures, shares = measured.result(), sharing.result()
        return Report(
            job, until_ms, bands.result(), figures, held.result(),
            energy(job.spans, used.result(), figures, dict(shares.shares)),
            figures.stragglers() if figures else [], incidents.result(), events.result(),
            lost(incidents.result(), events.result(), job), shares, earlier.result(), time.monotonic() - began_s,
        )  # fmt: skip
