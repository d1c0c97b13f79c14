"""The figures of an evaluation: recall, delay, before harm, cause, pages per fault, false pages.

Everything is a pure function of a matching; several matchings (halls, seeds) are pooled by joining them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from coldplate.streams.evaluate.label import Label
from coldplate.streams.evaluate.match import Found, Matching
from coldplate.wire.fault import family_of, should_page

DAY_S = 86_400.0

ITS_OWN_HARM = frozenset({"ecc-uncorrectable", "gpu-lost", "power-brake"})
"""What is harm from its first moment on."""

TICK_MS, COUNTED_MS = 1000, 10_000
"""To what harm is known: to the tick; where counters tell of it, as of errors, to their reading every ten."""

_POISSON_UPPER95 = (2.996, 4.744, 6.296, 7.754, 9.154, 10.513, 11.842, 13.148, 14.435, 15.705)
"""One-sided 95 % upper bound of a Poisson mean by count (half the 0.95 quantile of chi-squared, 2k + 2 degrees)."""


@dataclass(frozen=True, slots=True)
class Run:
    """One evaluated run.

    Parameters
    ----------
    matching
        Its labels and incidents.
    look_alikes
        Labels that must not page.
    gpu_days
        GPUs times days.
    """

    matching: Matching
    look_alikes: tuple[Label, ...]
    gpu_days: float


def report(runs: Sequence[Run]) -> dict[str, Any]:
    """Keys of `coldplate evaluate ... --json`, over all runs pooled.

    Labels of kinds that call for no page (an application's own XID) are counted in `quiet` and in nothing else; so are,
    in `never_visible`, those whose effect never exceeded the sensors' noise, unless they were found all the same.
    """
    every = [f for run in runs for f in run.matching.found]
    found = [f for f in every if f.said is not None or f.label.visible_ms is not None]
    due = [f for f in found if should_page(f.label.kind)]
    kinds = sorted({f.label.kind for f in due})
    false = [pair for run in runs for pair in run.matching.false]
    days = sum(run.gpu_days for run in runs)
    return {
        **_of(due),
        "kinds": {kind: _of([f for f in due if f.label.kind == kind]) for kind in kinds},
        "quiet": len(found) - len(due),
        "never_visible": len(every) - len(found),
        "look_alikes": sum(len(run.look_alikes) for run in runs),
        "look_alikes_paged": sum(near is not None for _, near in false),
        "false_pages": len(false),
        "gpu_days": round(days, 4),
        "false_pages_per_100k_gpu_days": _rate(len(false), days),
        "false_pages_per_100k_gpu_days_upper95": _rate(upper95(len(false)), days),
    }


def upper95(count: int) -> float:
    """The largest mean that gives as few with a probability of 5 %."""
    if count < len(_POISSON_UPPER95):
        return _POISSON_UPPER95[count]
    # Wilson and Hilferty's cube approximation of chi-squared, good to 0.1 % from here on.
    k = count + 1
    return float(k * (1.0 - 1.0 / (9.0 * k) + 1.645 / (3.0 * k**0.5)) ** 3)


def _of(found: Sequence[Found]) -> dict[str, Any]:
    told = [f for f in found if f.said is not None]
    delays = sorted(_delay_s(f) for f in told)
    warned = [f for f in found if _gives_warning(f.label)]
    return {
        "n": len(found),
        "found": len(told),
        "recall": _ratio(len(told), len(found)),
        "delay_p50_s": _quantile(delays, 0.5),
        "delay_p90_s": _quantile(delays, 0.9),
        "before_harm_ratio": _ratio(sum(map(_before_harm, warned)), len(warned)),
        "cause_correct_ratio": _ratio(sum(f.cause_correct for f in told), len(told)),
        "pages_per_fault": _ratio(sum(1 + len(f.further) for f in told), len(told)),
    }


def _delay_s(found: Found) -> float:
    label, told_ms = found.label, found.told_ms
    assert told_ms is not None
    since = label.onset_ms if label.visible_ms is None else label.visible_ms
    return (told_ms - since) / 1000


def _gives_warning(label: Label) -> bool:
    """Whether it can be seen before its harm: nobody is warned of a GPU that is gone when that is seen."""
    if label.kind in ITS_OWN_HARM or label.harm_ms is None or label.visible_ms is None:
        return False
    step_ms = COUNTED_MS if _counted(label.kind) else TICK_MS
    return label.harm_ms > ceil(label.visible_ms / step_ms) * step_ms


def _counted(kind: str) -> bool:
    return kind.startswith("xid-") or family_of(kind) == "errors"


def _before_harm(found: Found) -> bool:
    told_ms, harm_ms = found.told_ms, found.label.harm_ms
    return told_ms is not None and harm_ms is not None and told_ms < harm_ms


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _quantile(ordered: Sequence[float], q: float) -> float | None:
    """The smallest value that a share of `q` does not exceed."""
    return round(ordered[ceil(q * len(ordered)) - 1], 3) if ordered else None


def _rate(count: float, gpu_days: float) -> float | None:
    return round(1e5 * count / gpu_days, 3) if gpu_days > 0 else None
