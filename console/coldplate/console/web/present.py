"""The hall now: what came since the last look is added to what is known, and what changes slowly is asked for seldom."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

import numpy as np

from coldplate.console.live.load import Load
from coldplate.console.live.picture import STALE_S
from coldplate.console.web import incidents, strip
from coldplate.console.web.cells import Ground
from coldplate.console.web.connections import Ask
from coldplate.console.web.drift import drift_of, lines_of
from coldplate.console.web.jobs import Jobs
from coldplate.console.web.samples import Samples, window
from coldplate.console.web.strip import heard_of, racks_w, states
from coldplate.console.web.water import racks_of
from coldplate.dashboards.web.channels import F32
from coldplate.dashboards.web.picture import Picture

STALE_MS = round(1000 * STALE_S)
FRAME_MS = 6_000
"""A node's newest sample is at most a frame older than the hall's newest, give or take a second."""

WHOLE_S = 5.0
"""So often all of the last 15 s is looked at, for who is later than the others."""

SOON_S, SLOW_S, MINUTE_S, LEARNT_S = 5.0, 10.0, 60.0, 600.0
AHEAD_MS = 5_000
"""A clock may be ahead by so much."""

T = TypeVar("T")


class Kept(Generic[T]):
    """An answer that is good for a while.

    Parameters
    ----------
    ask
        Asks anew.
    for_s
        Seconds.
    """

    def __init__(self, ask: Callable[[], T], for_s: float) -> None:
        self._ask, self._for_s = ask, for_s
        self._found: T | None = None
        self._until_s = 0.0

    def get(self, *, changed: bool = False) -> T:
        """It; asked anew when it is old, or when something is known to have changed."""
        if self._found is None or changed or time.monotonic() >= self._until_s:
            self._found = self._ask()
            self._until_s = time.monotonic() + self._for_s
        return self._found


class Values(Mapping[str, F32]):
    """Channels' values, made when they are looked at: of seven channels most seconds show one or two."""

    def __init__(self, makers: Mapping[str, Callable[[], F32]]) -> None:
        self._makers = makers

    def __getitem__(self, name: str) -> F32:
        return self._makers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


class Present:
    """Looks once a second; used by one thread at a time.

    Parameters
    ----------
    ask
        The history.
    ground
        Whose cells; another floor is another `Present`.
    """

    def __init__(self, ask: Ask, ground: Ground) -> None:
        self._ask, self.ground = ask, ground
        self._samples = Samples.none(len(ground.rack_of))
        self._whole_s = 0.0
        self._now_ms = 0
        self._load, self._jobs = Load(), Jobs()
        self._news: object = None
        self._incidents = Kept(lambda: incidents.now(ask, ground, self._now_ms), SLOW_S)
        self._swing = Kept(
            lambda: strip.swing_of(ask, self._now_ms, whole=self._incidents.get().swings), SLOW_S
        )
        self._lag = Kept(lambda: (strip.lag_of(ask),), SOON_S)
        self._lines = Kept(lambda: lines_of(ask, ground), LEARNT_S)
        self._drift = Kept(lambda: drift_of(ask, ground, self._lines.get(), self._now_ms), MINUTE_S)

    def picture(self) -> Picture:
        """The newest.

        Raises
        ------
        Away
        """
        ask, ground = self._ask, self.ground
        ((self._now_ms, *news),) = ask.rows(
            f"SELECT toUnixTimestamp64Milli(now64(3)), * FROM ({incidents.CHANGED})"
        )
        now_ms, since_ms = self._now_ms, self._now_ms - STALE_MS
        samples = self._samples = self._samples.with_newer(ask, ground, self._window())
        racks = racks_of(ask, ground, window(since_ms, now_ms + AHEAD_MS))
        found = self._incidents.get(changed=news != self._news)
        self._news = news
        job, names = self._jobs.show(ask, samples.jobs(since_ms))
        power_w = samples.values("power_w", since_ms)
        heard_ms = heard_of(ground, samples, racks)
        silent = heard_ms <= since_ms
        told = strip.told(
            self._load.now(ask.rows, racks_w(ground, racks, power_w), now_ms), self._swing.get(),
            samples.throttled(since_ms), self._lag.get()[0], states(found, silent),
        )  # fmt: skip
        drift = self._drift.get()
        values = Values({
            "margin": lambda: samples.values("margin_c", since_ms),
            "temperature": lambda: samples.values("gpu_c", since_ms),
            "power": lambda: power_w,
            "drift": lambda: fresh(drift, samples, since_ms),
            "flow": lambda: racks.flow(ground), "job": lambda: job, "incident": lambda: found.codes,
        })  # fmt: skip
        newest_ms = int(heard_ms.max(initial=0)) or None
        return Picture(
            ground.floor.version, now_ms, newest_ms, values, np.flatnonzero(silent).tolist(), told, names, found.told
        )  # fmt: skip

    def _window(self) -> str:
        """From where something new may be; at times all of it."""
        since_ms = self._now_ms - STALE_MS
        if time.monotonic() < self._whole_s:
            since_ms = max(since_ms, self._samples.newest_ms - FRAME_MS)
        else:
            self._whole_s = time.monotonic() + WHOLE_S
        return window(since_ms, self._now_ms + AHEAD_MS)


def fresh(values: F32, samples: Samples, since_ms: int) -> F32:
    """Those of GPUs that tell something."""
    return np.where(samples.t_ms > since_ms, values, np.float32(np.nan))
