"""The wall clock watched: steps, slews, sleep, and what a node says of itself."""

import time
from dataclasses import replace

import numpy as np
import pytest

from coldplate.agents.adjtimex import Adjtimex, KernelClock
from coldplate.agents.clock import ClockWatch, Reading, read_clocks
from coldplate.agents.collectors.clock import ERROR, OFFSET, WRONG, ClockCollector
from coldplate.agents.options.clock import Clock
from coldplate.wire.metric import Kind

WALL = 1_790_000_000.0
GOOD = KernelClock(-2e-4, 0.02, 1e-3, synchronised=True)


def still(_second):
    """No change."""
    return 0.0


def seen(seconds=300, *, set_by=still, slewed_by=still, sleeps=()):
    """What a watch tells, as (second, kind, step, state).

    `set_by` and `slewed_by` are what the wall clock has gained by a second; `sleeps` are (second, length).
    """
    watch, out = ClockWatch(), []
    for second in range(seconds):
        asleep = sum(length for at, length in sleeps if second >= at)
        raw = 50.0 + second
        monotonic = raw + slewed_by(second)
        wall = WALL + monotonic + asleep + set_by(second)
        changes = watch.look(wall, monotonic, monotonic + asleep, raw)
        out += [(second, c.kind, c.step_s, c.state) for c in changes]
    return out


@pytest.mark.parametrize("step_s", [0.11, -0.11, 3600.0, -3600.0, 1e9])
def test_a_step_is_told_once_with_its_size(step_s):
    """In both directions, from a tenth of a second on."""
    assert [(100, "step", step_s, "")] == seen(set_by=lambda s: step_s * (s >= 100))


def test_a_change_below_a_tenth_of_a_second_is_neither_step_nor_slew():
    """Time daemons set a clock by so much at their start."""
    assert [] == seen(set_by=lambda s: 0.09 * (s >= 100))


def test_ticks_that_were_lost_are_no_step():
    """Both clocks went on."""
    watch = ClockWatch()
    watch.look(WALL, 50.0)
    assert [] == watch.look(WALL + 40.0, 90.0)


def test_sleep_is_told_apart_from_a_step():
    """A machine that slept has its wall clock set by the kernel, rightly; one whose clock was set in its sleep has both."""
    assert [(100, "suspend", 500.0, "")] == seen(sleeps=[(100, 500.0)])
    both = seen(set_by=lambda s: 2.0 * (s >= 100), sleeps=[(100, 500.0)])
    assert [("suspend", 500.0), ("step", 2.0)] == [(kind, step) for _, kind, step, _ in both]


@pytest.mark.parametrize("ppm", [500.0, -500.0, 250.0])
def test_a_slew_is_told_when_it_begins_and_when_it_ends(ppm):
    """Within two minutes of either."""
    told = seen(600, slewed_by=lambda s: ppm * 1e-6 * min(max(s - 100, 0), 200))
    assert [("slew", "start"), ("slew", "end")] == [(kind, state) for _, kind, _, state in told]
    assert 100 < told[0][0] <= 162
    assert 300 < told[1][0] <= 362


def test_the_rate_of_a_slew_is_told():
    """Positive when the clock runs too fast."""
    watch = ClockWatch()
    told = [c for s in range(70) for c in watch.look(WALL + s * 1.0005, 50.0 + s * 1.0005, None, s)]
    assert [pytest.approx(500.0, abs=1.0)] == [c.rate_ppm for c in told if c.kind == "slew"]


def test_a_crystal_that_is_merely_off_is_no_slew():
    """Its daemon corrects it by so much for ever."""
    assert [] == seen(600, slewed_by=lambda s: 90e-6 * s)


def test_a_rate_about_the_limit_does_not_flutter():
    """It ends at half the rate at which it begins."""
    told = seen(2000, slewed_by=lambda s: 200e-6 * s + 2e-3 * np.sin(s / 20))
    assert 1 >= len(told)


def test_a_step_ends_a_slew_and_the_rate_is_taken_anew():
    """The step itself is no rate."""
    told = seen(400, set_by=lambda s: 5.0 * (s >= 200), slewed_by=lambda s: 5e-4 * s)
    assert [("slew", "start"), ("step", ""), ("slew", "end"), ("slew", "start")] == [
        (kind, state) for _, kind, _, state in told
    ]
    assert told[3][0] >= 260


def test_clocks_are_read_within_5_ms_of_each_other_or_not_at_all():
    """A thread that is held up between two of them would see a step that never was."""
    base = {n: time.clock_gettime(n) for n in range(8)}
    now = [0.0]

    def held_up(number):
        now[0] += 0.01
        return base[number] + now[0]

    assert read_clocks(held_up) is None
    reading = read_clocks()
    assert pytest.approx(time.time(), abs=5.0) == reading.wall_s
    assert reading.boottime_s >= reading.monotonic_s - 0.005


def test_the_kernels_view_is_read():
    """On any Linux, without privileges: an error between 0 and the 16 s at which the kernel stops counting."""
    view = Adjtimex()()
    assert 0 <= view.error_s <= 16.0 + 1.0
    assert abs(view.offset_s) < 1.0


class Machine:
    """A node whose clocks and kernel do as they are told."""

    def __init__(self, kernel=GOOD, **options):
        self.kernel, self.reading = kernel, Reading(WALL, 50.0, 50.0, 50.0)
        self.collector = ClockCollector(
            "rack-0000/node-0", "rack-0000", Clock(**options),
            kernel=lambda: self.kernel, clocks=lambda: self.reading,
        )  # fmt: skip

    def tick(self, passed_s=1.0, step_s=0.0, slewed_s=0.0):
        r, slewed = self.reading, passed_s + slewed_s
        self.reading = Reading(
            r.wall_s + slewed + step_s, r.monotonic_s + slewed, r.boottime_s + slewed,
            r.raw_s + passed_s,
        )  # fmt: skip
        column = self.collector.sample(round(self.reading.wall_s * 1000))[Kind.NODE][:, 0]
        return column[[OFFSET, ERROR, WRONG]].tolist()


def test_a_clock_that_is_kept_right_is_told_as_such():
    """Offset and greatest error by the kernel, and nothing else of the node."""
    machine = Machine()
    assert [-2e-4, 0.02, 0.0] == machine.tick()
    rest = machine.collector.sample(0)[Kind.NODE][:, 0]
    assert 3 == np.count_nonzero(~np.isnan(rest))


@pytest.mark.parametrize("kernel", [replace(GOOD, synchronised=False), replace(GOOD, error_s=1.6)])
def test_a_clock_that_nobody_keeps_right_is_marked(kernel):
    """Not synchronised, or possibly further off than the option allows."""
    assert 1.0 == Machine(kernel).tick()[2]
    assert 0.0 == Machine(replace(GOOD, error_s=1.6), error_max_s=2.0).tick()[2]


def test_a_step_marks_the_node_for_a_minute_and_is_told_once():
    """The time of the node's frames right after it may not be compared with others'."""
    machine = Machine()
    machine.tick()
    assert 1.0 == machine.tick(step_s=-30.0)[2]
    wrong = [machine.tick()[2] for _ in range(70)]
    assert [1.0] * 59 + [0.0] * 11 == wrong
    (step,) = machine.collector.happenings()
    assert ("clock_step", "rack-0000/node-0", {"step_s": -30.0}) == (
        step.kind, step.subject, step.data,
    )  # fmt: skip
    assert [] == machine.collector.happenings()


def test_a_slew_is_told_with_its_rate():
    """Beginning and end, as events of the node."""
    machine = Machine()
    for second in range(200):
        machine.tick(slewed_s=4e-4 if second < 70 else 0.0)
    told = machine.collector.happenings()
    assert [("clock_slew", "start"), ("clock_slew", "end")] == [
        (h.kind, h.data["state"]) for h in told
    ]
    assert pytest.approx(400.0, abs=2.0) == told[0].data["rate_ppm"]


def test_a_kernel_that_may_not_be_asked_leaves_the_metrics_absent(caplog):
    """Neither right nor wrong, said once; a step is still seen."""
    machine = Machine(None)
    np.testing.assert_equal([np.nan] * 3, machine.tick())
    np.testing.assert_equal([np.nan, np.nan, 1.0], machine.tick(step_s=9.0))
    assert 1 == sum("adjtimex" in line for line in caplog.messages)
    assert [False] == [h.ok for h in machine.collector.health()]
    origins = machine.collector.origins()["rack-0000/node-0"]
    assert "no-permission" == origins["clock_offset_s"].absent


def test_clocks_that_could_not_be_read_together_are_passed_over():
    """The next tick looks again, and a step in between is not lost."""
    machine = Machine()
    machine.tick()
    before, machine.reading = machine.reading, None
    machine.collector.sample(0)
    machine.reading = before
    machine.tick(passed_s=2.0, step_s=1.0)
    assert ["clock_step"] == [h.kind for h in machine.collector.happenings()]


def test_this_machines_clock_can_be_watched():
    """With the real kernel, two ticks in a row."""
    collector = ClockCollector("rack-0000/node-0", "rack-0000")
    for tick_ms in (0, 1000):
        found = collector.sample(tick_ms)[Kind.NODE][WRONG, 0]
    assert found in (0.0, 1.0)
    assert [] == collector.happenings()
