"""Sends the records of many sources, what comes at a time as one batch a partition.

For a load whose sources are all in one process. The agents' publisher hands kafka-python record by record and keeps each until it is
acknowledged, which for a load costs more than all that is measured with it: aiokafka lets a batch be filled, by compiled code, and sends
it whole. What is refused is counted and not sent again; a benchmark that loses records says so.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer

from coldplate.agents.settings import KafkaSettings
from coldplate.streams.parting import partition_of_key

Place = tuple[str, int]

BATCH_BYTES = 256 << 10
CLOSE_S = 20.0


class Bulk:
    """Batches that are being filled, and those that are on their way.

    Parameters
    ----------
    settings
        How to reach Kafka.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: Any = None
        self._partitions: dict[str, int] = {}
        self._open: dict[Place, Any] = {}
        self._full: list[tuple[Place, Any]] = []
        self._sent: set[asyncio.Future[Any]] = set()
        self._counts: Counter[str] = Counter()

    @asynccontextmanager
    async def connected(self, topics: tuple[str, ...]) -> AsyncIterator[None]:
        """With a producer, which knows the partitions of what is sent to; at the end it waits for what is on its way.

        Raises
        ------
        KafkaError
            Kafka is not there, or has no such topic.
        """
        compression = self._settings.compression
        self._producer = AIOKafkaProducer(
            **self._settings.client_options(), client_id="coldplate-load",
            compression_type=None if compression == "none" else compression,
            max_batch_size=BATCH_BYTES, enable_idempotence=True,
        )  # fmt: skip
        async with self._producer:
            for topic in topics:
                self._partitions[topic] = len(await self._producer.partitions_for(topic))
            yield
            if self._sent:
                await asyncio.wait(self._sent, timeout=CLOSE_S)

    def add(self, topic: str, key: bytes, value: bytes) -> None:
        """Into the batch that is filled for the key's partition."""
        place = topic, partition_of_key(key, self._partitions[topic])
        batch = self._open.get(place)
        if batch is None or batch.append(timestamp=None, key=key, value=value) is None:
            if batch is not None:
                self._full.append((place, batch))
            batch = self._open[place] = self._producer.create_batch()
            batch.append(timestamp=None, key=key, value=value)  # the first fits always
        self._counts["taken"] += 1

    async def send(self) -> None:
        """All that is filled, each partition's in order; waits while as much as may is on its way.

        Raises
        ------
        KafkaError
        """
        batches, self._full = [*self._full, *self._open.items()], []
        self._open.clear()
        for (topic, partition), batch in batches:
            count = batch.record_count()
            sent = await self._producer.send_batch(batch, topic, partition=partition)
            self._sent.add(sent)
            sent.add_done_callback(lambda done, count=count: self._done(done, count))

    def _done(self, sent: "asyncio.Future[Any]", count: int) -> None:
        self._sent.discard(sent)
        failed = sent.cancelled() or sent.exception() is not None
        self._counts["failed" if failed else "acknowledged"] += count

    def counts(self) -> Mapping[str, int]:
        """Records `taken`, `acknowledged` and `failed`."""
        return dict(self._counts)
