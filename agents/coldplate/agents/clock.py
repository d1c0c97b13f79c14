"""Watches the wall clock against clocks that nobody sets.

The kernel sets the wall clock (a step) or lets it run faster or slower until it is right (a slew). CLOCK_BOOTTIME is
slewed alike and runs on in suspend, so the wall clock's distance to it changes with steps alone. CLOCK_MONOTONIC stands
still in suspend, which tells that apart. CLOCK_MONOTONIC_RAW is never slewed, so CLOCK_MONOTONIC's rate shows against it.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

STEP_S = 0.1
"""A change between two looks that counts as a step; slewing by the kernel's most, 500 ppm, takes 200 s for it."""

SLEW_PPM = 200.0
"""A rate that counts as slewing; a crystal that is merely off needs a correction below 100 ppm."""

SLEW_OVER_PPM = 100.0
"""Below this rate a slew is over."""

WINDOW_S = 60.0
"""Over which the rate is taken."""

WRONG_S = 60.0
"""The clock counts as wrong for so long after a step."""

_TOGETHER_S = 0.005
_TRIES = 3


@dataclass(frozen=True, slots=True)
class ClockChange:
    """Something that happened to the wall clock.

    Parameters
    ----------
    kind
        `suspend` is the machine asleep; its wall clock was not set.
    step_s
        How far it was set, negative for back; of a `suspend` how long it lasted. None of a slew.
    rate_ppm
        How much too fast it runs over the last minute, negative for slow; None of a step.
    state
        `start` or `end` of a slew.
    """

    kind: Literal["step", "slew", "suspend"]
    step_s: float | None = None
    rate_ppm: float | None = None
    state: Literal["", "start", "end"] = ""


class ClockWatch:
    """Tells what changed from one look to the next.

    Parameters
    ----------
    step_s, slew_ppm
        From which on a step or a rate is told.

    Notes
    -----
    Holds a reading a second for a minute. After a step or a suspend the rate is taken anew, so a slew is told a minute
    later at the earliest, and one that was told before it ends there.

    Examples
    --------
    >>> watch = ClockWatch()
    >>> watch.look(1000.0, 10.0), watch.look(1001.0, 11.0)
    ([], [])
    >>> watch.look(999.5, 12.0)
    [ClockChange(kind='step', step_s=-2.5, rate_ppm=None, state='')]
    """

    def __init__(self, *, step_s: float = STEP_S, slew_ppm: float = SLEW_PPM) -> None:
        self._step_s, self._slew_ppm = step_s, slew_ppm
        self._last: tuple[float, float] | None = None
        self._minute: deque[tuple[float, float]] = deque()
        self._slewing = False
        self._stepped_s = float("-inf")

    def look(
        self,
        wall_s: float,
        monotonic_s: float,
        boottime_s: float | None = None,
        raw_s: float | None = None,
    ) -> list[ClockChange]:
        """What changed since the last look.

        Parameters
        ----------
        wall_s, monotonic_s, boottime_s, raw_s
            The four clocks at one instant. Where the latter two are not given, the monotonic clock stands for them,
            as one that is neither slewed nor stands still.
        """
        boottime_s = monotonic_s if boottime_s is None else boottime_s
        # Differences first: sums of large times would lose microseconds.
        set_s, slept_s = wall_s - boottime_s, boottime_s - monotonic_s
        last, self._last = self._last, (set_s, slept_s)
        out = []
        if last is not None:
            if slept_s - last[1] > self._step_s:
                out.append(ClockChange("suspend", round(slept_s - last[1], 6)))
            if abs(set_s - last[0]) > self._step_s:
                out.append(ClockChange("step", round(set_s - last[0], 6)))
                self._stepped_s = boottime_s
        if out:
            self._minute.clear()
            if self._slewing:
                self._slewing = False
                out.append(ClockChange("slew", state="end"))
        # The monotonic clock is slewed as the wall clock is, and never set: small steps are no rate.
        if raw_s is None:
            return out + self._rate(wall_s, monotonic_s)
        return out + self._rate(monotonic_s, raw_s)

    def stepped_s_ago(self, boottime_s: float) -> float:
        """How long ago the last step was; infinite when there was none."""
        return boottime_s - self._stepped_s

    def _rate(self, slewed_s: float, raw_s: float) -> list[ClockChange]:
        minute = self._minute
        if minute and raw_s - minute[-1][0] < 1.0:
            return []
        minute.append((raw_s, slewed_s))
        while len(minute) > 2 and raw_s - minute[1][0] >= WINDOW_S:
            minute.popleft()
        passed_s = raw_s - minute[0][0]
        if passed_s < WINDOW_S:
            return []
        rate_ppm = ((slewed_s - minute[0][1]) / passed_s - 1) * 1e6
        if self._slewing == (abs(rate_ppm) > (SLEW_OVER_PPM if self._slewing else self._slew_ppm)):
            return []
        self._slewing = not self._slewing
        state: Literal["start", "end"] = "start" if self._slewing else "end"
        return [ClockChange("slew", rate_ppm=round(rate_ppm, 1), state=state)]


@dataclass(frozen=True, slots=True)
class Reading:
    """The four clocks at one instant, in seconds."""

    wall_s: float
    monotonic_s: float
    boottime_s: float
    raw_s: float


def read_clocks(
    clock: Callable[[int], float] = time.clock_gettime,
) -> Reading | None:
    """All clocks within 5 ms; None when the thread was held up between them three times in a row.

    Parameters
    ----------
    clock
        Seconds of a clock, by its number.
    """
    for _ in range(_TRIES):
        begin_s = clock(time.CLOCK_BOOTTIME)
        reading = Reading(
            clock(time.CLOCK_REALTIME), clock(time.CLOCK_MONOTONIC), begin_s,
            clock(time.CLOCK_MONOTONIC_RAW),
        )  # fmt: skip
        if clock(time.CLOCK_BOOTTIME) - begin_s < _TOGETHER_S:
            return reading
    return None
