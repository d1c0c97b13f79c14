"""What a job used: by its GPUs' energy counters where they were read throughout, otherwise by mean power.

The rollups hold mean power times time of every bucket, in a narrow column that is cheap to read of any number of GPUs; it
covers the job to the second, a bucket at either end by the share of it that the job had. A counter is exact in between, but
of whole buckets, and begins anew with the driver: one that does not grow from step to step as it does in all is not believed,
nor one by which the GPU would have drawn less than half or more than twice its mean power.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from coldplate.console.job.bands import Ask
from coldplate.console.job.measured import POWER, SPANS_MAX, listed, stats, within
from coldplate.console.job.per_gpu import Figures, Measured
from coldplate.console.job.spans import Span
from coldplate.sinks.rollups import HOUR_MS, TIERS, Tier

FINE_S, MINUTES_S = 1800.0, 10_800.0
"""Longest span that is read from 10 s, and from minutes alone; longer ones have whole hours from the hours."""

SHORT, MINUTE, HOUR = TIERS
APART, TIMES = 0.2, 2.0
J_PER_KWH = 3.6e6

# A bucket that is not merged yet has several rows: their energies add up, their time is one.
_USED = """
SELECT e.device AS device, sum(e.used / 1000 * ({overlap}) / {bucket_ms}),
    arraySum(x -> x.2, groupUniqArray((e.t, ({overlap}) / 1000)))
FROM {stats} AS e INNER JOIN {spans} AS s ON s.device = e.device
WHERE {within} AND {at_ms} < s.until_ms AND {at_ms} + {bucket_ms} > s.since_ms{more}
GROUP BY device
"""
_OVERLAP = "least(s.until_ms, {0} + {1}) - greatest(s.since_ms, {0})"
_AT_MS = "(toInt64(toUnixTimestamp(e.t)) * 1000)"
_WHOLE = "({0} >= s.since_ms AND {0} + {1} <= s.until_ms)"


@dataclass(frozen=True, slots=True)
class Energy:
    """Of a job.

    Parameters
    ----------
    used_j
        In all; None when nothing is kept of it.
    by_gpu_j
        The same.
    counters, powers
        How many GPUs by their counter, how many by mean power.
    seen_ratio
        Share of its GPUs' time of which power is kept: what is missing is not in the energy.
    """

    used_j: float | None
    by_gpu_j: dict[str, float]
    counters: int
    powers: int
    seen_ratio: float

    @property
    def source(self) -> str | None:
        """In words."""
        if self.used_j is None:
            return None
        if not self.powers:
            return "energy counters"
        return (
            f"energy counters of {self.counters} GPUs, mean power of {self.powers}"
            if self.counters
            else "mean power"
        )


def read_used(ask: Ask, spans: Sequence[Span]) -> dict[str, tuple[float, float]]:
    """Joules by mean power, and seconds seen, by GPU."""
    known = [s for s in spans if s.device is not None]
    names = {s.device: s.gpu for s in known}
    found: dict[str, tuple[float, float]] = {}
    for at in range(0, len(known), SPANS_MAX):
        some = known[at : at + SPANS_MAX]
        longest_s = max(s.length_s for s in some)
        if longest_s > MINUTES_S:
            queries = [_of_tier(HOUR, some, " AND {whole}"), _edges(some)]
        else:
            queries = [_of_tier(SHORT, some)] if longest_s <= FINE_S else []
            queries.append(_of_tier(MINUTE, some))
        for number, sql in enumerate(queries):
            rows = ask(sql)
            for device, used_j, seen_s in rows:
                before_j, before_s = found.get(names[device], (0.0, 0.0))
                found[names[device]] = (before_j + used_j, before_s + seen_s)
            if rows and number == 0 and longest_s <= FINE_S:
                break
    return found


def _of_tier(tier: Tier, spans: Sequence[Span], more: str = "") -> str:
    bucket_ms = 1000 * tier.seconds
    whole = _WHOLE.format(_AT_MS, bucket_ms)
    return _USED.format(
        stats=stats(tier, spans, of=POWER), bucket_ms=bucket_ms, at_ms=_AT_MS, overlap=_OVERLAP.format(_AT_MS, bucket_ms), spans=listed(spans), within=within(spans, tier.seconds),
        more=more.format(whole=whole),
    )  # fmt: skip


def _edges(spans: Sequence[Span]) -> str:
    """Minutes of the hours in which a span begins or ends; the hours are named, so that no others are read."""
    hours = sorted({t // HOUR_MS * 3600 for s in spans for t in (s.begin_ms, s.end_ms)})
    merged: list[list[int]] = []
    for hour in hours:
        if merged and hour <= merged[-1][1]:
            merged[-1][1] = hour + 3600
        else:
            merged.append([hour, hour + 3600])
    ranges = " OR ".join(
        f"(e.t >= toDateTime({a}, 'UTC') AND e.t < toDateTime({b}, 'UTC'))" for a, b in merged
    )
    hour_ms = "(toInt64(toUnixTimestamp(toStartOfHour(e.t))) * 1000)"
    return _of_tier(MINUTE, spans, f" AND ({ranges}) AND NOT {_WHOLE.format(hour_ms, HOUR_MS)}")


def energy(
    spans: Sequence[Span],
    used: dict[str, tuple[float, float]],
    measured: Measured | None,
    shares: dict[str, float],
) -> Energy:
    """Put together.

    Parameters
    ----------
    spans
        Of the job.
    used
        Of `read_used`.
    measured
        Each GPU's counter.
    shares
        By GPU, what of it the job had where others had it too; 1 when not named.
    """
    by_gpu: dict[str, float] = {}
    counters = 0
    # Of some GPUs only, counters would make a sum of two kinds.
    all_read = measured is not None and measured.gpus == measured.of
    for gpu, (used_j, _) in used.items():
        figures = measured.by_gpu.get(gpu) if measured is not None and all_read else None
        counted_j = None if figures is None else _counted(figures)
        if counted_j is not None and figures is not None:
            counters += 1
            used_j = counted_j + max(used_j - figures.used_j, 0.0)  # noqa: PLW2901  what is left are the ends
        by_gpu[gpu] = used_j * shares.get(gpu, 1.0)
    gpu_s = sum(s.length_s for s in spans)
    seen_s = sum(s for _, s in used.values())
    return Energy(
        sum(by_gpu.values()) if by_gpu else None, by_gpu, counters, len(by_gpu) - counters,
        min(seen_s / gpu_s, 1.0) if gpu_s else 0.0,
    )  # fmt: skip


def _counted(f: Figures) -> float | None:
    """By the counter; None where it is absent, began anew, or was read too seldom to tell."""
    if (
        f.energy_low_j is None
        or f.energy_high_j is None
        or f.energy_steps_j is None
        or f.energy_n < 3
    ):
        return None
    # Between the first and the last of n readings lie n - 1 ticks.
    counted_j = (f.energy_high_j - f.energy_low_j) * f.energy_n / (f.energy_n - 1)
    if not f.used_j / TIMES <= counted_j <= f.used_j * TIMES:
        return None
    # Of n readings in m steps, n - m of the n - 1 ticks between them lie within a step.
    within_j = counted_j * (f.energy_n - f.energy_steps) / f.energy_n
    return counted_j if abs(f.energy_steps_j - within_j) <= APART * counted_j else None
