"""How much of a job's GPU-time was held down, and by what: the reasons that the driver gave."""

from collections.abc import Sequence
from dataclasses import dataclass

from coldplate.console.job.bands import Ask
from coldplate.console.job.measured import Chosen, listed, stats, wholly, within
from coldplate.console.job.spans import Span
from coldplate.console.top.reasons import words
from coldplate.sinks.rollups import unpacked
from coldplate.sinks.tables import RAW_DAYS

SAMPLES_MAX = 3_000_000
"""GPU-seconds that are counted one by one; of more a sample a bucket is taken."""

DAY_MS = 86_400_000
NO_HOLD = {"idle", "app-clocks", "sync-boost", "display"}
"""Reasons that are no throttling: the GPU had nothing to do, or was told so."""

HEAT = {"hw-thermal", "sw-thermal"}

_RAW = """
SELECT e.device, e.clock_event_reasons AS mask, sum(e.tick_ms) / 1000
FROM gpu_samples AS e INNER JOIN {spans} AS s ON s.device = e.device
WHERE {within} AND toUnixTimestamp64Milli(e.t) >= s.since_ms AND toUnixTimestamp64Milli(e.t) < s.until_ms
    AND mask IS NOT NULL
GROUP BY e.device, mask
"""
_LAST = """
SELECT device, {mask} AS mask, count() * {seconds} FROM
(
    SELECT e.device AS device, e.t AS t, max(e.clock_event_reasons_latest) AS latest
    FROM {stats} AS e INNER JOIN {spans} AS s ON s.device = e.device
    WHERE {within} AND {wholly}
    GROUP BY device, t
)
WHERE latest > 0 GROUP BY device, mask
"""


@dataclass(frozen=True, slots=True)
class Held:
    """Shares of GPU-time.

    Parameters
    ----------
    ratio
        Held down by anything but having nothing to do.
    by_cause
        By the reason in words, the largest first; a GPU that is held for two reasons counts under both.
    by_heat
        The GPUs that heat held down, the longest first, with the share of their time.
    source
        `gpu_samples` when every tick was counted, otherwise the rollup of whose buckets the last tick was.
    """

    ratio: float
    by_cause: dict[str, float]
    by_heat: dict[str, float]
    source: str


def read_held(ask: Ask, spans: Sequence[Span], chosen: Chosen, now_ms: int) -> Held | None:
    """None when no reason is kept."""
    known = [s for s in spans if s.device is not None]
    if not known or not chosen.spans:
        return None
    raw = (
        sum(s.length_s for s in known) <= SAMPLES_MAX
        and min(s.begin_ms for s in known) > now_ms - (RAW_DAYS - 1) * DAY_MS
    )
    if raw and (rows := ask(_RAW.format(spans=listed(known), within=within(known, 1)))):
        return _held(rows, {s.device: s.gpu for s in known}, "gpu_samples")
    at: Chosen | None = chosen
    while at is not None:
        sql = _LAST.format(
            seconds=at.tier.seconds, mask=unpacked("latest"), stats=stats(at.tier, at.spans), spans=listed(at.spans),
            within=within(at.spans, at.tier.seconds), wholly=wholly(at.tier.seconds),
        )  # fmt: skip
        if rows := ask(sql):
            return _held(rows, {s.device: s.gpu for s in at.spans}, f"gpu_{at.tier.word}")
        at = at.coarser()
    return None


def _held(
    rows: Sequence[tuple[int, int, float]], names: dict[int | None, str], source: str
) -> Held:
    total_s = held_s = 0.0
    by_cause: dict[str, float] = {}
    of_gpu: dict[str, float] = {}
    hot: dict[str, float] = {}
    for device, mask, seconds in rows:
        gpu, causes = names[device], set(words(int(mask))) - NO_HOLD
        total_s += seconds
        of_gpu[gpu] = of_gpu.get(gpu, 0.0) + seconds
        held_s += seconds if causes else 0.0
        for cause in causes:
            by_cause[cause] = by_cause.get(cause, 0.0) + seconds
        if causes & HEAT:
            hot[gpu] = hot.get(gpu, 0.0) + seconds
    shares = sorted(by_cause.items(), key=lambda item: (-item[1], item[0]))
    hottest = sorted(((g, s / of_gpu[g]) for g, s in hot.items()), key=lambda i: (-i[1], i[0]))
    return Held(held_s / total_s, {c: s / total_s for c, s in shares}, dict(hottest), source)
