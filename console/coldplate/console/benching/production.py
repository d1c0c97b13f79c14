"""The benchmark's load: the twin's frames, made ahead, and sent in real time by a process of its own.

Every node and CDU of a hall in training steps goes through the twin's physics, sensors and the agent's framer for one
cycle of some 10 s. The cycle is then sent again and again (bulk.py): heads are encoded anew with new
ticks and sequence numbers, bodies are reused, so that energy and other counters jump back once a cycle. Racks send
in phases, and those of a phase spread over a second. Racks that have a fault take no part in that: theirs are played from the first tick to the last,
without a jump (stage.py). One process stands for all agents: its record batches hold frames of many nodes, which
compresses better and costs broker and readers less than a batch a node.

    python -m coldplate.console.benching.production LOAD LEDGER COUNTS    (JSON, see `Load`; Kafka from the environment)

What is prepared is told in COUNTS; the first frame leaves after a file stands where `go_file` says.
"""

import asyncio
import math
import sys
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from coldplate.agents.framer import Framed, Framer
from coldplate.console.benching.bulk import Bulk
from coldplate.console.benching.load import Load
from coldplate.console.benching.stage import Role, Stage, moved, stage
from coldplate.console.benching.template import Names, Template
from coldplate.console.context import Context
from coldplate.console.running import Ledger, StatsFile, stop_on_signals
from coldplate.twin.collector import TwinCollector
from coldplate.twin.model import Hall
from coldplate.wire.codec import encode
from coldplate.wire.event import Event
from coldplate.wire.topic import Topics, rack_key

SLICE_S = 0.05
GO_S = 0.05


class Cycle:
    """The prepared frames in the order of their sending, those of a tick evenly spread over the second after it.

    For who sends them at a pace of its own: so many seconds apart, from so long after the first tick on, none leaves
    before its last tick (`gap_s`, `delay_s`).

    Parameters
    ----------
    load
        What to prepare.
    cluster
        Cluster id.
    boot
        Of all sources: with their names and sequence numbers the frames' identities.
    without
        Racks that take no part.
    """

    def __init__(
        self, load: Load, cluster: str, boot: int, without: frozenset[str] = frozenset()
    ) -> None:
        self.load, self._cluster, self._boot = load, cluster, boot
        self._templates = [Template.of(f) for f in _framed(load, cluster, without)]
        self._templates.sort(key=lambda t: t.tick)
        count = len(self._templates)
        self.bytes = sum(len(t.body) for t in self._templates)
        self.gap_s = load.cycle_s / count if count else math.inf
        self._due_s = _spread([t.tick - 1 for t in self._templates])
        whole, rest_s = divmod(load.length_s, load.cycle_s)
        self.frames_in_all = int(whole) * count + bisect_left(self._due_s, rest_s)
        # Racks send in phases, and a small hall has few: no frame may leave before its last tick.
        last = (t.tick - 1 - i * self.gap_s for i, t in enumerate(self._templates))
        self.delay_s = max(0.0, *last) if count else 0.0

    def due_s(self, number: int) -> float:
        """When the `number`-th is sent, from the first tick on: after its last tick, within a second of it."""
        cycle, position = divmod(number, len(self._templates))
        return cycle * self.load.cycle_s + self._due_s[position]

    def counts(self) -> list[int]:
        """Frames that are sent in each second."""
        out = [0] * math.ceil(self.load.length_s)
        for number in range(self.frames_in_all):
            out[int(self.due_s(number))] += 1
        return out

    def frame(self, number: int, first_tick: int) -> tuple[bytes, Framed]:
        """Key and frame that is sent as the `number`-th, when the first cycle began at a tick."""
        load, (cycle, position) = self.load, divmod(number, len(self._templates))
        t = self._templates[position]
        # Those of its first ticks found the sources' phases, and were not kept.
        seq = t.seq - 1 + cycle * (load.cycle_s // load.ticks)
        tick = first_tick + t.tick - load.ticks + cycle * load.cycle_s
        return rack_key(t.rack), t.sent(self._cluster, self._boot, seq, tick)


def _spread(ticks: Sequence[int]) -> list[float]:
    """Times of what is due at ticks, in order: those of a tick evenly over the second after it.

    >>> _spread([0, 0, 3])
    [0.0, 0.5, 3.0]
    """
    of = Counter(ticks)
    placed: Counter[int] = Counter()
    out = []
    for tick in ticks:
        out.append(tick + placed[tick] / of[tick])
        placed[tick] += 1
    return out


def _framed(load: Load, cluster: str, without: frozenset[str]) -> Iterator[Framed]:
    """One cycle of every source's frames, after a frame's time in which sources find their phases."""
    known = load.inventory()
    if len(without) == load.racks:
        return
    collector = TwinCollector(Hall(load.scenario()), slow_ticks=load.slow_ticks)
    framer = Framer(cluster, collector, 0, ticks=load.ticks)
    for tick in range(load.ticks + load.cycle_s):
        for framed in framer.add(tick, collector.sample(tick * 1000)):
            if tick >= load.ticks and framed.identity[0] in known and framed.rack not in without:
                yield framed


class Player:
    """Sends what is played, each frame and event when it is due.

    Parameters
    ----------
    of
        What is played.
    load
        Whose hall.
    cluster, boot
        As for a cycle.
    """

    def __init__(self, of: Stage, load: Load, cluster: str, boot: int) -> None:
        self._of, self._cluster, self._boot = of, cluster, boot
        self._known = load.inventory()
        self._due = of.due()
        self._next = next(self._due, None)
        self._events = list(of.events)
        self._event_seq: Counter[str] = Counter()
        self._names: dict[tuple[str, Names], Names] = {}
        bodies = {id(t): len(t.body) for tick in of.frames for rack in tick for t in rack}
        self.bytes = sum(bodies.values())

    def counts(self) -> list[int]:
        """Frames that become due at each tick."""
        known = self._known
        return [
            sum(_source(t, r) in known for r in self._of.roles for t in by_rack[r.played])
            for by_rack in self._of.frames
        ]

    def frames(self, passed_s: float, first_tick: int) -> Iterator[tuple[bytes, Framed]]:
        """Those that became due since the last call; seconds count from the first tick."""
        while self._next is not None and self._next[0] <= passed_s:
            _, role, template = self._next
            self._next = next(self._due, None)
            source = _source(template, role)
            if source in self._known:
                own = template.by(source, role.rack, partial(self._renamed, role.rack))
                framed = own.sent(self._cluster, self._boot, own.seq, first_tick + own.tick)
                yield rack_key(role.rack), framed

    def events(self, passed_s: float, first_tick: int) -> Iterator[Event]:
        """The same of events: agents tell them at once, and not with the next frame."""
        while self._events and self._events[0].t_ms <= passed_s * 1000:
            told = self._events.pop(0)
            rack, _, rest = told.subject.partition("/")
            source = f"{rack}/{rest.partition('/')[0]}"
            seq = self._event_seq[source]
            self._event_seq[source] += 1
            yield Event(
                told.kind, told.subject, rack, first_tick * 1000 + told.t_ms, self._cluster, source,
                self._boot, seq, told.code, told.text,
            )  # fmt: skip

    def _renamed(self, rack: str, devices: Names) -> Names:
        """Worked out once for each source."""
        if (known := self._names.get((rack, devices))) is None:
            known = self._names[rack, devices] = tuple(moved(d, rack) for d in devices)
        return known


def _source(template: Template, role: Role) -> str:
    return moved(template.source, role.rack)


class Sending:
    """Sends a cycle again and again and what is played, on time.

    Parameters
    ----------
    cycle, player
        What is sent.
    bulk
        How.
    topics
        Where to.
    ledger
        Takes the id of every frame and event handed on.
    """

    def __init__(
        self, cycle: Cycle, player: Player, bulk: Bulk, topics: Topics, ledger: Ledger
    ) -> None:
        self._cycle, self._player, self._bulk = cycle, player, bulk
        self._topics, self._ledger = topics, ledger
        self.first_tick = 0
        self.sent = self._cycled = 0
        self.late_max_s = 0.0

    async def run(self, stop: threading.Event) -> None:
        """Send all, or until told to stop.

        Raises
        ------
        KafkaError
        """
        topics = self._topics
        try:
            async with self._bulk.connected((topics.frames, topics.events)):
                await self._run(stop)
        finally:
            # What was handed on is known, whatever became of it.
            self._ledger.close()

    async def _run(self, stop: threading.Event) -> None:
        cycle = self._cycle
        self.first_tick = math.ceil(time.time())
        while not stop.is_set():
            await asyncio.sleep(SLICE_S)
            passed_s = time.time() - self.first_tick
            self._play(passed_s)
            begun = self._cycled
            while self._cycled < cycle.frames_in_all and cycle.due_s(self._cycled) <= passed_s:
                self._add(*cycle.frame(self._cycled, self.first_tick))
                self._cycled += 1
            if self._cycled > begun:
                self.late_max_s = max(self.late_max_s, passed_s - cycle.due_s(begun))
            await self._bulk.send()
            if self._cycled >= cycle.frames_in_all and passed_s > cycle.load.length_s + 1.0:
                break

    def _play(self, passed_s: float) -> None:
        for event in self._player.events(passed_s, self.first_tick):
            self._ledger.event(event)
            self._bulk.add(self._topics.events, rack_key(event.rack), encode(event))
        for key, framed in self._player.frames(passed_s, self.first_tick):
            self._add(key, framed)

    def _add(self, key: bytes, framed: Framed) -> None:
        self._ledger.frame(framed)
        self._bulk.add(self._topics.frames, key, framed.record)
        self.sent += 1


def go_file(ledger: Path) -> Path:
    """What allows the first frame."""
    return ledger.with_suffix(".go")


def main(load: Load, ledger: Path, stats: Path) -> None:
    """Prepare, wait, send, and stay until told to end, so that what it cost can still be read."""
    context, boot = Context(), time.time_ns()
    cluster = context.config.cluster
    of = stage(load, cluster)
    cycle = Cycle(load, cluster, boot, of.racks)
    player = Player(of, load, cluster, boot)
    bulk = Bulk(context.kafka)
    sending = Sending(cycle, player, bulk, context.topics, Ledger(str(ledger)))
    prepared = {
        "cycle_s": load.cycle_s, "cycle_bytes": cycle.bytes, "played_bytes": player.bytes,
        "cycled": cycle.counts(), "played": player.counts(), "spread_s": of.spread_s, "wanted": of.wanted,
        "faults": [msgspec.to_builtins(f) for f in of.faults],
        "labels": [asdict(label) for label in of.labels],
        "prepared_cpu_s": round(time.process_time(), 1),
    }  # fmt: skip

    def counts() -> dict[str, Any]:
        return {
            **prepared, "first_tick": sending.first_tick, "sent": sending.sent,
            "late_max_s": sending.late_max_s, "records": bulk.counts(),
        }  # fmt: skip

    with stop_on_signals() as stop, StatsFile(str(stats), counts):
        while not go_file(ledger).exists() and not stop.wait(GO_S):
            pass
        asyncio.run(sending.run(stop))
        stop.wait()


if __name__ == "__main__":
    main(msgspec.json.decode(sys.argv[1], type=Load), Path(sys.argv[2]), Path(sys.argv[3]))
