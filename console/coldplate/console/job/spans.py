"""Which GPUs a job had, from when to when, and who ran it; a job that is not known is answered with those near it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.querying import Asking
from coldplate.sinks.webhooks.telling.plain import clean

GAP_MS = 60_000
"""Agents tell of a job a few seconds apart; a job without any GPU for longer than this has run anew."""

NEAR_JOBS, LAST_JOBS = 5000, 5

_OF_JOB = "gpu IN (SELECT gpu FROM job_spans WHERE job = %(job)s) AND job = %(job)s"
_TOLD = f"""
SELECT gpu, toUnixTimestamp64Milli(since), toUnixTimestamp64Milli(until), user, shared
FROM job_spans FINAL WHERE {_OF_JOB}
"""
# Whose end nobody told ends where the view finds out; its windows are dear, so it is asked only then.
_WORKED_OUT = f"""
SELECT gpu, toUnixTimestamp64Milli(since), toUnixTimestamp64Milli(until), user, 0
FROM job_gpus WHERE {_OF_JOB}
"""
_PLACES = """
SELECT id, device, node, rack FROM inventory FINAL
WHERE kind = 'gpu' AND id IN (SELECT gpu FROM job_spans WHERE job = %(job)s)
"""
_LAST = """
SELECT job, max(user), max(since) AS began FROM job_spans GROUP BY job ORDER BY began DESC, job LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Span:
    """A GPU and unbroken time of a job.

    Parameters
    ----------
    gpu, node, rack
        Ids; node and rack are empty where the inventory does not have the GPU.
    device
        Its key in the samples; None where the inventory does not have it.
    begin_ms, end_ms
        From when to when; a span that goes on ends now.
    """

    gpu: str
    device: int | None
    node: str
    rack: str
    begin_ms: int
    end_ms: int

    @property
    def length_s(self) -> float:
        """How long."""
        return (self.end_ms - self.begin_ms) / 1000


@dataclass(frozen=True, slots=True)
class Job:
    """One job.

    Parameters
    ----------
    name, users
        What the scheduler calls it; who ran it, the newest first, empty where nobody told.
    spans
        At least one.
    running
        Whether it has a GPU at the time of the report.
    shared
        Whether others were told to have its GPUs too.
    """

    name: str
    users: Sequence[str]
    spans: Sequence[Span]
    running: bool
    shared: bool

    @property
    def begin_ms(self) -> int:
        """When it had its first GPU."""
        return min(s.begin_ms for s in self.spans)

    @property
    def end_ms(self) -> int:
        """When its last GPU was free, or now."""
        return max(s.end_ms for s in self.spans)

    @property
    def gpus(self) -> list[str]:
        """Ids, each once."""
        return sorted({s.gpu for s in self.spans})

    @property
    def nodes(self) -> list[str]:
        """Ids of those known, each once."""
        return sorted({s.node for s in self.spans if s.node})

    @property
    def racks(self) -> list[str]:
        """Ids of those known, each once."""
        return sorted({s.rack for s in self.spans if s.rack})

    @property
    def unknown(self) -> list[str]:
        """GPUs that the inventory does not have: nothing is measured of them."""
        return sorted({s.gpu for s in self.spans if s.device is None})

    @property
    def gpu_s(self) -> float:
        """Seconds of all GPUs together."""
        return sum(s.length_s for s in self.spans)

    def runs(self) -> list[tuple[int, int]]:
        """Times in which it had any GPU; a second one is a restart, or an id that was used again."""
        out: list[tuple[int, int]] = []
        for begin, end in sorted((s.begin_ms, s.end_ms) for s in self.spans):
            if out and begin <= out[-1][1] + GAP_MS:
                out[-1] = (out[-1][0], max(end, out[-1][1]))
            else:
                out.append((begin, end))
        return out


def find(asking: Asking, name: str, at_ms: int) -> Job:
    """A job as it was then.

    Raises
    ------
    Failure
        No job is called so (near ones are named), it began later, or the history cannot be asked.
    """
    given = {"job": name}
    rows = asking.query(_TOLD, given).rows
    if not rows:
        raise Failure(_near(asking, name), BAD_INPUT)
    shared = any(r[4] for r in rows)
    if any(r[2] is None for r in rows):
        rows = asking.query(_WORKED_OUT, given).rows
    begun = [r for r in rows if r[1] < at_ms]
    if not begun:
        raise Failure(f"job {clean(name, 80)!r} had not begun then; leave --at out", BAD_INPUT)
    places = {str(r[0]): r[1:] for r in asking.query(_PLACES, given).rows}
    by_age = sorted(begun, key=lambda r: -r[1])
    return Job(
        name, list(dict.fromkeys(str(r[3]) for r in by_age if r[3])), _spans(begun, places, at_ms),
        any(r[2] is None or r[2] > at_ms for r in begun), shared,
    )  # fmt: skip


def _spans(
    rows: Sequence[Sequence[Any]], places: Mapping[str, Sequence[Any]], at_ms: int
) -> list[Span]:
    """What was told twice (by an agent and a scheduler's table) is one span."""
    out: list[Span] = []
    for gpu, begin, end, *_ in sorted(rows, key=lambda r: (str(r[0]), r[1])):
        ends = at_ms if end is None else min(int(end), at_ms)
        last = out[-1] if out else None
        if last is not None and last.gpu == gpu and begin <= last.end_ms:
            longer = max(ends, last.end_ms)
            out[-1] = Span(last.gpu, last.device, last.node, last.rack, last.begin_ms, longer)
            continue
        device, node, rack = places.get(str(gpu), (None, "", ""))
        out.append(Span(str(gpu), device, str(node), str(rack), int(begin), ends))
    return out


def _near(asking: Asking, name: str) -> str:
    rows = asking.query(_LAST, {"limit": NEAR_JOBS}).rows
    said = f"no job is called {clean(name, 80)!r}"
    if not rows:
        return f"{said}; no job is known: agents tell them, and `coldplate jobs import FILE` adds a scheduler's table"
    names = [str(r[0]) for r in rows]
    mine = [str(r[0]) for r in rows if r[1] == name][:LAST_JOBS]
    if mine:
        return f"{said}; the newest of that user are {', '.join(clean(n, 60) for n in mine)}"
    if near := get_close_matches(name, names, 3, 0.6):
        return f"{said}; near are {', '.join(clean(n, 60) for n in near)}"
    return f"{said}; the newest are {', '.join(clean(n, 60) for n in names[:LAST_JOBS])}"
