"""Each GPU of a job beside the others: its figures, and which held the job up."""

import statistics
from dataclasses import dataclass

from coldplate.console.job.bands import Ask
from coldplate.console.job.measured import Chosen, each_sql

LEAST = {"gpu_util_ratio": 0.05, "power_w": 0.10, "sm_clock_mhz": 0.03}
"""By how much of the others' median a GPU must be below to count as slow: smaller differences are the silicon's."""

SIGMAS = 5.0
"""And by how many standard deviations of the others, by their median deviation: of a job whose GPUs do different
things nobody is slow."""

SIGMA_OF_MAD = 1.4826


@dataclass(frozen=True, slots=True)
class Figures:
    """One GPU over its time with the job, in the units of the names; None where nothing was measured.

    Parameters
    ----------
    of_power, of_util, of_clock
        Its share of the job's median GPU, mean of the steps in which that one was busy.
    power_w, gpu_c, hbm_c, gpu_util_ratio, sm_clock_mhz, swing_w, swing_hz, mem_used_bytes
        Means.
    power_low_w, power_high_w, peak_w, coolest_c, hottest_c, hbm_hottest_c, margin_least_c, swing_most_w, mem_most_bytes
        Ends of single samples; the peak is of the power within a tick.
    energy_low_j, energy_high_j, energy_n
        Its counter's ends, and how often it was read.
    energy_steps_j, energy_steps
        By how much it grew within steps, and in how many it was read.
    used_j, seen_s
        Energy by mean power, and time, of the buckets that were read.
    """

    of_power: float | None
    of_util: float | None
    of_clock: float | None
    power_w: float | None
    gpu_c: float | None
    hbm_c: float | None
    gpu_util_ratio: float | None
    sm_clock_mhz: float | None
    swing_w: float | None
    swing_hz: float | None
    mem_used_bytes: float | None
    power_low_w: float | None
    power_high_w: float | None
    peak_w: float | None
    coolest_c: float | None
    hottest_c: float | None
    hbm_hottest_c: float | None
    margin_least_c: float | None
    swing_most_w: float | None
    mem_most_bytes: float | None
    energy_low_j: float | None
    energy_high_j: float | None
    energy_n: int
    energy_steps_j: float | None
    energy_steps: int
    used_j: float
    seen_s: float


@dataclass(frozen=True, slots=True)
class Straggler:
    """A GPU that is below the others.

    Parameters
    ----------
    gpu
        Its id.
    below
        By metric, how much of the others' median it lacks.
    """

    gpu: str
    below: dict[str, float]

    @property
    def most(self) -> float:
        """The largest of them."""
        return max(self.below.values())


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures by GPU.

    Parameters
    ----------
    by_gpu
        Of those of which anything is kept.
    tier, gpus, of
        As in `Bands`.
    """

    by_gpu: dict[str, Figures]
    tier: str
    gpus: int
    of: int

    def values(self, name: str) -> list[float]:
        """One figure of all GPUs that have it."""
        found = (getattr(f, name) for f in self.by_gpu.values())
        return [v for v in found if v is not None]

    def mean(self, name: str) -> float | None:
        """Of GPUs, by the time that each was seen."""
        known = [(v, f.seen_s) for f in self.by_gpu.values() if (v := getattr(f, name)) is not None]
        weight = sum(w for _, w in known)
        return sum(v * w for v, w in known) / weight if weight else None

    def median(self, name: str) -> float | None:
        """Over GPUs."""
        values = self.values(name)
        return statistics.median(values) if values else None

    def lowest(self, name: str) -> float | None:
        """Over GPUs."""
        return min(self.values(name), default=None)

    def highest(self, name: str) -> float | None:
        """Over GPUs."""
        return max(self.values(name), default=None)

    def hottest(self) -> str | None:
        """Who was the hottest."""
        known = {g: f.hottest_c for g, f in self.by_gpu.items() if f.hottest_c is not None}
        return max(known, key=lambda g: known[g]) if known else None

    def stragglers(self) -> list[Straggler]:
        """The slowest first."""
        below: dict[str, dict[str, float]] = {}
        for metric, name in (
            ("gpu_util_ratio", "of_util"), ("power_w", "of_power"), ("sm_clock_mhz", "of_clock"),
        ):  # fmt: skip
            shares = {
                g: v for g, f in self.by_gpu.items() if (v := getattr(f, name)) is not None
            }  # fmt: skip
            for gpu in _low(shares, LEAST[metric]):
                below.setdefault(gpu, {})[metric] = 1 - shares[gpu]
        return sorted((Straggler(g, b) for g, b in below.items()), key=lambda s: (-s.most, s.gpu))


def _low(shares: dict[str, float], least: float) -> list[str]:
    """Who is far below; of fewer than three nobody can be."""
    if len(shares) < 3:
        return []
    middle = statistics.median(shares.values())
    spread = SIGMA_OF_MAD * statistics.median(abs(v - middle) for v in shares.values())
    limit = middle - max(least * middle, SIGMAS * spread)
    return [g for g, v in shares.items() if v < limit]


def read_each(ask: Ask, chosen: Chosen) -> Measured | None:
    """As `read_bands`."""
    names = {s.device: s.gpu for s in chosen.spans}
    at: Chosen | None = chosen if chosen.spans else None
    while at is not None:
        if rows := ask(each_sql(at)):
            found = {names[r[0]]: Figures(*(_number(v) for v in r[1:])) for r in rows}  # type: ignore[arg-type]  # the last three are never NULL
            return Measured(found, f"gpu_{at.tier.word}", at.gpus, at.of)
        at = at.coarser()
    return None


def _number(value: float | None) -> float | None:
    """None for NULL, and for the NaN that a mean of nothing is."""
    return None if value is None or value != value else value  # noqa: PLR0124  NaN alone differs from itself
