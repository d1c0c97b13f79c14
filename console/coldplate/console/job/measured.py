"""What the rollups say of a job's GPUs: the bands over time, and each GPU's own figures.

Only buckets that lie wholly within a GPU's time with the job count, so none holds what ran before or after. A large job
is read from longer buckets, and where that leaves too few steps to draw, from some of its GPUs, evenly chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from coldplate.console.job.spans import Span
from coldplate.sinks.columns import scaled
from coldplate.sinks.rollups import STORED_TIERS, TIERS, Tier, stats_name, stats_of
from coldplate.sinks.tables import SAMPLE_TABLES, SampleTable

BUCKETS_MAX = 40_000
"""Needed for one question: as many as two cores read in a part of a second, within a reader's memory of 1 GiB."""

RACKS = 16
"""From which some GPUs are chosen, at least."""

STEPS_MAX, STEPS_LEAST, WITHIN_LEAST = 144, 48, 3
SPANS_MAX = 2500
"""Named in one query, which may have 256 KiB."""

MEANS = ("power_w", "gpu_c", "hbm_c", "gpu_util_ratio", "sm_clock_mhz")
BUSY_RATIO = 0.3
"""A step in which the median GPU is busier than this is one of load."""

GPU = SAMPLE_TABLES[0]
METRICS = {m.name: m for m in GPU.metrics}
"""Of which the rollups that are read here are."""

POWER = replace(GPU, metrics=(METRICS["power_w"],))
"""For what reads nothing else: the samples' other columns need not be."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """From which rollup, and of which spans.

    Parameters
    ----------
    tier
        Its buckets.
    spans
        Of GPUs that the inventory has.
    of
        How many GPUs there were to choose from.
    """

    tier: Tier
    spans: Sequence[Span]
    of: int

    @property
    def gpus(self) -> int:
        """How many were chosen."""
        return len({s.gpu for s in self.spans})

    def coarser(self) -> "Chosen | None":
        """The next rollup, which is kept for longer."""
        later = TIERS[TIERS.index(self.tier) + 1 :]
        return Chosen(later[0], self.spans, self.of) if later else None


def for_each(spans: Sequence[Span]) -> Chosen:
    """The finest rollup of which all GPUs can be read."""
    known = [s for s in spans if s.device is not None]
    gpu_s = sum(s.length_s for s in known)
    longest_s = max((s.length_s for s in known), default=0.0)
    fits = [t for t in TIERS if longest_s >= WITHIN_LEAST * t.seconds] or [TIERS[0]]
    tier = next((t for t in fits if gpu_s / t.seconds <= BUCKETS_MAX), fits[-1])
    return _thinned(known, tier)


def for_drawing(spans: Sequence[Span]) -> Chosen:
    """A finer one where the former would have too few steps."""
    chosen = for_each(spans)
    longest_s = max((s.length_s for s in spans), default=0.0)
    place = TIERS.index(chosen.tier)
    if place and longest_s / chosen.tier.seconds < STEPS_LEAST:
        known = [s for s in spans if s.device is not None]
        return _thinned(known, TIERS[place - 1])
    return chosen


def _thinned(known: Sequence[Span], tier: Tier) -> Chosen:
    """As many GPUs as can be read, evenly over some racks that are evenly over the job's.

    The tables keep a rack together, and are read 8,192 rows at a time: a GPU of each rack would read all of them.
    """
    gpus = sorted({s.gpu for s in known})
    gpu_s = sum(s.length_s for s in known)
    share = min(1.0, BUCKETS_MAX / max(gpu_s / tier.seconds, 1.0), SPANS_MAX / max(len(known), 1))
    number = max(int(len(gpus) * share), min(len(gpus), 8))
    if number == len(gpus):
        return Chosen(tier, known, number)
    racks = sorted({s.rack for s in known})
    few = set(_evenly(racks, min(max(RACKS, -(-number * len(racks) // len(gpus))), len(racks))))
    near = sorted({s.gpu for s in known if s.rack in few})
    kept = set(_evenly(near, min(number, len(near))))
    return Chosen(tier, [s for s in known if s.gpu in kept], len(gpus))


def _evenly(names: Sequence[str], number: int) -> list[str]:
    return [names[n * len(names) // number] for n in range(number)]


def step_s(chosen: Chosen) -> int:
    """Seconds of a step of a picture: whole buckets."""
    begin, end = _ends(chosen.spans)
    length_s = chosen.tier.seconds
    return max(-(-(end - begin) // (STEPS_MAX * length_s)), 1) * length_s


def listed(spans: Sequence[Span]) -> str:
    """Spans as a table of `device`, `since_ms`, `until_ms`."""
    lines = ", ".join(f"({s.device}, {s.begin_ms}, {s.end_ms})" for s in spans)
    return (
        "(SELECT x.1 AS device, x.2 AS since_ms, x.3 AS until_ms"
        f" FROM (SELECT arrayJoin([{lines}]) AS x))"
    )


def within(spans: Sequence[Span], bucket_s: int, of: str = "e.") -> str:
    """Condition that finds their rows by the table's order, the time of it in whole buckets."""
    begin, end = _ends(spans)
    devices = ", ".join(sorted({str(s.device) for s in spans}))
    return (
        f"{of}device IN ({devices}) AND {of}t >= toDateTime({begin // bucket_s * bucket_s}, 'UTC')"
        f" AND {of}t < toDateTime({-(-end // bucket_s) * bucket_s}, 'UTC')"
    )


def stats(tier: Tier, *jobs: Sequence[Span], of: SampleTable = GPU) -> str:
    """What a rollup's rows are read from: its table, or samples within the spans of each job, of these metrics."""
    if tier in STORED_TIERS:
        return stats_name(of, tier)
    where = " OR ".join(f"({within(spans, tier.seconds, '')})" for spans in jobs)
    return f"({stats_of(of, tier, where)})"


def wholly(bucket_s: int) -> str:
    """Condition that a bucket `e` lies within a span `s`."""
    at_ms = "toInt64(toUnixTimestamp(e.t)) * 1000"
    return f"{at_ms} >= s.since_ms AND {at_ms} + {bucket_s * 1000} <= s.until_ms"


def bands_sql(chosen: Chosen) -> str:
    """A row a step: `n`, GPUs, and of each of `MEANS` the quantiles over GPUs, lowest and highest."""
    columns = ", ".join(
        f"if(count({m}) = 0, [], quantilesExact(0.05, 0.5, 0.95)({m})), min({m}_low), max({m}_high)"
        for m in MEANS
    )
    return f"SELECT n, uniqExact(device), {columns} FROM {_cells(chosen)} GROUP BY n ORDER BY n"


def each_sql(chosen: Chosen) -> str:
    """A row a GPU: see `per_gpu.Figures`, in whose order its columns are."""
    medians = ", ".join(
        f"quantileExact(0.5)({m}) OVER (PARTITION BY n) AS {m}_median"
        for m in ("power_w", "gpu_util_ratio", "sm_clock_mhz")
    )
    load = f"(gpu_util_ratio_median IS NULL OR gpu_util_ratio_median >= {BUSY_RATIO})"
    ratios = ", ".join(
        f"avgIf({m} / {m}_median, {load} AND {m}_median > 0)"
        for m in ("power_w", "gpu_util_ratio", "sm_clock_mhz")
    )
    # What has a name of its own is asked for by it of earlier jobs.
    named = {"power_w": " AS power", "gpu_util_ratio": " AS util"}
    means = ", ".join(
        f"{_mean(m)}{named.get(m, '')}" for m in (*MEANS, "swing_w", "swing_hz", "mem_used_bytes")
    )
    ends = (
        "min(power_w_low), max(power_w_high), max(power_max_w_high), min(gpu_c_low), max(gpu_c_high) AS hottest, max(hbm_c_high), "
        "min(margin_c_low), max(swing_w_high), max(mem_used_bytes_high), min(energy_j_low), max(energy_j_high)"
    )
    return (
        f"SELECT device, {ratios}, {means}, {ends}, sum(energy_j_n), sum(energy_j_high - energy_j_low), count(energy_j_high), sum(used_j), sum(bucket_n) * {chosen.tier.seconds}"
        f" FROM (SELECT *, {medians} FROM {_cells(chosen)}) GROUP BY device"
    )


def _mean(metric: str) -> str:
    return f"sum({metric}_s) / nullIf(sum({metric}_n), 0)"


_READ = (
    *MEANS, "power_max_w", "margin_c", "swing_w", "swing_hz", "mem_used_bytes", "energy_j",
)  # fmt: skip


def _cells(chosen: Chosen) -> str:
    """A row a GPU and step; parts of a bucket that were not merged yet are merged here."""
    begin, _ = _ends(chosen.spans)
    columns, merged = [], []
    for name in _READ:
        metric = METRICS[name]
        there, scale = f"n_{name} = 0, NULL", metric.kept_scale
        columns += [
            f"n_{name} AS {name}_n",
            f"{scaled(f'sum_{name}', scale)} AS {name}_s",
            f"if({there}, {scaled(f'(sum_{name} / n_{name})', scale)}) AS {name}",
            f"if({there}, {scaled(f'low_{name}', scale)}) AS {name}_low",
            f"if({there}, {scaled(f'high_{name}', scale)}) AS {name}_high",
        ]
        merged += [
            f"sum(e.{name}_n) AS n_{name}",
            f"sum(e.{name}_sum) AS sum_{name}",
            f"toInt64(min(e.{name}_low)) AS low_{name}",
            f"toInt64(max(e.{name}_high)) AS high_{name}",
        ]
    used = scaled("used", METRICS["power_w"].kept_scale / 1000)
    step = step_s(chosen)
    return (
        f"(SELECT device, n, bucket_n, {used} AS used_j, {', '.join(columns)} FROM (SELECT e.device AS device,"
        f" intDiv(toInt64(toUnixTimestamp(e.t)) - {begin}, {step}) AS n, uniqExact(e.t) AS bucket_n, sum(e.used) AS used,"
        f" {', '.join(merged)} FROM {stats(chosen.tier, chosen.spans)} AS e"
        f" INNER JOIN {listed(chosen.spans)} AS s ON s.device = e.device"
        f" WHERE {within(chosen.spans, chosen.tier.seconds)} AND {wholly(chosen.tier.seconds)} GROUP BY device, n))"
    )


def _ends(spans: Sequence[Span]) -> tuple[int, int]:
    """First and last second; the last is not part of it."""
    return min(s.begin_ms for s in spans) // 1000, -(-max(s.end_ms for s in spans) // 1000)
