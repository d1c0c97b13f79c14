"""A hall through detection as if live: the agent's own loop samples, the worker's own pipeline judges."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from coldplate.agents.collector import Collector, Samples
from coldplate.agents.framer import Framer
from coldplate.agents.loop import Loop
from coldplate.streams.evaluate.label import Label
from coldplate.streams.evaluate.live import Live
from coldplate.streams.evaluate.match import Places, match
from coldplate.streams.evaluate.report import Run
from coldplate.streams.pipeline import Pipeline
from coldplate.twin import recording as recorded
from coldplate.wire.fault import looks_alike
from coldplate.wire.inventory import Inventory
from coldplate.wire.metric import CATALOGUE, Kind
from coldplate.wire.topic import Topics

CLUSTER = "evaluate"
TOPICS = Topics("evaluate")
DAY_S = 86_400.0


class _Wire:
    """A `Publisher` whose records reach detection at the tick at which they were sent."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.tick_ms = 0

    def publish(
        self, topic: str, key: bytes, value: bytes, *, urgent: bool = False,  # noqa: ARG002
        first_ms: int | None = None,  # noqa: ARG002
    ) -> None:  # fmt: skip
        if topic == TOPICS.events:
            self._live.event(key, value, self.tick_ms)
        else:
            self._live.frame(key, value, self.tick_ms)

    def flush(self, timeout_s: float) -> int:  # noqa: ARG002
        return 0

    def counts(self) -> Mapping[str, int]:
        return {}

    def close(self, timeout_s: float) -> None:
        pass


class _Kept:
    """A collector whose last samples are kept, for who compares them."""

    def __init__(self, collector: Collector) -> None:
        self._of = collector
        self.devices, self.sources = collector.devices, collector.sources
        self.conditions, self.happenings = collector.conditions, collector.happenings
        self.health, self.origins, self.close = collector.health, collector.origins, collector.close
        self.last: Samples = {}

    def sample(self, tick_ms: int) -> Samples:
        self.last = self._of.sample(tick_ms)
        return self.last


class LiveHall:
    """Detection over a collector's hall.

    Parameters
    ----------
    collector
        Whose samples and events.
    inventory
        What detection is told of who sits where.
    tick_ms
        Length of a tick.
    frame_ticks
        Ticks of an ordinary frame.
    """

    def __init__(
        self,
        collector: Collector,
        inventory: Inventory,
        *,
        tick_ms: int = 1000,
        frame_ticks: int = 5,
    ) -> None:
        self._collector, self.inventory, self.tick_ms = _Kept(collector), inventory, tick_ms
        self.live = Live(Pipeline(CLUSTER, inventory))
        self._wire = _Wire(self.live)
        framer = Framer(CLUSTER, self._collector, boot=1, tick_ms=tick_ms, ticks=frame_ticks)
        self._loop = Loop(self._collector, framer, self._wire, TOPICS)
        self._ticks = 0
        self._seen = {kind: np.zeros(len(CATALOGUE[kind]), np.bool_) for kind in collector.devices}

    def tick(self, number: int) -> None:
        """Sample, send, judge."""
        self._wire.tick_ms = number * self.tick_ms
        self._loop.tick(number)
        self.live.step(self._wire.tick_ms)
        self._ticks += 1
        for kind, values in self.samples.items():
            self._seen[kind] |= np.isfinite(values).any(axis=1)

    @property
    def missing(self) -> dict[str, list[str]]:
        """By kind of device: metrics of the catalogue that no device ever told."""
        return {
            kind.word: [m.name for m, there in zip(CATALOGUE[kind], seen, strict=True) if not there]
            for kind, seen in self._seen.items()
        }

    @property
    def samples(self) -> Samples:
        """Of the last tick."""
        return self._collector.last

    def run(self, labels: list[Label]) -> Run:
        """What was found, once all ticks are over; faults that begin after the last tick are left out."""
        labels = [label for label in labels if label.onset_ms <= self._wire.tick_ms]
        places = Places(
            {d.id: d.parent or _above(d.id, self.inventory) for d in self.inventory},
            {d.id: d.kind for d in self.inventory},
        )
        gpus = len(self._collector.devices.get(Kind.GPU, ()))
        return Run(
            match(labels, self.live.said, places),
            tuple(label for label in labels if looks_alike(label.kind)),
            gpus * self._ticks * self.tick_ms / 1000 / DAY_S,
        )


def _above(device: str, inventory: Inventory) -> str:
    """A rack that names no parent stands in its row, or in its hall."""
    found = inventory.devices[device]
    if found.kind == "rack":
        return found.row or found.hall
    return found.hall if found.kind == "row" else ""


def label_of(label: recorded.Label) -> Label:
    """A label of a recording as evaluation has it."""

    def ms(t: Any) -> int | None:
        return None if t is None else recorded.to_ms(t)

    return Label(
        label.fault, label.kind, label.cause, recorded.to_ms(label.onset), ms(label.visible),
        ms(label.harm), ms(label.end),
    )  # fmt: skip


Tell = Callable[[float], None]
