"""Small worlds for the detectors' contract: devices of a rack in health and in trouble, second by second, as frames."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from frames import record_bytes
from numpy.typing import NDArray

from coldplate.streams.detector import Detector
from coldplate.streams.engine import Engine
from coldplate.wire.frame import Frame, decode_frame
from coldplate.wire.incident import Anomaly
from coldplate.wire.inventory import Device, Inventory
from coldplate.wire.metric import Kind, metric

T0 = 1_790_000_010
"""A multiple of 30 s: looks every 5 s and blocks of 6 s begin with the world."""

SLOW_S, FRAME_S = 10, 5
"""Slow metrics are told at whole tens of seconds; frames have 5 ticks where nothing else is said."""

F64 = NDArray[np.float64]
Value = float | Callable[[F64, F64], F64]
"""A level, or a function of the seconds from the start and of those since the span began."""

Spans = Sequence[tuple[str, int]]
"""Of `healthy` or `faulty`, so many seconds each, one after the other."""


@dataclass(frozen=True)
class Group:
    """Devices that send in one frame and show the same but for noise.

    Parameters
    ----------
    kind, ids
        Which; an id begins with its rack.
    healthy
        Their metrics.
    faulty
        Those that the fault changes.
    noise
        Standard deviations, in the metric's unit.
    rack
        Where they stand.
    """

    kind: Kind
    ids: tuple[str, ...]
    healthy: Mapping[str, Value]
    faulty: Mapping[str, Value] = field(default_factory=dict)
    noise: Mapping[str, float] = field(default_factory=dict)
    rack: str = "r"


class World:
    """Values of groups over spans.

    Parameters
    ----------
    groups
        Who is there.
    spans
        What befalls them, when.
    seed
        Of the noise.
    """

    def __init__(self, groups: Sequence[Group], spans: Spans, seed: int = 7) -> None:
        self.groups = tuple(groups)
        self.seconds = sum(s for _, s in spans)
        self.values = [_values(group, spans, (seed, i)) for i, group in enumerate(groups)]
        self._frames: dict[tuple[int, int, int], Frame] = {}

    def altered(self, change: Callable[[int, str, F64], F64]) -> "World":
        """The same with other values: of a group's number, a metric's name and its values (seconds, devices)."""
        out = World(self.groups, [])
        out.seconds = self.seconds
        out.values = [
            {name: change(i, name, values) for name, values in by_name.items()}
            for i, by_name in enumerate(self.values)
        ]
        return out

    def frame(self, group: int, first: int, ticks: int) -> Frame:
        """A group's seconds; one object however often it is asked for, so that who writes to it is found out."""
        key = (group, first, ticks)
        if key not in self._frames:
            of = self.groups[group]
            cut = {n: v[first : first + ticks] for n, v in self.values[group].items()}
            raw = record_bytes(
                f"s{group}", of.rack, T0 + first, ticks, {of.kind: (of.ids, cut)}, seq=first
            )
            self._frames[key] = decode_frame(raw)
        return self._frames[key]

    def frames(self, first: int, ticks: int) -> list[Frame]:
        """Of all groups."""
        return [self.frame(i, first, ticks) for i in range(len(self.groups))]

    def windows(self, first: int = 0, last: int | None = None) -> Iterable[tuple[int, int]]:
        """Seconds from `first` to before `last`, cut as an agent cuts them: (first, ticks) each."""
        end = self.seconds if last is None else last
        while first < end:
            ticks = min(FRAME_S - first % FRAME_S, end - first)
            yield first, ticks
            first += ticks


def _values(group: Group, spans: Spans, seed: tuple[int, int]) -> dict[str, F64]:
    """By metric; what is to come changes nothing before it, noise included."""
    seconds = sum(s for _, s in spans)
    t = np.arange(seconds, dtype=np.float64)
    out = {}
    for name in {**group.healthy, **group.faulty}:
        clean, first = np.full(seconds, np.nan), 0
        for which, length in spans:
            value = {**group.healthy, **(group.faulty if which == "faulty" else {})}[name]
            now = slice(first, first + length)
            clean[now] = value(t[now], t[now] - first) if callable(value) else value
            first += length
        random = np.random.default_rng((*seed, metric(group.kind, name).number))
        noise = group.noise.get(name, 0.0) * random.standard_normal((seconds, len(group.ids)))
        out[name] = clean[:, None] + noise
        if metric(group.kind, name).rate == "slow":
            out[name][t % SLOW_S != 0] = np.nan
    return out


Same = Callable[[Detector, World], tuple[Detector, World]]
"""Another world, and a detector with other parameters, that must answer at the same seconds."""


def same(
    times: Mapping[str, float] | None = None, plus: Mapping[str, float] | None = None, **parameters: object
) -> Same:  # fmt: skip
    """Metrics that are scaled or shifted, and parameters that make up for it."""

    def change(_group: int, name: str, values: F64) -> F64:
        return values * (times or {}).get(name, 1.0) + (plus or {}).get(name, 0.0)

    return lambda d, world: (replace(d, **parameters) if parameters else d, world.altered(change))


@dataclass(frozen=True)
class Fault:
    """What a detector must see.

    Parameters
    ----------
    groups
        The world; the devices of the first are the ones that it must fire on, unless `subjects` says more.
    fires_after_s
        From the first faulty tick to the one that fires.
    same
        What the docstring says changes nothing.
    levels
        By metric of the first group: the least and the greatest healthy constant.
    healthy_s, faulty_s
        How long it needs to learn, and how long it is shown the fault; multiples of 30 and of 5.
    clears_after_s
        From the first healthy tick until it falls silent; None: its own `clear_s`.
    absence_is_the_fault, racks_are_peers
        Why a check is another one for it; empty: it is not.
    """

    groups: tuple[Group, ...]
    fires_after_s: int
    same: Same
    levels: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    healthy_s: int = 60
    faulty_s: int = 30
    clears_after_s: int | None = None
    subjects: tuple[str, ...] = ()
    absence_is_the_fault: str = ""
    racks_are_peers: str = ""

    @property
    def victims(self) -> tuple[str, ...]:
        """On whom it fires."""
        return self.subjects or self.groups[0].ids

    def spans(self, clears_s: float) -> Spans:
        """Health, trouble, and health until it must be silent."""
        again = self.clears_after_s if self.clears_after_s is not None else int(clears_s)
        return [("healthy", self.healthy_s), ("faulty", self.faulty_s), ("healthy", again + 10)]


def inventory(groups: Iterable[Group]) -> Inventory:
    """Of all devices, and of the nodes and racks that they stand in."""
    found: dict[str, Device] = {}

    def add(kind: str, name: str, parent: str = "") -> None:
        found.setdefault(name, Device(kind, name, parent))

    for group in groups:
        if group.kind is Kind.HALL:
            for name in group.ids:
                add("hall", name)
            continue
        add("rack", group.rack)
        for name in group.ids:
            parent = name.rpartition("/")[0]
            if group.kind is Kind.GPU:
                add("node", parent, group.rack)
            add(group.kind.word, name, parent)
    return Inventory(found.values())


def engine_for(detector: Detector, *worlds: World) -> Engine:
    """One that knows the devices of worlds and asks a single detector."""
    return Engine("test", inventory(g for w in worlds for g in w.groups), detectors=[detector])


def feed(engine: Engine, frames: Iterable[Frame]) -> list[Anomaly]:
    """What changed; a detector that raised is none that says nothing."""
    out = engine.feed(frames, 0)
    assert not engine.failed
    return out


def run(
    detector: Detector, world: World, windows: Iterable[tuple[int, int]] | None = None
) -> list[Anomaly]:
    """Changes over a world, or over some of its seconds."""
    engine, out = engine_for(detector, world), []
    for first, ticks in world.windows() if windows is None else windows:
        out += feed(engine, world.frames(first, ticks))
    return out


def seconds(anomalies: Iterable[Anomaly]) -> list[tuple[int, bool, str]]:
    """When, whether it fired, and on whom."""
    return sorted((a.t_ms // 1000 - T0, a.on, a.subject) for a in anomalies)
