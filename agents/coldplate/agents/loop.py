"""The sampling loop: on whole ticks of the wall clock, so that devices everywhere compare at the same instant.

The loop only samples, frames and hands over; publishing has its own thread and never blocks it. A collector that is
late loses ticks, which are counted and never made up. When the clock is set back by more than a tick, ticks start over
at the new time: waiting until it has caught up would be silence. Ticks that a clock set forward jumps over were not missed.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

from coldplate.agents.clock import ClockWatch
from coldplate.agents.collector import Collector, Happening, Source
from coldplate.agents.framer import Framed, Framer
from coldplate.wire.codec import encode
from coldplate.wire.event import Event
from coldplate.wire.ports import Publisher
from coldplate.wire.topic import Topics, rack_key

log = logging.getLogger(__name__)

TEXT_MAX = 1000

OnFrame = Callable[[Framed], None]
OnEvent = Callable[[Event], None]


def boottime_s() -> float:
    """Seconds of the clock that nobody sets and that runs on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Loop:
    """One collector, sampled until told to stop.

    Parameters
    ----------
    collector, framer, publisher
        Where samples come from, how they become frames, and where these go.
    topics
        Names of the topics.
    on_frame, on_event
        Told of everything that was handed to the publisher.
    clock
        Unix time in seconds.
    boottime
        Seconds of a clock that nobody sets and that runs on while the machine sleeps.
    tells_steps
        Whether the loop tells when the clock was set back; False where a collector watches the clock, so that one
        step is one event.
    counts, event_seq
        Of an earlier loop of the same boot, with which this one goes on.
    """

    def __init__(
        self,
        collector: Collector,
        framer: Framer,
        publisher: Publisher,
        topics: Topics,
        *,
        on_frame: OnFrame = lambda _: None,
        on_event: OnEvent = lambda _: None,
        clock: Callable[[], float] = time.time,
        boottime: Callable[[], float] = boottime_s,
        tells_steps: bool = True,
        counts: Counter[str] | None = None,
        event_seq: Counter[str] | None = None,
    ) -> None:
        self._collector, self._framer, self._publisher = collector, framer, publisher
        self._topics = topics
        self._on_frame, self._on_event, self._clock = on_frame, on_event, clock
        self._boottime, self._tells_steps = boottime, tells_steps
        self._watch = ClockWatch()
        self.counts: Counter[str] = Counter() if counts is None else counts
        self._telling = threading.Lock()
        self._event_seq: Counter[str] = Counter() if event_seq is None else event_seq
        self._source_of = {
            collector.devices[kind][i]: source
            for source in collector.sources
            for kind, span in source.devices.items()
            for i in span
        }

    def run(self, stop: threading.Event, for_s: float | None = None) -> None:
        """Sample until `stop` is set, or for so many seconds; then send what is held.

        Raises
        ------
        Exception
            Whatever the collector raises: a node that cannot be sampled should be restarted, not be silent.
        """
        tick_s = self._framer.tick_ms / 1000
        tick = int(self._clock() // tick_s) + 1
        last = None if for_s is None else tick + round(for_s / tick_s) - 1
        self._forward_s()
        try:
            while last is None or tick <= last:
                wait_s = tick * tick_s - self._clock()
                if wait_s > 2 * tick_s:
                    back = tick - 1 - int(self._clock() // tick_s)
                    tick -= back
                    last = None if last is None else last - back
                    self._tell_clock_step(tick, back * tick_s)
                elif stop.wait(max(0.0, wait_s)):
                    break
                elif self._clock() >= tick * tick_s:
                    self.tick(tick)
                    now = int(self._clock() // tick_s)
                    ahead = round(self._forward_s() / tick_s)
                    self.counts["missed_ticks"] += max(0, now - tick - ahead)
                    tick = max(tick, now) + 1
        finally:
            self._send(self._framer.flush())

    def _forward_s(self) -> float:
        """By how much the clock was set forward since the last call."""
        changes = self._watch.look(self._clock(), self._boottime())
        return sum(c.step_s for c in changes if c.kind == "step" and c.step_s and c.step_s > 0)

    def tick(self, tick: int) -> None:
        """Sample once and hand over what is due."""
        samples = self._collector.sample(tick * self._framer.tick_ms)
        # Events first: they are what cannot wait.
        for happening in self._collector.happenings():
            self._send_event(happening)
        self._send(self._framer.add(tick, samples, self._collector.conditions()))
        self.counts["ticks"] += 1

    def _send(self, frames: list[Framed]) -> None:
        for frame in frames:
            key = rack_key(frame.rack)
            self._publisher.publish(
                self._topics.frames, key, frame.record, urgent=frame.urgent, first_ms=frame.first_ms
            )
            self.counts["frames"] += 1
            self.counts["values"] += frame.values
            self._on_frame(frame)

    def _tell_clock_step(self, tick: int, back_s: float) -> None:
        log.warning("the wall clock was set back by about %g s; ticks start over", back_s)
        self.counts["clock_steps"] += 1
        t_ms = tick * self._framer.tick_ms
        # One clock, one event, however many sources this process has.
        for source in self._collector.sources[:1] if self._tells_steps else ():
            step = Happening("clock_step", source.name, t_ms, data={"step_s": -back_s})
            self._publish_event(source, step)

    def tell(self, happening: Happening) -> None:
        """Publish what cannot wait for a tick; from any thread."""
        self._send_event(happening)

    def _send_event(self, happening: Happening) -> None:
        source = self._source_of.get(happening.subject)
        if source is None:
            log.warning("an event of %s, which no source owns, is dropped", happening.subject)
            self.counts["dropped_events"] += 1
            return
        self._publish_event(source, happening)

    def _publish_event(self, source: Source, happening: Happening) -> None:
        with self._telling:
            event = Event(
                happening.kind, happening.subject, source.rack, happening.t_ms, self._framer.cluster,
                source.name, self._framer.boot, self._event_seq[source.name], happening.code,
                happening.text[:TEXT_MAX], dict(happening.data),
            )  # fmt: skip
            self._event_seq[source.name] += 1
            self._publisher.publish(
                self._topics.events, rack_key(source.rack), encode(event),
                urgent=True, first_ms=event.t_ms,
            )  # fmt: skip
            self.counts["events"] += 1
            self._on_event(event)
