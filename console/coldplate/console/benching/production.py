"""The benchmark's load: the twin's frames, made ahead, and sent in real time by a process of its own.

Every node and CDU of a hall in training steps goes through the twin's physics, sensors and the agent's framer for one
cycle of some 10 s. The cycle is then sent again and again with the agents' publisher: heads are encoded anew with new
ticks and sequence numbers, bodies are reused, so that energy and other counters jump back once a cycle. Frames are
spread evenly over time. One process stands for all agents: its record batches hold frames of many nodes, which
compresses better and costs broker and readers less than a batch a node.

    python -m coldplate.console.benching.production LOAD    (JSON, see `Load`; Kafka from the environment)
"""

import math
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from coldplate.agents.framer import Framed, Framer
from coldplate.console.context import Context
from coldplate.console.running import Ledger, StatsFile, stop_on_signals
from coldplate.twin.collector import TwinCollector
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario
from coldplate.wire.frame import Block, Head, decode_frame, seal
from coldplate.wire.inventory import Inventory, generate
from coldplate.wire.ports import Publisher
from coldplate.wire.topic import rack_key

GPUS = 8
CYCLE_S = 10
"""About so many seconds of distinct frames are prepared; slow metrics come once in so many ticks."""

SLICE_S = 0.05
NEVER = 1 << 40

_pack = msgspec.msgpack.Encoder().encode


class Load(msgspec.Struct, frozen=True):
    """What to send; ticks are of one second.

    Parameters
    ----------
    nodes, racks
        Nodes of 8 GPUs in all, and the racks over which they are spread.
    ticks
        Ticks of a frame.
    metrics
        `full`: the fast metrics every tick and the slow ones every 10th, as an agent reads them; `fast`: no slow ones.
    warm_up_s, seconds
        Time sent before the measured time, and that.
    """

    nodes: int
    racks: int
    ticks: int
    metrics: str
    warm_up_s: float
    seconds: float

    @property
    def cycle_s(self) -> int:
        """Length of the prepared cycle: whole frames."""
        return self.ticks * math.ceil(CYCLE_S / self.ticks)

    @property
    def sources(self) -> int:
        """Nodes and CDUs."""
        return self.nodes + self.racks

    @property
    def frames_per_s(self) -> float:
        """Of all sources together."""
        return self.sources / self.ticks

    @property
    def frames_in_all(self) -> int:
        """Warm-up included."""
        return round((self.warm_up_s + self.seconds) * self.frames_per_s)

    def scenario(self) -> Scenario:
        """A hall with room for the nodes; the last rack may have more than send."""
        return Scenario(self.racks, math.ceil(self.nodes / self.racks), GPUS, load="steps")

    def inventory(self) -> Inventory:
        """The devices that send, and their racks."""
        scenario = self.scenario()
        whole = generate(scenario.racks, scenario.nodes, scenario.gpus)
        left_out = {d.id for d in whole.of_kind("node")[self.nodes :]}
        return Inventory(d for d in whole if not {d.id, d.parent} & left_out)


@dataclass(frozen=True, slots=True)
class _Template:
    """A frame of the cycle: what stays the same when it is sent again."""

    source: str
    rack: str
    key: bytes
    seq: int
    tick: int
    blocks: tuple[Block, ...]
    body: bytes
    values: int


class Cycle:
    """The prepared frames in the order of their sending, evenly spread over the cycle.

    Parameters
    ----------
    load
        What to prepare.
    cluster
        Cluster id.
    boot
        Of all sources: with their names and sequence numbers the frames' identities.
    """

    def __init__(self, load: Load, cluster: str, boot: int) -> None:
        self.load, self._cluster, self._boot = load, cluster, boot
        self._templates = [_template(f, load) for f in _framed(load, cluster)]
        self._templates.sort(key=lambda t: t.tick)
        self.bytes = sum(len(t.body) for t in self._templates)
        self.gap_s = load.cycle_s / len(self._templates)
        # Racks send in phases, and a small hall has few: no frame may leave before its last tick.
        last = (t.tick + load.ticks - 1 - i * self.gap_s for i, t in enumerate(self._templates))
        self.delay_s = max(0.0, *last)

    def frame(self, number: int, first_tick: int) -> tuple[bytes, Framed]:
        """Key and frame that is sent as the `number`-th, when the first cycle began at a tick."""
        load, (cycle, position) = self.load, divmod(number, len(self._templates))
        t = self._templates[position]
        head = Head(
            self._cluster, t.source, t.rack, self._boot, t.seq + cycle * (load.cycle_s // load.ticks),
            first_tick + t.tick + cycle * load.cycle_s, 1000, load.ticks, t.blocks,
        )  # fmt: skip
        record = seal(_pack(head), t.body)
        return t.key, Framed(
            head.identity, t.rack, head.tick * 1000, load.ticks, t.values, False, record
        )


def _framed(load: Load, cluster: str) -> list[Framed]:
    """One cycle of every source's frames, after a frame's time in which sources find their phases."""
    hall = Hall(load.scenario())
    slow_ticks = CYCLE_S if load.metrics == "full" else NEVER
    collector = TwinCollector(hall, slow_ticks=slow_ticks)
    framer = Framer(cluster, collector, 0, ticks=load.ticks)
    known = load.inventory()
    out: list[Framed] = []
    for tick in range(load.ticks + load.cycle_s):
        framed = framer.add(tick, collector.sample(tick * 1000))
        out += [f for f in framed if tick >= load.ticks and f.identity[0] in known]
    return out


def _template(framed: Framed, load: Load) -> _Template:
    frame = decode_frame(framed.record)
    head = frame.head
    return _Template(
        head.source, framed.rack, rack_key(framed.rack), head.seq - 1, head.tick - load.ticks,
        head.blocks, b"".join([p.body for p in frame.parts]), framed.values,
    )  # fmt: skip


class Sending:
    """Sends a cycle again and again, on time.

    Parameters
    ----------
    cycle
        What is sent.
    publisher
        How.
    topic
        Where to.
    ledger
        Takes the id of every frame handed to the publisher.
    """

    def __init__(self, cycle: Cycle, publisher: Publisher, topic: str, ledger: Ledger) -> None:
        self._cycle, self._publisher = cycle, publisher
        self._topic, self._ledger = topic, ledger
        self.began_s = 0.0
        self.sent = 0
        self.late_max_s = 0.0

    def run(self, stop: threading.Event) -> None:
        """Send all, or until told to stop."""
        cycle = self._cycle
        in_all, first_tick = cycle.load.frames_in_all, math.ceil(time.time())
        self.began_s = first_tick + cycle.delay_s
        while self.sent < in_all and not stop.wait(SLICE_S):
            now_s = time.time()
            due = min(in_all, math.floor((now_s - self.began_s) / cycle.gap_s) + 1)
            if due > self.sent:
                late_s = now_s - (self.began_s + self.sent * cycle.gap_s)
                self.late_max_s = max(self.late_max_s, late_s)
            for number in range(self.sent, due):
                key, framed = cycle.frame(number, first_tick)
                self._ledger.frame(framed)
                self._publisher.publish(self._topic, key, framed.record)
            self.sent = max(self.sent, due)
        self._ledger.close()


def main(load: Load, ledger: Path, stats: Path) -> None:
    """Prepare, send, and stay until told to end, so that what it cost can still be read."""
    from coldplate.agents.publisher import KafkaPublisher

    context = Context()
    cycle = Cycle(load, context.config.cluster, time.time_ns())
    publisher = KafkaPublisher(context.kafka)
    sending = Sending(cycle, publisher, context.topics.frames, Ledger(str(ledger)))

    def counts() -> dict[str, Any]:
        return {
            "began_s": sending.began_s, "sent": sending.sent, "late_max_s": sending.late_max_s,
            "cycle_s": load.cycle_s, "cycle_bytes": cycle.bytes, "records": dict(publisher.counts()),
        }  # fmt: skip

    with stop_on_signals() as stop, StatsFile(str(stats), counts):
        sending.run(stop)
        stop.wait()
    publisher.close(5.0)


if __name__ == "__main__":
    main(msgspec.json.decode(sys.argv[1], type=Load), Path(sys.argv[2]), Path(sys.argv[3]))
