"""Runs a stretch of the history through the worker's own pipeline, once for each set of parameters, in one reading."""

from collections.abc import Callable, Sequence
from typing import BinaryIO

import msgspec

from coldplate.agents.framer import Framed, Framer
from coldplate.console.backtesting.episode import Episode, episode_of
from coldplate.console.backtesting.happened import Happened
from coldplate.console.backtesting.heard import Heard
from coldplate.console.backtesting.stretch import Stretch
from coldplate.streams.evaluate.live import Live
from coldplate.streams.parameters import Parameters
from coldplate.streams.pipeline import Pipeline
from coldplate.wire.baseline import Baselines
from coldplate.wire.codec import encode
from coldplate.wire.event import Event
from coldplate.wire.incident import Incident
from coldplate.wire.inventory import Inventory
from coldplate.wire.topic import rack_key

FRAME_TICKS = 5
"""Ticks of an ordinary frame, as agents send them. Frames of so many ticks are judged at once, which says the same as one
by one and costs a fraction; events, and the passing of time, are looked at every tick."""

DAY_MS = 86_400_000

Tell = Callable[[float], None]


class Side:
    """One of the settings that are compared: a worker, and what it said.

    Parameters
    ----------
    cluster, inventory, parameters
        As a worker has them.
    known
        What detectors had learnt.
    out
        Takes every record of an incident, a line of JSON each; None for nothing.
    """

    def __init__(
        self, cluster: str, inventory: Inventory, parameters: Parameters,
        known: Sequence[Baselines] = (), out: BinaryIO | None = None,
    ) -> None:  # fmt: skip
        pipeline = Pipeline(cluster, inventory, parameters)
        pipeline.keeping.expect(known)
        self._live, self._out = Live(pipeline), out
        self._last: dict[str, Incident] = {}

    def take(
        self, tick_ms: int, frames: Sequence[tuple[int, Framed]], events: Sequence[Event]
    ) -> None:
        """Judge what has come by a tick: frames, each with the tick at which it was sent, and events."""
        for event in events:
            self._live.event(rack_key(event.rack), encode(event), tick_ms)
        for sent_ms, frame in frames:
            self._live.frame(rack_key(frame.rack), frame.record, sent_ms)
        self._live.step(tick_ms)
        for incident in self._live.incidents:
            self._last[incident.id] = incident
            if self._out is not None:
                self._out.write(msgspec.json.encode(incident) + b"\n")
        # What it said is folded as it comes: a month has many records of an incident.
        self._live.incidents.clear()

    @property
    def episodes(self) -> list[Episode]:
        """Every incident so far, in the order in which they opened."""
        return [episode_of(said, self._last[said.id]) for said in self._live.said]

    @property
    def rejected(self) -> dict[str, int]:
        """Records that were refused, by reason."""
        return self._live.rejected


class Replay:
    """A stretch of the history, through some sides.

    Parameters
    ----------
    cluster
        Stands in frames.
    heard, happened
        Samples and events.
    sides
        Who judges.
    """

    def __init__(
        self, cluster: str, heard: Heard, happened: Happened, sides: Sequence[Side]
    ) -> None:
        self._cluster, self._heard, self._happened, self._sides = cluster, heard, happened, sides
        self.run_gpu_ms = self.gpu_ms = self.counted_ms = 0
        """GPUs heard times time, of all and of what counts; and time of that in which anything was heard."""

    def run(self, stretch: Stretch, tell: Tell = lambda _: None) -> None:
        """All of it, tick by tick.

        Raises
        ------
        HistoryDown, HistoryRefused
        """
        heard, tick_ms = self._heard, stretch.tick_ms
        framer = Framer(self._cluster, heard, boot=1, tick_ms=tick_ms, ticks=FRAME_TICKS)
        first, last = stretch.begin_ms // tick_ms, stretch.to_ms // tick_ms
        held: list[tuple[int, Framed]] = []
        for tick in range(first, last):
            now_ms = tick * tick_ms
            samples = heard.sample(now_ms)
            held += ((now_ms, f) for f in framer.add(tick, samples, heard.conditions()))
            if tick == last - 1:
                held += ((now_ms, f) for f in framer.flush())
            due: list[tuple[int, Framed]] = []
            if (tick + 1 - first) % FRAME_TICKS == 0 or tick == last - 1:
                due, held = held, due
            events = self._happened.due(now_ms)
            for side in self._sides:
                side.take(now_ms, due, events)
            self.run_gpu_ms += heard.gpus * tick_ms
            if now_ms >= stretch.from_ms:
                self.gpu_ms += heard.gpus * tick_ms
                self.counted_ms += tick_ms * heard.any
            tell((tick + 1 - first) / (last - first))
