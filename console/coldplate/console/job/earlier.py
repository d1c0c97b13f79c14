"""The same user's jobs before this one, as medians to compare with."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from coldplate.console.job.bands import Ask
from coldplate.console.job.measured import METRICS, listed, stats, wholly, within
from coldplate.console.job.spans import Job, Span
from coldplate.sinks.columns import scaled
from coldplate.sinks.rollups import TIERS, Tier

JOBS_MAX, GPUS_MAX, GPUS_LEAST, BUCKETS = 10, 64, 4, 4000
LONGEST_S = {"10s": 600.0, "1m": 10_800.0, "1h": float("inf")}
"""Of jobs that are read from a rollup."""

_NEWEST = """
SELECT job, min(since) AS began, toUnixTimestamp64Milli(min(since)), toUnixTimestamp64Milli(max(until)), uniqExact(gpu), sum(length_ms) / 1000
FROM
(
    SELECT job, gpu, since, max(until) AS until, toUnixTimestamp64Milli(until) - toUnixTimestamp64Milli(since) AS length_ms
    FROM job_spans WHERE user = %(user)s AND job != %(job)s AND since < fromUnixTimestamp64Milli(toInt64(%(begin)s), 'UTC')
    GROUP BY job, gpu, since
)
WHERE until IS NOT NULL GROUP BY job ORDER BY began DESC, job LIMIT %(limit)s
"""
_SPANS = """
SELECT s.job, s.gpu, i.device, toUnixTimestamp64Milli(s.since), toUnixTimestamp64Milli(s.until)
FROM (SELECT job, gpu, since, max(until) AS until FROM job_spans WHERE job IN %(jobs)s GROUP BY job, gpu, since) AS s
INNER JOIN (SELECT id, device FROM inventory FINAL WHERE kind = 'gpu') AS i ON i.id = s.gpu
WHERE s.until IS NOT NULL ORDER BY s.job, cityHash64(s.gpu) LIMIT %(limit)s BY s.job
"""


@dataclass(frozen=True, slots=True)
class One:
    """An earlier job; what was not kept of it is None."""

    job: str
    begin_ms: int
    wall_s: float
    gpus: int
    gpu_h: float
    power_w: float | None
    gpu_util_ratio: float | None
    hottest_c: float | None


@dataclass(frozen=True, slots=True)
class Earlier:
    """Up to ten of them, the newest first."""

    jobs: Sequence[One]

    def median(self, name: str) -> float | None:
        """Over those of which it is known."""
        known = [v for j in self.jobs if (v := getattr(j, name)) is not None]
        return statistics.median(known) if known else None


def read_earlier(query: Any, ask: Ask, job: Job) -> Earlier | None:
    """Jobs that began before this one and whose end was told; None where nobody told who ran it.

    Parameters
    ----------
    query
        `Asking.query`.
    ask
        The same, of SQL that is complete.
    job
        This one.
    """
    if not job.users:
        return None
    given = {"user": job.users[0], "job": job.name, "begin": job.begin_ms, "limit": JOBS_MAX}
    newest = query(_NEWEST, given).rows
    if not newest:
        return Earlier([])
    spans: dict[str, list[Span]] = {}
    asked = {"jobs": [r[0] for r in newest], "limit": GPUS_MAX}
    for name, gpu, device, begin, end in query(_SPANS, asked).rows:
        spans.setdefault(str(name), []).append(Span(str(gpu), device, "", "", begin, end))
    figures = _figures(ask, spans)
    nothing = (None, None, None)
    return Earlier([
        One(str(name), begin, (end - begin) / 1000, gpus, gpu_s / 3600, *figures.get(str(name), nothing))
        for name, _, begin, end, gpus, gpu_s in newest
    ])  # fmt: skip


Figures = tuple[float | None, float | None, float | None]
"""Mean power of a GPU, utilisation, highest temperature."""


def _figures(ask: Ask, by_job: dict[str, list[Span]]) -> dict[str, Figures]:
    """By job, of some of its GPUs; what is no longer kept in a rollup is asked of the next."""
    left: dict[Tier, dict[str, list[Span]]] = {t: {} for t in TIERS}
    for job, spans in by_job.items():
        longest_s = max(s.length_s for s in spans)
        tier = next(t for t in TIERS if longest_s < LONGEST_S[t.word])
        number = max(int(BUCKETS / max(longest_s / tier.seconds, 1.0)), GPUS_LEAST)
        left[tier][job] = spans[:number]
    found: dict[str, Figures] = {}
    for tier, after in zip(TIERS, (*TIERS[1:], None), strict=True):
        names = list(left[tier])
        rows = ask(_sql(tier, list(left[tier].values()))) if names else ()
        found |= {names[n]: (power_w, util, hottest_c) for n, power_w, util, hottest_c in rows}
        if after is not None:
            left[after] |= {job: spans for job, spans in left[tier].items() if job not in found}
    return found


def _sql(tier: Tier, jobs: Sequence[Sequence[Span]]) -> str:
    """A row a job, by its place: its name is of others, and no part of SQL."""

    def value(name: str, merged: str) -> str:
        return f"if(sum(e.{name}_n) = 0, NULL, {scaled(merged.format(name), METRICS[name].kept_scale)})"

    spans = " UNION ALL ".join(f"SELECT {n} AS n, * FROM {listed(of)}" for n, of in enumerate(jobs))
    # Each job's own time: between two of them lie weeks of others'.
    where = " OR ".join(f"({within(of, tier.seconds)})" for of in jobs)
    mean = "(sum(e.{0}_sum) / sum(e.{0}_n))"
    return (
        f"SELECT s.n AS n, {value('power_w', mean)}, {value('gpu_util_ratio', mean)}, {value('gpu_c', 'max(e.{}_high)')}"
        f" FROM {stats(tier, *jobs)} AS e INNER JOIN ({spans}) AS s ON s.device = e.device"
        f" WHERE ({where}) AND {wholly(tier.seconds)} GROUP BY n"
    )
