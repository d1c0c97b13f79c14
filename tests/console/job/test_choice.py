"""How much is read for a job, who lags, and when a counter is believed: rules without a server."""

import itertools
from dataclasses import fields, replace

import pytest

from coldplate.console.job.energy import energy
from coldplate.console.job.measured import BUCKETS_MAX, SPANS_MAX, for_drawing, for_each
from coldplate.console.job.per_gpu import Figures, Measured
from coldplate.console.job.spans import Span

HOUR_MS = 3_600_000
FIGURES = Figures(**{f.name: None for f in fields(Figures)})


def spans(gpus, hours):
    return [Span(f"g{n:05}", n, "", "", 0, int(hours * HOUR_MS)) for n in range(gpus)]


@pytest.mark.parametrize(
    ("gpus", "hours", "each", "drawn"),
    [(8, 1, "10s", "10s"), (8, 24, "1m", "1m"), (8, 24 * 30, "1h", "1h"), (2048, 12, "1h", "1m"), (10_000, 72, "1h", "1h"), (4, 1 / 60, "10s", "10s")],
)  # fmt: skip
def test_a_large_job_is_read_from_longer_buckets_and_drawn_from_some_of_its_gpus(
    gpus, hours, each, drawn
):
    """Never more than is quick to unpack, nor more than a query can name."""
    job = spans(gpus, hours)
    for chosen, word in ((for_each(job), each), (for_drawing(job), drawn)):
        assert (word, gpus) == (chosen.tier.word, chosen.of)
        assert len(chosen.spans) <= SPANS_MAX
        assert len(chosen.spans) * hours * 3600 / chosen.tier.seconds <= BUCKETS_MAX


def test_some_gpus_are_chosen_evenly():
    """From the first to nearly the last, at one distance."""
    numbers = [s.device for s in for_drawing(spans(2048, 12)).spans]
    apart = {b - a for a, b in itertools.pairwise(numbers)}
    assert 0 == numbers[0]
    assert max(apart) - min(apart) <= 1


def measured(shares):
    return Measured(
        {g: replace(FIGURES, of_clock=v) for g, v in shares.items()},
        "gpu_1m",
        len(shares),
        len(shares),
    )


def test_among_gpus_that_all_differ_nobody_lags():
    """Five deviations of the others, so that a job of many tasks names nobody; of two none can be told."""
    mixed = {f"g{n}": 1 + (n - 10) / 20 for n in range(21)}
    assert [] == measured(mixed).stragglers()
    assert [] == measured({"a": 1.0, "b": 0.5}).stragglers()
    assert ["c"] == [
        s.gpu for s in measured({"a": 1.0, "b": 1.0, "c": 0.9, "d": 0.98}).stragglers()
    ]


@pytest.mark.parametrize(
    ("low_j", "high_j", "steps_j", "source"),
    [(0.0, 60_000.0, 54_000.0, "energy counters"), (0.0, 60_000.0, 20_000.0, "mean power"), (0.0, 6e9, 54e8, "mean power"), (None, None, None, "mean power")],
)  # fmt: skip
def test_a_counter_that_began_anew_is_not_believed(low_j, high_j, steps_j, source):
    """It must grow from step to step as it does in all, by what a GPU can draw."""
    figures = replace(
        FIGURES, energy_low_j=low_j, energy_high_j=high_j, energy_steps_j=steps_j, energy_n=600, energy_steps=60,
        used_j=60_000.0, seen_s=600.0,
    )  # fmt: skip
    found = energy(
        spans(1, 1 / 6),
        {"g00000": (60_000.0, 600.0)},
        Measured({"g00000": figures}, "gpu_10s", 1, 1),
        {},
    )
    assert source == found.source
    assert pytest.approx(60_000, rel=0.01) == found.used_j


def test_energy_of_nothing_is_not_nought():
    """Absent is never 0."""
    found = energy(spans(1, 1), {}, None, {})
    assert (None, None, 0.0) == (found.used_j, found.source, found.seen_ratio)
