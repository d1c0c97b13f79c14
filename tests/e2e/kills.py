"""An agent that is killed again and again while its broker comes and goes; what it had spooled must all arrive.

The agent is a process of its own: the product's loop, framer, spool and publisher over two nodes that are made up, at
50 ticks a second. It writes down each frame and event after it was handed to the publisher. `python kills.py 200` does
it 200 times.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np

from coldplate.agents.collector import Happening, Source
from coldplate.agents.framer import Framer
from coldplate.agents.loop import Loop
from coldplate.agents.options.spool import Spool
from coldplate.agents.publisher import KafkaPublisher
from coldplate.agents.settings import KafkaSettings
from coldplate.agents.spool.disk import SpooledQueue
from coldplate.agents.topics import create_topics
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.part import Status
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor
from coldplate.wire.codec import decode
from coldplate.wire.event import Event
from coldplate.wire.frame import decode_frame
from coldplate.wire.metric import CATALOGUE, Kind
from coldplate.wire.topic import Topics

with warnings.catch_warnings():
    # kafka-python reads its schemas by a function that Python 3.11 alone calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaConsumer, TopicPartition

TOPICS = Topics("kills")
TICK_MS = 20
LIVES_S = (0.05, 0.9)
"""How long an agent lives after its first record."""

DRAIN_S = 120.0


class Nodes:
    """Two nodes of two racks, with noise for values, and something that happens now and then."""

    def __init__(self) -> None:
        self.devices = {Kind.GPU: ("a/n/gpu-0", "a/n/gpu-1", "b/n/gpu-0")}
        self.sources = (
            Source("a/n", "a", {Kind.GPU: range(2)}),
            Source("b/n", "b", {Kind.GPU: range(2, 3)}),
        )
        self._chance = np.random.default_rng()
        self._t_ms = 0

    def sample(self, tick_ms):
        self._t_ms = tick_ms
        return {Kind.GPU: self._chance.uniform(20.0, 60.0, (len(CATALOGUE[Kind.GPU]), 3))}

    def conditions(self):
        return None

    def happenings(self):
        happens = self._chance.random() < 0.1
        return [Happening("xid", "a/n/gpu-0", self._t_ms, code=79)] if happens else []


def agent(brokers: str, folder: Path, drain: bool) -> None:
    """Publish until killed; or send what is left, and end."""
    waiting = SpooledQueue(
        folder / "spool", Spool(segment_bytes=1 << 16), first_topics={TOPICS.events},
        frames_per_s_min=1000.0 if drain else 2.0,
    )  # fmt: skip
    publisher = KafkaPublisher(KafkaSettings(brokers), waiting=waiting)
    if drain:
        left = publisher.flush(DRAIN_S)
        publisher.close(0.0)
        sys.exit(left != 0)
    nodes = Nodes()
    framer = Framer("kills", nodes, time.time_ns(), tick_ms=TICK_MS, ticks=1)
    ledger = os.open(folder / "ledger", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(identity: str, record: bytes) -> None:
        os.write(ledger, f"{identity} {crc32(record)}\n".encode())

    loop = Loop(
        nodes, framer, publisher, TOPICS,
        on_frame=lambda f: note("/".join(map(str, f.identity)), f.record),
        on_event=lambda e: note(f"event/{e.id}", e.id.encode()),
    )  # fmt: skip
    for tick in range(int(time.time() * 1000 / TICK_MS), sys.maxsize):
        time.sleep(max(0.0, tick * TICK_MS / 1000 - time.time()))
        loop.tick(tick)


class Broker:
    """A Kafka of our own; whoever waits must let it look after its server."""

    def __init__(self, folder: Path) -> None:
        state = StateDir(folder)
        parts, endpoints = local_servers(state, Cache.default(), clickhouse=False)
        self.address, self._supervisor = endpoints.kafka, Supervisor(state, parts)

    def wait(self, within_s: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Until something is so, or the time is over; whether it is so."""
        deadline_s = time.monotonic() + within_s
        while not done() and time.monotonic() < deadline_s:
            self._supervisor.poll()
            time.sleep(0.01)
        return done()

    def healthy(self) -> bool:
        return self._supervisor.states[0].status is Status.HEALTHY

    def kill(self) -> None:
        """It comes back by itself."""
        if self.healthy():
            os.killpg(self._supervisor.states[0].pid, signal.SIGKILL)
            self.wait(5.0, lambda: not self.healthy())

    @contextmanager
    def running(self) -> Iterator[None]:
        with self._supervisor:
            self._supervisor.wait_healthy(60)
            yield


@dataclass(frozen=True)
class Found:
    """What came of it: records in ledger and topics, those missing, repeated, changed by a repeat, out of order."""

    spooled: int
    arrived: int
    lost: int
    repeats: int
    changed: int
    disordered: int
    broker_kills: int


def kills(folder: Path, how_often: int, seed: int) -> Found:
    """Kill the agent so often, and the broker about every fifth time."""
    chance, broker_kills = random.Random(seed), 0
    (folder / "agent").mkdir(parents=True)
    broker = Broker(folder / "broker")
    with broker.running():
        create_topics(KafkaSettings(broker.address), TOPICS.specs(2))
        command = [sys.executable, __file__, "agent", broker.address, str(folder / "agent")]
        ledger = folder / "agent" / "ledger"
        for _ in range(how_often):
            if chance.random() < 0.2:
                broker.kill()
                broker_kills += 1
            size = ledger.stat().st_size if ledger.exists() else 0
            with subprocess.Popen(command) as child:

                def began(size: int = size) -> bool:
                    return ledger.exists() and ledger.stat().st_size > size

                assert broker.wait(20.0, began), "the agent handed nothing over"
                broker.wait(chance.uniform(*LIVES_S))
                child.kill()
        assert broker.wait(60.0, broker.healthy), "the broker did not come back"
        with subprocess.Popen([*command, "drain"]) as last:
            assert broker.wait(DRAIN_S + 20, lambda: last.poll() is not None), "it does not drain"
        assert 0 == last.returncode, "records are left"
        return compare(broker.address, ledger.read_text(), broker_kills)


def compare(address: str, ledger: str, broker_kills: int) -> Found:
    """Ledger and topics, by identity."""
    spooled = dict(line.split() for line in ledger.splitlines() if line.count(" ") == 1)
    arrived: dict[str, list[str]] = defaultdict(list)
    for topic in (TOPICS.frames, TOPICS.events):
        for value in read(address, topic):
            if topic == TOPICS.frames:
                identity, content = "/".join(map(str, decode_frame(value).head.identity)), value
            else:
                identity = f"event/{decode(Event, value).id}"
                content = identity.removeprefix("event/").encode()
            arrived[identity].append(f"{crc32(content)}")
    # dicts keep the order of first appearance; a boot is a time, so that later ones are greater.
    frames: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for identity in arrived:
        source, boot, seq = identity.rsplit("/", 2)
        if not source.startswith("event/"):
            frames[source].append((int(boot), int(seq)))
    return Found(
        len(spooled), len(arrived),
        lost=len(set(spooled) - set(arrived)),
        repeats=sum(len(got) - 1 for got in arrived.values()),
        changed=sum(
            len({*got, spooled.get(identity, got[0])}) > 1 for identity, got in arrived.items()
        ),
        disordered=sum(a > b for got in frames.values() for a, b in pairwise(got)),
        broker_kills=broker_kills,
    )  # fmt: skip


def read(address: str, topic: str) -> Iterator[bytes]:
    """All records of a topic, in each partition's order."""
    with closing(KafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")) as made:
        parts = [TopicPartition(topic, p) for p in sorted(made.partitions_for_topic(topic))]
        made.assign(parts)
        ends = made.end_offsets(parts)
        while any(made.position(p) < end for p, end in ends.items()):
            for records in made.poll(timeout_ms=1000).values():
                yield from (r.value for r in records)


def main() -> None:
    if sys.argv[1] == "agent":
        agent(sys.argv[2], Path(sys.argv[3]), drain="drain" in sys.argv[4:])
    seed = time.time_ns()
    with tempfile.TemporaryDirectory() as folder:
        found = kills(Path(folder), int(sys.argv[1]), seed)
    sys.stdout.write(f"seed {seed}: {found}\n")
    good = found.lost == found.changed == found.disordered == 0 < found.spooled
    sys.exit(not good)


if __name__ == "__main__":
    main()
