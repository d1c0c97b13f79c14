"""The board of racks whose states a test sets."""

import pytest
from console.bringup.halls import BEGIN_MS, HOUR_MS, change, hall, places, way
from rich.console import Console

from coldplate.console.bringup.board import board
from coldplate.console.bringup.contiguous import largest, lines
from coldplate.console.bringup.draw import LETTERS, Drawing
from coldplate.console.bringup.forecast import forecast
from coldplate.console.bringup.plan import Plan
from coldplate.console.bringup.simulate import Start
from coldplate.console.bringup.states import STATES
from coldplate.console.bringup.telling import told

DONE = (0, 6, 1, 4, 1, 2, 1, 74)
NOW_MS = BEGIN_MS + 100 * HOUR_MS


def of(*changes, racks=30, plan=None, **more):
    return board(plan or Plan(phase_gpus=256), hall(racks, *changes), NOW_MS, **more)


def done(*numbers):
    return [c for n in numbers for c in way(f"r{n:03d}", *DONE)]


def test_every_rack_has_one_state_and_those_of_nobody_are_planned():
    """The newest change counts; of two at the same moment the further one; a phase of a test is no new state."""
    found = of(
        *done(0), change("r001", 5, "cabled"), change("r001", 1, "delivered"), change("r002", 3, "held", cause="leak"),
        change("r002", 3, "flushed"), change("r003", 1, "burning-in", step="idle"), change("r003", 9, "burning-in", step="full"),
    )  # fmt: skip
    by = found.by_state
    assert (1, 1, 1, 1, 26) == tuple(
        by[s] for s in ("accepted", "cabled", "held", "burning-in", "planned")
    )
    assert sum(by.values()) == 30
    assert BEGIN_MS + HOUR_MS == found.racks[3].since_ms


def test_usable_gpus_are_those_of_accepted_racks_less_the_held_back():
    """Racks in training count; held ones do not."""
    held = ("r000/n0/g0", "r000/n0/g1")
    found = of(
        change("r000", 9, "accepted", gpus=64, held=held), change("r001", 9, "in-training", gpus=64), change("r002", 9, "held", gpus=64),
    )  # fmt: skip
    assert 62 + 64 == found.usable


def test_the_queue_is_where_more_wait_than_there_are_units():
    """Eleven wait for three skids: three are worked on; the first has been there for ten hours; one is held there."""
    changes = [c for n in range(11) for c in way(f"r{n:03d}", 80 - 8, 1, 9 + n)]
    plan = Plan(resource=Plan().resource | {"flushing-skid": 3})
    found = of(
        *changes,
        *way("r020", 0, 1, 1),
        change("r020", 4, "held", cause="clogged-filter"),
        plan=plan,
    )
    queue = next(q for q in found.queues if q.step == "flush")
    assert ("flushing-skid", 3, 3, 8, 1) == (
        queue.resource,
        queue.units,
        queue.working,
        queue.waiting,
        queue.held,
    )
    assert queue.oldest_h == pytest.approx(100 - 82)
    assert 1 == next(p for p in found.parts if p.name == "filter").racks


def test_today_is_since_midnight_and_the_last_day_24_hours():
    """By the moment of acceptance."""
    midnight_h = (NOW_MS // 86_400_000 * 86_400_000 - BEGIN_MS) / HOUR_MS
    changes = [change(f"r{n:03d}", midnight_h - 1 + n, "accepted", gpus=64) for n in range(3)]
    found = of(*changes)
    assert (2, 3) == (found.today, found.last_24h)


def test_a_set_ends_with_its_row_unless_a_feed_joins_rows():
    """Racks 8 to 12 stand in two rows of ten: two sets of two and three, one of five with a common feed."""
    racks = hall(30, *done(8, 9, 10, 11, 12, 20))
    usable = [s.usable for s in racks]
    apart = largest(lines(places(30), {}), usable)
    assert ("hall row-1", 10, 12, 192) == (apart.line, apart.first, apart.last, apart.gpus)
    joined = largest(lines(places(30), {"a": ["row-0", "row-1"]}), usable)
    assert (8, 12, 320) == (joined.first, joined.last, joined.gpus)


def test_a_rack_that_is_held_or_trains_ends_a_set():
    """Nobody else may reach over it."""
    found = of(*done(0, 1, 2, 3, 4), change("r002", 99, "in-training", gpus=64))
    assert (2, 128) == (found.largest.racks, found.largest.gpus)


def test_the_first_phase_is_ready_with_its_gpus_and_the_next_has_a_day():
    """Five racks in a row have what 256 GPUs need; 512 come when eight of one row are accepted, and 1,024 never do."""
    changes = [*done(0, 1, 2, 3, 4), *(c for n in (5, 6, 7) for c in way(f"r{n:03d}", *DONE[:-1]))]
    racks = hall(30, *changes)
    plan = Plan(phase_gpus=256, racks=30)
    ahead = forecast(plan, Start.of_racks(racks, BEGIN_MS, NOW_MS), runs=20, what_ifs=False)
    found = board(plan, racks, NOW_MS, ahead)
    assert (True, 320, 512) == (found.phase.ready, found.phase.gpus, found.phase.next_gpus)
    assert found.day <= found.phase.p50_day <= found.phase.p90_day < found.day + 3
    wide = board(Plan(phase_gpus=1024), racks, NOW_MS, ahead)
    assert (False, None) == (wide.phase.ready, wide.phase.next_gpus)


def test_the_burn_up_has_the_past_the_plan_and_the_band():
    """Accepted on days that are over, the forecast on those ahead, and the plan on all."""
    racks = hall(30, *done(0, 1))
    plan = Plan(racks=30, days=10)
    ahead = forecast(plan, Start.of_racks(racks, BEGIN_MS, NOW_MS), runs=20, what_ifs=False)
    rows = told(board(plan, racks, NOW_MS, ahead))["burn_up"]
    day = next(r for r in rows if r["day"] == 4)
    assert (2, None) == (day["accepted"], day["p50"])
    later = [r for r in rows if r["day"] > 5]
    assert all(r["p10"] <= r["p50"] <= r["p90"] and r["accepted"] is None for r in later)
    assert 30 == rows[-1]["p90"] == rows[-1]["planned"]


def test_a_hall_without_a_rack_on_the_floor_has_no_days():
    """Absent, not day 0."""
    said = told(of())
    assert (None, None, [], None, None) == (said["begin"], said["day"], said["burn_up"], said["forecast"], said["largest_set"])  # fmt: skip
    assert 30 * 64 == said["gpus"]


def test_the_terminal_says_all_of_it():
    """A letter for each state, queues, held racks with their cause, whatever its name holds."""
    found = of(
        *done(0, 1),
        *way("r010", 0, 1),
        change("r011", 3, "held", cause="le\x1bak", step="pressure"),
    )
    console = Console(width=120, height=60, force_terminal=True, color_system=None, record=True)
    console.print(Drawing(found, away="no route"))
    text = console.export_text()
    for words in (
        "AA........",
        "c",
        "usable 128 GPUs",
        "no route",
        "le?ak in pressure",
        "not ready",
        "cabling-crew",
    ):
        assert words in text
    assert len(set(LETTERS.values())) == len(STATES)
