"""What it costs a worker to get a record: through Faust's streams, and by the consumer of its own; one JSON object.

    python bench/worker_records.py [--records 60000] [--rate 2800] [--size 3000]

A real Kafka, a process for each way, the same records for both, and a pipeline that does nothing, so that what is left is
the way itself. Processor time of the whole process, first with all records waiting, then while they come at a rate.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faust
from aiokafka import AIOKafkaProducer

from coldplate.agents.settings import KafkaSettings
from coldplate.agents.topics import create_topics
from coldplate.console.benching.machine import describe
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor
from coldplate.streams.app import create_app
from coldplate.streams.pipeline import Effects, Record
from coldplate.streams.reading import Reader
from coldplate.streams.settings import WorkerSettings
from coldplate.wire.delays import Delays
from coldplate.wire.topic import Topics

PARTITIONS = 12
WAYS = ("faust", "consumer")
WARM_UP = 2_000
MARK = "us: "
TAKE_MAX, TAKE_WITHIN_S = 1000, 0.3


class Nothing:
    """A pipeline that counts records and takes the process's time between the first and the last that matter."""

    def __init__(self, records: int) -> None:
        self.delays, self.rejected = Delays(), Counter[str]()
        self._records, self._seen, self._begin_s = records, 0, 0.0
        self.keeping = SimpleNamespace(due=lambda *_: [], all=list)

    def frames(self, records: list[Record], _: int) -> Effects:
        """Count; the last one ends the process."""
        if self._seen < WARM_UP <= self._seen + len(records):
            self._begin_s = time.process_time()
        self._seen += len(records)
        if self._seen >= self._records + WARM_UP:
            spent_s = time.process_time() - self._begin_s
            # On a line of its own: Faust's spinner writes to the same place.
            print(f"\n{MARK}{1e6 * spent_s / self._records:.1f}", flush=True)
            os._exit(0)
        return Effects()

    def passing_time(self, _: int) -> Effects:
        """Nothing passes."""
        return Effects()


def by_faust(settings: WorkerSettings, nothing: Nothing) -> Any:
    """The app as it was: a worker function over `take_events`, concurrency 1."""
    app = faust.App(
        settings.group, broker=f"kafka://{settings.brokers}", consumer_auto_offset_reset="earliest",
        broker_commit_interval=1.0, stream_buffer_maxsize=4096, key_serializer="raw", value_serializer="raw",
        topic_allow_declare=False, topic_disable_leader=True, table_standby_replicas=0,
        web_enabled=False, datadir=str(settings.state_dir), worker_redirect_stdouts=False,
    )  # fmt: skip
    topic = app.topic(settings.topics.frames, key_serializer="raw", value_serializer="raw")

    async def take(stream: Any) -> None:
        async for batch in stream.take_events(TAKE_MAX, within=TAKE_WITHIN_S):
            messages = [event.message for event in batch]
            taken = [
                Record(m.topic, m.partition, m.offset, int(m.timestamp * 1000), m.value)
                for m in messages
            ]
            nothing.frames(taken, 0)
            now_ms = time.time_ns() // 1_000_000
            for record in taken:
                nothing.delays.add((now_ms - record.timestamp_ms) / 1000)

    app.agent(topic, concurrency=1, name="frames")(take)
    return app


def by_consumer(settings: WorkerSettings, nothing: Any) -> Any:
    """The worker's own."""

    async def known(_: object) -> None:
        """There is nothing to restore."""

    return create_app(settings, nothing, Reader(settings, nothing, known, lambda *_: None))


def take(way: str, brokers: str, prefix: str, records: int) -> None:
    """In a process of its own: read until all are counted."""
    settings = WorkerSettings(
        brokers, "bench", Topics(prefix), Path(tempfile.gettempdir()) / "coldplate-faust",
        group=f"{prefix}-{way}-{uuid.uuid4().hex[:6]}",
    )  # fmt: skip
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app = {"faust": by_faust, "consumer": by_consumer}[way](settings, Nothing(records))
    faust.Worker(app, loop=loop, loglevel="ERROR", quiet=True).execute_from_commandline()


async def send(brokers: str, topic: str, count: int, size: int, rate: float | None) -> None:
    """So many records of random bytes, in all partitions; at a rate, or at once."""
    producer = AIOKafkaProducer(bootstrap_servers=brokers, linger_ms=5, max_batch_size=1 << 18)
    await producer.start()
    try:
        value, begin_s = os.urandom(size), time.monotonic()
        for number in range(count):
            await producer.send(topic, value, partition=number % PARTITIONS)
            ahead_s = number / rate - (time.monotonic() - begin_s) if rate else 0.0
            if ahead_s > 0.01:
                await asyncio.sleep(ahead_s)
        await producer.flush()
    finally:
        await producer.stop()


def one(way: str, brokers: str, given: argparse.Namespace, rate: float | None) -> float:
    """Processor microseconds a record."""
    topics = Topics(f"bench-{uuid.uuid4().hex[:8]}")
    create_topics(KafkaSettings(brokers), topics.specs(PARTITIONS))
    sending = send(brokers, topics.frames, given.records + 2 * WARM_UP, given.size, rate)
    if rate is None:
        asyncio.run(sending)
    command = [sys.executable, __file__, "--take", way, brokers, topics.prefix, str(given.records)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as taking:
        if rate is not None:
            asyncio.run(sending)
        answer, _ = taking.communicate(timeout=300)
    (line,) = (line for line in answer.decode().splitlines() if line.startswith(MARK))
    return float(line.removeprefix(MARK))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=60_000)
    parser.add_argument("--size", type=int, default=3_000, help="bytes of a record")
    parser.add_argument("--rate", type=float, default=2_800.0, help="records a second")
    parser.add_argument("--take", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.take:
        way, brokers, prefix, records = given.take
        take(way, brokers, prefix, int(records))
        return
    with tempfile.TemporaryDirectory(prefix="coldplate-bench-") as folder:
        state = StateDir(Path(folder) / "state")
        parts, found = local_servers(state, Cache.default(), clickhouse=False)
        with Supervisor(state, parts) as stack:
            stack.wait_healthy(120)
            out: dict[str, Any] = {
                "records": given.records, "size_bytes": given.size, "rate_hz": given.rate,
                "cpu_us_a_record_waiting": {w: one(w, found.kafka, given, None) for w in WAYS},
                "cpu_us_a_record_at_rate": {w: one(w, found.kafka, given, given.rate) for w in WAYS},
                "machine": describe(),
            }  # fmt: skip
    print(json.dumps(out, indent=2))


if __name__ == "__main__":
    main()
