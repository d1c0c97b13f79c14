"""Hurried time: it passes as fast as it is told to, waits for what is slow, and never overtakes the wall clock."""

import threading
import time
from itertools import count

import pytest

from coldplate.console.pacing import PENDING_MAX, Pace


def calm():
    return {"pending": 0}


def test_the_fastest_time_passes_at_once_and_stops_at_the_present():
    """An hour without waiting; then as the wall clock does."""
    pace = Pace(float("inf"), 3600, threading.Event(), calm)
    began_s = time.monotonic()
    start_s = pace.clock()
    assert 3600 == pytest.approx(time.time() - start_s, abs=1)
    assert not any(pace.wait(60) for _ in range(59))
    assert 3540 == pytest.approx(pace.clock() - start_s)
    assert time.monotonic() - began_s < 1
    pace.wait(60.2)
    assert pace.clock() <= time.time()
    assert time.monotonic() - began_s >= 0.19


def test_ten_times_as_fast_is_ten_times_as_fast():
    """Two seconds of event time in a fifth of one."""
    pace = Pace(10, 60, threading.Event(), calm)
    start_s, began_s = pace.clock(), time.monotonic()
    for _ in range(4):
        pace.wait(0.5)
    assert 2.0 == pytest.approx(pace.clock() - start_s)
    assert 0.2 <= time.monotonic() - began_s + 0.001 < 1


def test_it_ends_when_told_to():
    """In the middle of a wait, as a stop signal does."""
    stop = threading.Event()
    pace = Pace(1, 0, stop, calm)
    threading.Timer(0.05, stop.set).start()
    assert pace.wait(60)


def test_time_stands_still_while_kafka_does():
    """Until fewer records wait; a stop ends that as well."""
    left = count(PENDING_MAX + 2, -1)
    pace = Pace(float("inf"), 60, threading.Event(), lambda: {"pending": next(left)})
    assert not pace.wait(1)
    assert PENDING_MAX - 1 == next(left)
    stop = threading.Event()
    stop.set()
    assert Pace(float("inf"), 60, stop, lambda: {"pending": PENDING_MAX + 1}).wait(1)
