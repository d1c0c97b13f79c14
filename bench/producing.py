"""What it costs to send a record: by the agents' publisher, and in batches as the benchmark's load does; one JSON object.

    python bench/producing.py [--seconds 15] [--rate 2800] [--size 620] [--runs 3]

A real Kafka, records of random bytes with racks' keys at a rate, 20 times a second what has become due, the two ways in turns. Processor time
of the process that sends, and of Kafka meanwhile; medians with the least and the most.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from coldplate.agents.publisher import KafkaPublisher
from coldplate.agents.settings import KafkaSettings
from coldplate.agents.topics import create_topics
from coldplate.console.benching.bulk import Bulk
from coldplate.console.benching.machine import describe
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor
from coldplate.wire.topic import Topics, rack_key

PARTITIONS = 4
SLICE_S = 0.05
KEYS = [rack_key(f"rack-{n:04d}") for n in range(1563)]
FLUSH_S = 20.0


def by_publisher(settings: KafkaSettings, topic: str, value: bytes, given: argparse.Namespace) -> int:  # fmt: skip
    """Record by record, each kept until it is acknowledged."""
    publisher, sent, begin_s = KafkaPublisher(settings), 0, time.monotonic()
    while (passed_s := time.monotonic() - begin_s) < given.seconds:
        for number in range(sent, int(given.rate * passed_s)):
            publisher.publish(topic, KEYS[number % len(KEYS)], value)
            sent = number + 1
        time.sleep(SLICE_S)
    left = publisher.flush(FLUSH_S)
    publisher.close(FLUSH_S)
    if left:
        raise SystemExit(f"{left} records were not acknowledged")
    return sent


def in_batches(settings: KafkaSettings, topic: str, value: bytes, given: argparse.Namespace) -> int:
    """As `coldplate bench pipeline` sends its load."""
    bulk = Bulk(settings)

    async def run() -> int:
        sent = 0
        async with bulk.connected((topic,)):
            begin_s = time.monotonic()
            while (passed_s := time.monotonic() - begin_s) < given.seconds:
                for number in range(sent, int(given.rate * passed_s)):
                    bulk.add(topic, KEYS[number % len(KEYS)], value)
                    sent = number + 1
                await bulk.send()
                await asyncio.sleep(SLICE_S)
        return sent

    sent = asyncio.run(run())
    if bulk.counts()["acknowledged"] != sent:
        raise SystemExit(f"of {sent} records: {bulk.counts()}")
    return sent


WAYS: dict[str, Callable[..., int]] = {"publisher": by_publisher, "batches": in_batches}


def one(way: str, brokers: str, broker: psutil.Process, given: argparse.Namespace) -> dict[str, float]:  # fmt: skip
    """Processor microseconds a record, here and in Kafka."""
    topics, settings = Topics(f"bench-{uuid.uuid4().hex[:8]}"), KafkaSettings(brokers)
    create_topics(settings, topics.specs(PARTITIONS))
    value = os.urandom(given.size)
    here_s, there_s = time.process_time(), sum(broker.cpu_times()[:2])
    sent = WAYS[way](settings, topics.frames, value, given)
    return {
        "sender_us": 1e6 * (time.process_time() - here_s) / sent,
        "kafka_us": 1e6 * (sum(broker.cpu_times()[:2]) - there_s) / sent,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="of each run")
    parser.add_argument("--rate", type=float, default=2_800.0, help="records a second")
    parser.add_argument("--size", type=int, default=620, help="bytes of a record")
    parser.add_argument(
        "--runs", type=int, default=3, help="of each way, after one that is not counted"
    )
    given = parser.parse_args()
    seen: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(prefix="coldplate-bench-") as folder:
        state = StateDir(Path(folder) / "state")
        parts, found = local_servers(state, Cache.default(), clickhouse=False)
        with Supervisor(state, parts) as stack:
            stack.wait_healthy(120)
            broker = next(p for p in psutil.Process().children(recursive=True) if p.name() == "java")  # fmt: skip
            for run in range(given.runs + 1):
                for way in WAYS:
                    measured = one(way, found.kafka, broker, given)
                    seen[way] += [measured] if run else []
    out: dict[str, Any] = {
        way: {
            name: [round(f([r[name] for r in runs]), 1) for f in (statistics.median, min, max)]
            for name in ("sender_us", "kafka_us")
        }
        for way, runs in seen.items()
    }
    rate = {"rate_hz": given.rate, "size_bytes": given.size, "runs": given.runs}
    print(json.dumps({**rate, "median_least_most": out, "machine": describe()}, indent=2))


if __name__ == "__main__":
    main()
