"""A lane waits until its deadline, never longer, and asks less often what fails."""

import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from waiting import await_that

from coldplate.agents.lane import REST_MAX, Lane


class Blocked:
    """Work that hangs until it is let go."""

    def __init__(self) -> None:
        self.go, self.began, self.calls = threading.Event(), threading.Event(), 0

    def __call__(self, what: int) -> int:
        self.calls += 1
        self.began.set()
        self.go.wait(10.0)
        return what


@pytest.fixture
def blocked() -> Iterator[Blocked]:
    work = Blocked()
    yield work
    work.go.set()


def ask(lane: Lane[int, int], what: int, within_s: float = 5.0) -> int | None:
    lane.ask(what, 1000 * what)
    return lane.answer(time.monotonic() + within_s)


def test_an_answer_comes_back() -> None:
    """What the work returns, with its tick as the last success."""
    lane = Lane("double", lambda x: 2 * x)
    assert 6 == ask(lane, 3)
    health = lane.health()
    assert health.ok
    assert 3000 == health.last_success_ms
    assert {"asked": 1, "answered": 1} == health.counts
    assert health.duration_s is not None
    assert lane.close()


def test_nobody_waits_beyond_the_deadline(blocked: Blocked) -> None:
    """A call that hangs costs the deadline once; while it hangs, askings are refused at once."""
    lane = Lane("hangs", blocked)
    began_s = time.monotonic()
    assert ask(lane, 1, 0.05) is None
    assert time.monotonic() - began_s < 2.0
    assert not lane.ask(2, 2000)
    assert lane.answer(time.monotonic() + 60.0) is None
    health = lane.health()
    assert not health.ok
    assert "no answer in time" == health.text
    assert (1, 1) == (health.counts["timeout"], health.counts["busy"])
    assert 1 == blocked.calls
    assert not lane.close(0.01)


def test_a_late_answer_is_not_taken_for_the_next_one(blocked: Blocked) -> None:
    """It belongs to a tick that is over; after it the lane works again."""
    lane = Lane("late", blocked)
    assert ask(lane, 1, 0.01) is None
    blocked.go.set()
    await_that(lambda: lane.health().counts.get("late") == 1, 5.0, "the late answer")
    assert 2 == ask(lane, 2)
    assert lane.health().ok
    assert lane.close()


def test_what_is_raised_is_counted_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """One line when it begins, one when it is over, under the name of the lane."""
    errors = [ValueError("broken"), ValueError("broken"), None]

    def work(_: int) -> int:
        if (error := errors.pop(0)) is not None:
            raise error
        return 7

    lane = Lane("sensor", work)
    found = [ask(lane, i) for i in range(4)]
    # The second failure in a row costs a rest.
    assert [None, None, None, None, 7] == [*found, *(ask(lane, i) for i in (4,))]
    assert {"error": 2, "rested": 2} == {
        k: v for k, v in lane.health().counts.items() if k in ("error", "rested")
    }
    assert ["sensor: ValueError: broken", "sensor: answers again"] == caplog.messages
    assert lane.close()


def test_an_error_may_name_its_reason() -> None:
    """An exception with a `reason` is counted under it."""

    class Lost(RuntimeError):
        reason = "lost"

    def work(_: int) -> int:
        raise Lost("GPU is lost")

    lane = Lane("gpu", work)
    assert ask(lane, 1) is None
    assert 1 == lane.health().counts["lost"]
    assert lane.close()


def test_rests_grow_and_are_bounded() -> None:
    """After failures in a row, 2, 4, 8 ... and at most so many askings are skipped."""

    def work(_: int) -> int:
        raise OSError("away")

    lane = Lane("away", work)
    at = []
    for i in range(200):
        before = lane.health().counts.get("error", 0)
        ask(lane, i)
        if lane.health().counts.get("error", 0) > before:
            at.append(i)
    gaps = [b - a for a, b in pairwise(at)]
    assert [1, 3, 5, 9, 17] == gaps[:5]
    assert {REST_MAX + 1} == set(gaps[5:])
    assert lane.close()
