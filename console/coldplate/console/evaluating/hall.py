"""A hall through detection as if live: the agent's own loop samples, the worker's own pipeline judges."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from coldplate.agents.collector import Collector, Conditions, Happening, Samples
from coldplate.agents.framer import Framer
from coldplate.agents.loop import Loop
from coldplate.streams.evaluate.label import Label, Said
from coldplate.streams.evaluate.live import Live
from coldplate.streams.evaluate.match import Places, match
from coldplate.streams.evaluate.report import DAY_S, Run
from coldplate.streams.evaluate.rules import Rules
from coldplate.streams.parameters import Parameters
from coldplate.streams.pipeline import Pipeline
from coldplate.twin import recording as recorded
from coldplate.wire.baseline import Baselines
from coldplate.wire.fault import looks_alike
from coldplate.wire.inventory import Inventory
from coldplate.wire.metric import CATALOGUE, Kind
from coldplate.wire.topic import Topics

CLUSTER = "evaluate"
TOPICS = Topics("evaluate")


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
    """A collector whose last samples are kept, for who compares them; the rules of today look at them too."""

    def __init__(self, collector: Collector, rules: Rules | None) -> None:
        self._of, self._rules = collector, rules
        self.devices, self.sources = collector.devices, collector.sources
        self.health, self.origins, self.close = collector.health, collector.origins, collector.close
        self.last: Samples = {}
        self._tick_ms = 0

    def sample(self, tick_ms: int) -> Samples:
        self.last, self._tick_ms = self._of.sample(tick_ms), tick_ms
        return self.last

    def happenings(self) -> list[Happening]:
        out = self._of.happenings()
        for h in out:
            if self._rules is not None and h.kind == "xid" and h.code is not None:
                self._rules.xid(self._tick_ms, h.subject, h.code)
        return out

    def conditions(self) -> Conditions | None:
        out = self._of.conditions()
        if self._rules is not None:
            silent = () if out is None else np.flatnonzero(out.silent).tolist()
            self._rules.look(self._tick_ms, self._heard(silent))
        return out

    def _heard(self, silent: Sequence[int]) -> Samples:
        """What arrives: of a silent source nothing does."""
        if not silent:
            return self.last
        out = {kind: values.copy() for kind, values in self.last.items()}
        for source in silent:
            for kind, span in self.sources[source].devices.items():
                out[kind][:, span.start : span.stop] = np.nan
        return out


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
    rules
        The alert rules of today, which are to look too.
    parameters
        Of the detectors; default: their own.
    step_ticks
        Judge every so many ticks: of a hall where delays are not asked for, several cost less than one by one.
    baselines
        What detectors begin with; default: nothing.
    """

    def __init__(
        self,
        collector: Collector,
        inventory: Inventory,
        *,
        tick_ms: int = 1000,
        frame_ticks: int = 5,
        rules: bool = False,
        parameters: Parameters | None = None,
        step_ticks: int = 1,
        baselines: Iterable[Baselines] = (),
    ) -> None:
        self._step_ticks = step_ticks
        self.parameters = parameters or Parameters()
        self._rules = Rules(collector.devices) if rules else None
        self._collector = _Kept(collector, self._rules)
        self.inventory, self.tick_ms = inventory, tick_ms
        self.baseline: Run | None = None
        """What the rules found, after `run`; None when they were not asked."""
        pipeline = Pipeline(CLUSTER, inventory, self.parameters)
        pipeline.keeping.expect(baselines)
        self.live = Live(pipeline)
        self._wire = _Wire(self.live)
        framer = Framer(CLUSTER, self._collector, boot=1, tick_ms=tick_ms, ticks=frame_ticks)
        self._loop = Loop(self._collector, framer, self._wire, TOPICS)
        self._ticks = 0
        self._seen = {kind: np.zeros(len(CATALOGUE[kind]), np.bool_) for kind in collector.devices}

    def tick(self, number: int) -> None:
        """Sample, send, judge."""
        self._wire.tick_ms = number * self.tick_ms
        self._loop.tick(number)
        self._ticks += 1
        if self._ticks % self._step_ticks == 0:
            self.live.step(self._wire.tick_ms)
        for kind, values in self.samples.items():
            if not (seen := self._seen[kind]).all():
                unseen = np.flatnonzero(~seen)
                seen[unseen] = np.isfinite(values[unseen]).any(axis=1)

    @property
    def missing(self) -> dict[str, list[str]]:
        """By kind of device: metrics of the catalogue that no device ever told."""
        return {
            kind.word: [m.name for m, there in zip(CATALOGUE[kind], seen, strict=True) if not there]
            for kind, seen in self._seen.items()
        }

    @property
    def places(self) -> Places:
        """Who sits where, as matching has it."""
        return Places(
            {d.id: d.parent or _above(d.id, self.inventory) for d in self.inventory},
            {d.id: d.kind for d in self.inventory},
        )

    @property
    def samples(self) -> Samples:
        """Of the last tick."""
        return self._collector.last

    def run(self, labels: list[Label]) -> Run:
        """What was found, once all ticks are over; faults that begin after the last tick are left out."""
        if self._rules is not None:
            self.baseline = self._run(labels, self._rules.said)
        return self._run(labels, self.live.said)

    def _run(self, labels: list[Label], said: Sequence[Said]) -> Run:
        labels = [label for label in labels if label.onset_ms <= self._wire.tick_ms]
        places = self.places
        gpus = len(self._collector.devices.get(Kind.GPU, ()))
        return Run(
            match(labels, said, places),
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
