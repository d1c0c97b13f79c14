"""The figures, by hand."""

import pytest

from coldplate.streams.evaluate.label import Label, Said
from coldplate.streams.evaluate.match import Found, Matching
from coldplate.streams.evaluate.report import Run, report, upper95
from coldplate.wire.incident import Severity

CDU = "rack-0000/cdu"


def said(told_ms, kind="pump-stop"):
    return Said("i", kind, CDU, Severity.CRITICAL, told_ms, told_ms)


def pump(visible_ms, harm_ms=None):
    return Label("f", "pump-stop", CDU, 0, visible_ms, harm_ms)


def test_figures_of_a_kind():
    """Three labels: found early, found late with two pages and a wrong cause, not found."""
    labels = (
        Found(pump(1000, 9000), said(3000)),
        Found(pump(1000, 9000), said(11_000, "unknown"), [said(12_000)]),
        Found(pump(1000)),
    )
    out = report([Run(Matching(labels, ((said(1), None),)), (), 200.0)])
    expected = {
        "n": 3, "found": 2, "recall": 0.6667, "delay_p50_s": 2.0, "delay_p90_s": 10.0,
        "before_harm_ratio": 0.5, "cause_correct_ratio": 0.5, "pages_per_fault": 1.5,
    }  # fmt: skip
    assert expected == out["kinds"]["pump-stop"]
    assert expected == {k: out[k] for k in expected}
    assert 500.0 == out["false_pages_per_100k_gpu_days"]


@pytest.mark.parametrize(
    ("kind", "visible_ms", "harm_ms", "ratio"),
    [
        ("pump-stop", 1200, 3000, 1.0),
        ("capping-storm", 1200, 2000, None),  # both at the tick of 2 s
        ("gpu-lost", 1200, 9000, None),
        ("ecc-uncorrectable", 1200, 90_000, None),
        ("xid-119", 1200, 10_000, None),  # counters are read every ten seconds
        ("xid-119", 1200, 20_000, 1.0),
    ],
)
def test_what_cannot_be_seen_before_its_harm_gives_no_warning(kind, visible_ms, harm_ms, ratio):
    """It is in no ratio of those found before harm; null where it is the only one."""
    one = Found(Label("f", kind, CDU, 0, visible_ms, harm_ms), said(1500, kind))
    assert ratio == report([Run(Matching((one,), ()), (), 1.0)])["before_harm_ratio"]


def test_of_slow_wear_the_ticket_is_when_it_was_found():
    """A leak's ticket came before its rope was wet and the page with it; of a pump only the page counts."""
    worse = Said("i", "slow-leak", CDU, Severity.CRITICAL, 50_000, 90_500, 60_500)
    for kind, delay_s, early in (("slow-leak", 20.5, 1.0), ("burst-leak", 50.5, 0.0)):
        one = Found(Label("f", kind, CDU, 0, 40_000, 90_000), worse)
        out = report([Run(Matching((one,), ()), (), 1.0)])
        assert (delay_s, early) == (out["delay_p50_s"], out["before_harm_ratio"])


def test_nothing_is_null_and_not_zero():
    """Without labels there is no recall; without a false page there is still a bound."""
    out = report([Run(Matching((), ()), (), 300_000.0)])
    assert out["recall"] is out["before_harm_ratio"] is out["delay_p50_s"] is None
    assert 0.0 == out["false_pages_per_100k_gpu_days"]
    assert pytest.approx(1.0, abs=0.01) == out["false_pages_per_100k_gpu_days_upper95"]


def test_what_calls_for_no_page_is_counted_apart():
    """An application's own XID is in `quiet` alone."""
    own = Found(Label("f", "xid-31", "g", 0, 0))
    out = report([Run(Matching((own,), ()), (), 1.0)])
    assert (1, 0) == (out["quiet"], out["n"])


def test_what_can_never_be_seen_is_counted_apart():
    """Unless it was found all the same."""
    unseen = Label("f", "pump-stop", CDU, 0)
    out = report([Run(Matching((Found(unseen), Found(unseen, said(1))), ()), (), 1.0)])
    assert (1, 1) == (out["never_visible"], out["n"])


def test_runs_are_pooled():
    """Counts and days add up."""
    one = Run(Matching((Found(pump(0), said(1)),), ()), (pump(0),), 1.0)
    out = report([one, one])
    assert (2, 2, 2, 2.0) == (out["n"], out["found"], out["look_alikes"], out["gpu_days"])


@pytest.mark.parametrize(
    ("count", "bound"), [(0, 2.996), (1, 4.744), (9, 15.705), (10, 16.962), (100, 118.08)]
)
def test_the_upper_bound_is_poissons(count, bound):
    """Against tables of chi-squared."""
    assert pytest.approx(bound, rel=2e-3) == upper95(count)
