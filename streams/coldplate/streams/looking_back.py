"""Reading topics from their beginning, or from anywhere, beside whoever else reads them."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from coldplate.streams.connection import client_options
from coldplate.streams.settings import WorkerSettings
from coldplate.wire.codec import decode
from coldplate.wire.errors import WireError
from coldplate.wire.incident import Incident

log = logging.getLogger(__name__)

READ_MS = 1_000


@asynccontextmanager
async def reading(settings: WorkerSettings) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that asks how far the group is, without being of it."""
    consumer = AIOKafkaConsumer(
        group_id=settings.group, enable_auto_commit=False, auto_offset_reset="earliest",
        **client_options(settings),
    )  # fmt: skip
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def last_of_each(consumer: AIOKafkaConsumer, topic: str) -> list[Incident]:
    """The last record of each incident of a topic."""
    last: dict[str, Incident] = {}
    for partition in sorted(
        consumer.partitions_for_topic(topic) or await partitions_of(consumer, topic)
    ):
        tp = TopicPartition(topic, partition)
        start = (await consumer.beginning_offsets([tp]))[tp]
        async for message in between(consumer, tp, start, (await consumer.end_offsets([tp]))[tp]):
            try:
                incident = decode(Incident, message.value or b"")
            except WireError as error:
                log.warning("%s offset %d is no incident: %s", topic, message.offset, error)
                continue
            if incident.id not in last or incident.step >= last[incident.id].step:
                last[incident.id] = incident
    return list(last.values())


async def partitions_of(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    """Numbers of a topic's partitions; empty when there is no such topic."""
    await consumer._client.add_topic(topic)  # noqa: SLF001  aiokafka has no public "fetch its metadata"
    return set(consumer.partitions_for_topic(topic) or ())


async def between(consumer: AIOKafkaConsumer, tp: Any, start: int, end: int) -> Any:
    """Records of a partition from `start` up to `end`, which existed when we asked for it."""
    if start >= end:
        return
    consumer.assign([tp])
    consumer.seek(tp, start)
    while await consumer.position(tp) < end:
        got = await consumer.getmany(tp, timeout_ms=READ_MS)
        for message in got.get(tp, ()):
            if message.offset < end:
                yield message
