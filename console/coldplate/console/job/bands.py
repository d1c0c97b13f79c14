"""Power, temperature, utilisation and clock over a job's time: what its GPUs had between them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coldplate.console.job.measured import MEANS, Chosen, bands_sql, step_s

Ask = Callable[[str], Sequence[tuple[Any, ...]]]
"""Runs SQL; rows."""


@dataclass(frozen=True, slots=True)
class Point:
    """One metric in one step.

    Parameters
    ----------
    p5, p50, p95
        Of its GPUs' means; None where nothing was measured.
    lowest, highest
        Of single samples.
    """

    p5: float | None
    p50: float | None
    p95: float | None
    lowest: float | None
    highest: float | None


@dataclass(frozen=True, slots=True)
class Bands:
    """All metrics over time.

    Parameters
    ----------
    begin_ms, step_ms
        When the first step begins, how long each is.
    numbers
        Which steps there are; those without a sample are not among them.
    points
        By metric, one a step of `numbers`.
    tier, gpus, of
        Read from which rollup, of how many GPUs, of how many.
    """

    begin_ms: int
    step_ms: int
    numbers: Sequence[int]
    points: Mapping[str, Sequence[Point]]
    tier: str
    gpus: int
    of: int

    def median(self, metric: str) -> float | None:
        """Median of the steps' medians."""
        known = sorted(p.p50 for p in self.points[metric] if p.p50 is not None)
        return known[len(known) // 2] if known else None


def read_bands(ask: Ask, chosen: Chosen) -> Bands | None:
    """From the chosen rollup, or the next coarser one that is still kept; None without any."""
    at: Chosen | None = chosen if chosen.spans else None
    while at is not None:
        if rows := ask(bands_sql(at)):
            points = {
                m: [_point(r[2 + 3 * i : 5 + 3 * i]) for r in rows] for i, m in enumerate(MEANS)
            }
            begin_s = min(s.begin_ms for s in at.spans) // 1000
            return Bands(
                begin_s * 1000, step_s(at) * 1000, [int(r[0]) for r in rows], points,
                f"gpu_{at.tier.word}", at.gpus, at.of,
            )  # fmt: skip
        at = at.coarser()
    return None


def _point(found: Sequence[Any]) -> Point:
    quantiles, lowest, highest = found
    p5, p50, p95 = quantiles or (None, None, None)
    return Point(p5, p50, p95, lowest, highest)
