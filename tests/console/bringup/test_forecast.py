"""The forecast against what can be worked out by hand, and what was measured in the place of the plan."""

import numpy as np
import pytest
from console.bringup.halls import BEGIN_MS, HOUR_MS, change, hall, way
from msgspec.structs import replace

from coldplate.console.bringup.forecast import forecast
from coldplate.console.bringup.measured import Measured, measured, work_h
from coldplate.console.bringup.plan import Plan, Spare, Step
from coldplate.console.bringup.simulate import Start, simulate
from coldplate.console.bringup.states import WORK


def plain(racks=6, skids=1, hours=2.0, **more):
    """Each step an hour of nobody's, flushing of a skid's; no spread, no failure; racks come at once."""
    steps = {n: Step(1.0, 0.0) for n in WORK} | {"flush": Step(hours, 0.0, "flushing-skid")}
    given = {
        "racks": racks, "days": 5.0, "delivery_minutes": 1e-6, "step": steps,
        "resource": {"flushing-skid": skids, "cabling-crew": 1}, "spare": {},
    }  # fmt: skip
    return Plan(**(given | more))


def hours_of(plan, start=None, runs=200, known=None):
    """Accepted, hours, of the mean run, racks in order of being done; how well an estimate fits is left aside by many runs."""
    found = simulate(plan, start or Start.of_plan(plan), known or Measured(), runs, 1)
    return np.sort(found, axis=1).mean(axis=0)


def test_racks_queue_for_the_one_skid():
    """Seven steps of an hour, and a queue in which each waits two hours longer than the one before."""
    expected = [1 + 1 + 2 * (n + 1) + 4 for n in range(6)]
    assert hours_of(plain()) == pytest.approx(expected, rel=0.02)


def test_two_skids_halve_the_queue():
    """Two are flushed at the same time."""
    expected = [1 + 1 + 2 * (n // 2 + 1) + 4 for n in range(6)]
    assert hours_of(plain(skids=2)) == pytest.approx(expected, rel=0.02)


def test_the_bottleneck_is_what_one_more_of_shortens_most():
    """Of the skid one more is worth hours, of the crew nothing; without a queue there is no bottleneck."""
    found = forecast(plain(racks=40), runs=50)
    best = found.sensitivities[0]
    assert ("flushing-skid", "flushing-skid=+1") == (found.bottleneck, best.change)
    assert 40 / 24 == pytest.approx(best.gain_days, rel=0.1)
    assert forecast(plain(racks=3, skids=3), runs=50).bottleneck is None


def test_failures_take_their_rework_and_repetition():
    """Half of the attempts fail, up to four times in a row: 15/16 of a repetition a rack."""
    plan = plain(racks=1, skids=1, hours=2.0)
    step = Step(2.0, 0.0, "flushing-skid", 0.5, 3.0, 0.5)
    plan = replace(plan, step=plan.step | {"flush": step}, prior_racks=1e6)
    assert hours_of(plan, runs=4000)[0] == pytest.approx(8 + (3.0 + 1.0) * 15 / 16, rel=0.03)


def test_a_spare_that_is_missing_is_waited_for():
    """Each failure needs one, none is there, and one comes each day."""
    plan = plain(racks=3, skids=3)
    step = Step(2.0, 0.0, "flushing-skid", 0.9, 0.0, 0.0)
    plan = replace(
        plan, step=plan.step | {"flush": step}, prior_racks=1e6, spare={"hose": Spare("flush", 1.0, 0.0, 1.0)}
    )  # fmt: skip
    found = np.sort(simulate(plan, Start.of_plan(plan), Measured(), 400, 1), axis=1)
    assert 72 + 4 == pytest.approx(np.quantile(found[:, -1], 0.5), rel=0.05)
    assert 24 + 4 == pytest.approx(np.quantile(found[:, 0], 0.9), rel=0.2)


def test_work_is_told_from_waiting():
    """Of racks that queued, the skid's two hours are found again, not the hours of the last in the queue."""
    there, done = np.zeros(20), 2.0 * (1 + np.arange(20) // 2)
    assert np.full(20, 2.0) == pytest.approx(work_h(there, done, 2))
    assert done == pytest.approx(work_h(there, done, None))


def test_what_was_measured_takes_the_place_of_the_plan():
    """Flushing took five hours instead of two, and one of three tries failed: the rest of the racks will be so too."""
    racks = hall(40, *(c for n in range(20) for c in way(f"r{n:03d}", 0, 1, 1, 5, 1, 1, 1, 1, begin_h=6 * n)))  # fmt: skip
    plan = plain(racks=40, prior_racks=1e-6)
    known = measured(racks, plan)
    assert np.full(20, 5.0) == pytest.approx(known.hours["flush"])
    assert (20, 0) == (known.tried["flush"], known.failed["flush"])
    assert np.full(19, 6.0) == pytest.approx(known.gaps_h)
    now_h = 19 * 6 + 12
    found = simulate(
        plan, Start.of_racks(racks, BEGIN_MS, BEGIN_MS + now_h * HOUR_MS), known, 20, 1
    )
    assert [11 + 6 * n for n in range(20)] == pytest.approx(found[0, :20].tolist())
    # The others come six hours apart, and each takes its eleven hours.
    assert 39 * 6 + 11 == pytest.approx(found[:, 39].mean(), rel=0.1)


def test_a_rack_that_is_in_work_is_not_begun_anew_and_a_held_one_is_mended():
    """It ends after now, and about when its work should; a held one takes its rework from now on."""
    racks = hall(
        2, *way("r000", 0, 1, 1), *way("r001", 0, 1, 1, 2, 1, 1, 1), change("r001", 7.5, "held")
    )
    plan = plain(racks=2, skids=2)
    step = Step(1.0, 0.0, "", 0.0, 10.0, 1.0)
    plan = replace(plan, step=plan.step | {"burn-in": step}, prior_racks=1e6)
    start = Start.of_racks(racks, BEGIN_MS, BEGIN_MS + 8 * HOUR_MS)
    found = simulate(plan, start, Measured(), 200, 1)
    assert (found >= 8.0).all()
    assert 8 + 10 + 1 == pytest.approx(found[:, 1].mean(), rel=0.05)


def test_an_hour_ago_and_now_agree():
    """What is over does not move, and by-day figures never fall."""
    racks = hall(4, *(c for n in range(4) for c in way(f"r{n:03d}", 0, 1, 1, 2, 1, 1, 1, 1)))
    start = Start.of_racks(racks, BEGIN_MS, BEGIN_MS + 24 * HOUR_MS)
    found = forecast(plain(racks=4), start, Measured(), runs=20, what_ifs=False)
    assert 8 / 24 == pytest.approx(found.finish_day(0.5))
    assert [4 * 64] == found.by_day(0.5)
