"""The agent of a plant: samples its devices while it leads, and stands by while another does.

Loop and framer live for one leadership, under a boot number of its own; the devices' collectors, the publisher and the
lease live as long as the process. Standing by, the devices are read now and then, so that connections are open and
trees are known when it is to lead. It does not read them while the holder is silent: what happens then must be new to
the loop that tells it.

Before it has read the lease's log it samples as well, for it may be the only one there is. Those ticks wait behind the
gate, and the log decides.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from coldplate.agents.collector import Collector
from coldplate.agents.framer import Framer
from coldplate.agents.gate import Gate
from coldplate.agents.loop import Loop, OnEvent, OnFrame
from coldplate.agents.options.plant import Plant
from coldplate.agents.plant.identity import MemberFile
from coldplate.agents.plant.keeper import Keeper
from coldplate.agents.plant.lease_log import LeaseLog
from coldplate.agents.plant.member import Member, RoleState
from coldplate.agents.settings import KafkaSettings
from coldplate.wire.ports import Publisher
from coldplate.wire.topic import Topics

log = logging.getLogger(__name__)

LOOK_S = 0.5
FIRST_READS = 10
"""Reads at the start, one a tick: some controllers are known only after several."""

WITHIN_TICK_S = 0.002
RECENT_MS = 5_000

LEAVE_S = 3.0
CLOSE_S = 15.0


class GatedPublisher(Publisher, Protocol):
    """A publisher that asks a gate about each record."""

    def gate_changed(self) -> None:
        """Ask again about what is held."""


@dataclass(frozen=True, slots=True)
class Frames:
    """How samples become frames.

    Parameters
    ----------
    cluster
        Its id.
    tick_ms, ticks
        Length of a tick, and ticks of an ordinary frame.
    """

    cluster: str
    tick_ms: int = 1000
    ticks: int = 5


class PlantAgent:
    """One process of a plant.

    Parameters
    ----------
    options
        `[agent.plant]`.
    frames
        How samples become frames.
    collector
        Of all devices (`building.gather_devices`); closed at the end.
    publisher
        Makes the publisher, given the gate that it is to ask; closed at the end.
    settings, topics
        Where Kafka is, and names of the topics.
    state_dir
        Where it is remembered who this member is.
    watch
        Wraps the collector of a leadership, as the local page does; it is not closed.
    on_frame, on_event
        Told of everything that was handed to the publisher.

    Raises
    ------
    StateFolderError
        When another process uses `state_dir`.
    """

    def __init__(
        self,
        options: Plant,
        frames: Frames,
        collector: Collector,
        publisher: Callable[[Gate], GatedPublisher],
        settings: KafkaSettings,
        topics: Topics,
        state_dir: Path,
        *,
        watch: Callable[[Collector], Collector] = lambda collector: collector,
        on_frame: OnFrame = lambda _: None,
        on_event: OnEvent = lambda _: None,
    ) -> None:
        self._options, self._frames, self._topics = options, frames, topics
        self._collector, self._watch = collector, watch
        self._on_frame, self._on_event = on_frame, on_event
        self._counts: Counter[str] = Counter()
        self._turn, self._stop = threading.Event(), threading.Event()
        self._boot, self._reads, self._read_s = time.time_ns(), 0, float("-inf")
        self._since_ms: int | None = None
        self._until_ms: int | None = None
        self._blind = True
        self._publisher: GatedPublisher | None = None
        self._file = MemberFile(state_dir, options.member)
        member = Member(
            options.id, self._file.name, self._boot, lease_s=options.lease_s,
            hold_s=min(options.hold_s, options.lease_s / 3), tick_ms=frames.tick_ms,
        )  # fmt: skip
        self._keeper = Keeper(
            member, (frames.ticks - 1) * frames.tick_ms,
            lambda: LeaseLog(settings, topics.plant, options.id), self._beat,
        )  # fmt: skip
        self._publisher = publisher(self._keeper.gate)

    @property
    def role_state(self) -> RoleState:
        """Whether it leads, stands by, or is cut off from Kafka."""
        return self._keeper.state

    @property
    def member(self) -> str:
        """Its name among the plant's members."""
        return self._file.name

    def counts(self) -> dict[str, Any]:
        """Of lease, loop and publisher."""
        lease = {f"lease_{k}": v for k, v in self._keeper.counts.items()}
        assert self._publisher is not None
        records = {f"records_{k}": v for k, v in self._publisher.counts().items()}
        state = {"role_state": self.role_state.value, "boot": self._boot}
        return {**state, **self._counts, **lease, **records}

    def run(self, stop: threading.Event) -> None:
        """Lead and stand by until `stop` is set; then give the lease up.

        Raises
        ------
        Exception
            Whatever the collector raises.
        """
        self._stop = stop
        over = threading.Event()
        threading.Thread(target=self._watch_stop, args=(over,), name="stop", daemon=True).start()
        try:
            while not stop.is_set():
                if self._keeper.blind or self._keeper.wait(0.0 if self._due() else LOOK_S):
                    self._lead()
                elif self._due():
                    self._stand_by()
        finally:
            over.set()
        if self._until_ms is not None and self.role_state is RoleState.LEADING:
            self._keeper.leave(self._until_ms, LEAVE_S)

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Send what may be sent within the time, and let go of everything."""
        if self._publisher is not None:
            self._publisher.close(timeout_s)
        self._keeper.close()
        self._collector.close()
        self._file.close()

    def _lead(self) -> None:
        """Sample until the lease is another's; or until the log is read for the first time."""
        self._turn.clear()
        if self._stop.is_set():
            return
        self._boot = max(time.time_ns(), self._boot + 1)
        tick_ms = self._frames.tick_ms
        collector = self._watch(self._collector)
        framer = Framer(
            self._frames.cluster, collector, self._boot, tick_ms=tick_ms, ticks=self._frames.ticks
        )
        assert self._publisher is not None
        loop = _Loop(
            collector, framer, self._publisher, self._topics,
            on_frame=self._on_frame, on_event=self._on_event,
        )  # fmt: skip
        loop.counts, loop.on_tick = self._counts, self._ticked
        self._blind = self._keeper.blind
        if not self._blind:
            from_ms = self._keeper.begin(self._sampled_from_ms())
            if from_ms is None:
                return
            # The loop begins with the next whole tick, which must not be before this one.
            wait_s = (from_ms - tick_ms) / 1000 + WITHIN_TICK_S - time.time()
            self._turn.wait(max(0.0, wait_s))
            self._counts["leaderships"] += 1
        self._collector.happenings()  # those of standing by, which the holder has told
        loop.run(self._turn)

    def _watch_stop(self, over: threading.Event) -> None:
        while not self._stop.wait(LOOK_S):
            if over.is_set():
                return
        self._turn.set()

    def _sampled_from_ms(self) -> int | None:
        """The first tick of what was sampled up to now; None when it was not sampling just now."""
        if self._until_ms is None or 1000 * time.time() - self._until_ms > RECENT_MS:
            self._since_ms = None
        return self._since_ms

    def _ticked(self, tick: int) -> None:
        tick_ms = self._frames.tick_ms
        if self._since_ms is None:
            self._since_ms = tick * tick_ms
        self._until_ms = (tick + 1) * tick_ms
        self._reads += 1
        self._keeper.ticked()

    def _due(self) -> bool:
        """Whether one that stands by is to read its devices."""
        first = self._reads < FIRST_READS
        wait_s = self._frames.tick_ms / 1000 if first else self._options.warm_s
        due = time.monotonic() - self._read_s >= wait_s
        return due and (first or self._keeper.hears_holder)

    def _stand_by(self) -> None:
        self._read_s = time.monotonic()
        self._reads += 1
        tick_ms = self._frames.tick_ms
        self._collector.sample(int(1000 * time.time()) // tick_ms * tick_ms)
        self._collector.happenings()
        self._counts["warm_reads"] += 1

    def _beat(self, changed: bool) -> None:
        led = self._blind if self._keeper.blind else self._keeper.holds and not self._blind
        if not led:
            self._turn.set()
        if changed and self._publisher is not None:
            self._publisher.gate_changed()


class _Loop(Loop):
    """A loop that tells of each tick that it has sampled."""

    on_tick: Callable[[int], None]

    def tick(self, tick: int) -> None:
        super().tick(tick)
        self.on_tick(tick)


def run_plant(agent: PlantAgent, stop: threading.Event) -> dict[str, Any]:
    """Run an agent until told to stop; its counts at the end.

    Raises
    ------
    Exception
        Whatever a collector raises; the agent is closed all the same, and another takes over.
    """
    try:
        agent.run(stop)
    finally:
        agent.close()
    return agent.counts()
