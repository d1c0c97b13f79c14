"""Waiting for a condition instead of for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_S = 0.02


def await_that(condition: Callable[[], T], within_s: float, what: str) -> T:
    """The first true answer of `condition`; an AssertionError that says `what` did not come."""
    deadline_s = time.monotonic() + within_s
    while not (answer := condition()):
        if time.monotonic() >= deadline_s:
            raise AssertionError(f"waited {within_s:g} s for {what}; last answer: {answer!r}")
        time.sleep(LOOK_S)
    return answer
