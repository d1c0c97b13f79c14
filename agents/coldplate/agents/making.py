"""Collectors that may not be there yet: each is made in a thread of its own, and again until it succeeds.

A driver that is not loaded, or whose initialisation hangs, neither ends an agent nor keeps it from sampling the rest.
What appears later joins between two ticks, and what says that its devices are others is made anew; the others live on.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from coldplate.agents.collector import (
    Collector,
    Conditions,
    Happening,
    Health,
    Origin,
    Samples,
    Source,
)
from coldplate.agents.errors import DevicesChanged
from coldplate.agents.gather import Gathering
from coldplate.wire.metric import Kind

log = logging.getLogger(__name__)

RETRY_S = 10.0

Make = Callable[[], Collector]


class Roster:
    """The collectors that an agent wants, and those that it has.

    Parameters
    ----------
    wanted
        How each is made, by name, in the order in which they are believed.
    on_change
        Called from any thread when what `gather` gave is no longer all there is.
    after
        By name, whose devices a collector is made for: it is made after the other was tried, and anew when that is
        another one.
    retry_s
        From one attempt that failed to the next.
    """

    def __init__(
        self,
        wanted: Mapping[str, Make],
        on_change: Callable[[], None],
        *,
        after: Mapping[str, str] | None = None,
        retry_s: float = RETRY_S,
    ) -> None:
        self._on_change = on_change
        self._lock = threading.Lock()
        self._lent: dict[str, _Lent] | None = None
        self._after = dict(after or {})
        self._makers = {
            name: _Maker(name, make, self._made, retry_s) for name, make in wanted.items()
        }
        for name, maker in self._makers.items():
            maker.start(self._makers.get(self._after.get(name, "")))

    def wait(self, timeout_s: float) -> None:
        """Until each was tried once, for so long at most in all."""
        deadline_s = time.monotonic() + timeout_s
        for maker in self._makers.values():
            maker.tried.wait(max(0.0, deadline_s - time.monotonic()))

    def gather(self, *, deadline_s: float) -> Gathering:
        """One collector of all that are there; close it, then `release`, before the next."""
        with self._lock:
            there = {n: m.collector for n, m in self._makers.items() if m.collector is not None}
            self._lent = {name: _Lent(collector) for name, collector in there.items()}
            return Gathering(self._lent, deadline_s=deadline_s)

    def release(self) -> None:
        """Take back what `gather` gave; who hangs, or has other devices now, is made anew."""
        with self._lock:
            lent_out, self._lent = self._lent or {}, None
        for name, lent in lent_out.items():
            if lent.changed or not lent.back:
                self._makers[name].anew(close=lent.back)
        for name, lent in lent_out.items():
            if self._makers[name].outdated():
                self._makers[name].anew(close=lent.back)

    def missing(self) -> dict[str, str]:
        """Who could not be made, and why."""
        return {n: m.why for n, m in self._makers.items() if m.collector is None}

    def has(self, name: str) -> Collector | None:
        """One collector itself; None when it is not there."""
        maker = self._makers.get(name)
        return None if maker is None else maker.collector

    def close(self) -> None:
        """Close all, and try no longer; what is being made is closed when it comes."""
        for maker in self._makers.values():
            maker.close()

    def _made(self, name: str) -> None:
        with self._lock:
            late = self._lent is not None and name not in self._lent
        if late:
            self._on_change()


class _Maker:
    """Makes one collector."""

    def __init__(
        self, name: str, make: Make, on_made: Callable[[str], None], retry_s: float
    ) -> None:
        self.collector: Collector | None = None
        self.why = "not made yet"
        self.tried = threading.Event()
        self._name, self._make, self._on_made, self._retry_s = name, make, on_made, retry_s
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._after: _Maker | None = None
        self._made_for: Collector | None = None

    def start(self, after: "_Maker | None") -> None:
        """Begin to try; `after` whom."""
        self._after = after
        self._start()

    def outdated(self) -> bool:
        """Whether it was made for the devices of a collector that is no longer there, or not yet was."""
        there = self.collector is not None and self._after is not None
        return there and self._after is not None and self._after.collector is not self._made_for

    def anew(self, *, close: bool) -> None:
        """Let go of the collector, and make another."""
        with self._lock:
            old, self.collector = self.collector, None
        if close and old is not None:
            old.close()
        self.tried.clear()
        self._start()

    def close(self) -> None:
        self._closing.set()
        with self._lock:
            old, self.collector = self.collector, None
        if old is not None:
            old.close()

    def _start(self) -> None:
        threading.Thread(target=self._run, name=f"make-{self._name}", daemon=True).start()

    def _run(self) -> None:
        while not self._closing.is_set():
            if self._after is not None:
                self._after.tried.wait(self._retry_s)
                self._made_for = self._after.collector
            try:
                made = self._make()
            except Exception as error:  # noqa: BLE001  whatever a driver's library raises; told once
                why = str(error) or type(error).__name__
                if why != self.why:
                    log.warning("%s: %s", self._name, why)
                self.why = why
                self.tried.set()
                self._closing.wait(self._retry_s)
                continue
            with self._lock:
                if not self._closing.is_set():
                    self.collector, self.why = made, ""
            if self.collector is None:
                made.close()
            self.tried.set()
            self._on_made(self._name)
            return


class _Lent:
    """A collector that outlives the gathering it is lent to; knows whether it came back."""

    def __init__(self, inner: Collector) -> None:
        self._inner = inner
        self.changed = self.back = False

    @property
    def devices(self) -> Mapping[Kind, tuple[str, ...]]:
        return self._inner.devices

    @property
    def sources(self) -> Sequence[Source]:
        return self._inner.sources

    def sample(self, tick_ms: int) -> Samples:
        try:
            return self._inner.sample(tick_ms)
        except DevicesChanged:
            self.changed = True
            raise

    def conditions(self) -> Conditions | None:
        return self._inner.conditions()

    def happenings(self) -> list[Happening]:
        return self._inner.happenings()

    def health(self) -> Sequence[Health]:
        return self._inner.health()

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        return self._inner.origins()

    def close(self) -> None:
        # The gathering closes whom its lane is free of; who hangs in there it leaves alone.
        self.back = True
