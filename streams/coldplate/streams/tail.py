"""What was going on before we started: what was learnt, the frames just before the committed offset, open incidents.

State is not kept in Faust tables (their recovery hangs); it is rebuilt by reading. The tail ends where the
group's committed offset is, because everything before it has had its effects published; from there on the
worker reads with effects. Seconds of work at start, bounded by `tail_s`. What takes longer to learn than the tail
lasts comes from the history (recall.py), and from the end of its topic what the history may not have yet; frames of the tail that it has learnt from already are learnt from twice,
two minutes of hours.
"""

import logging
import time
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from coldplate.streams.app import client_options
from coldplate.streams.pipeline import Pipeline, Record
from coldplate.streams.recall import recall
from coldplate.streams.settings import WorkerSettings
from coldplate.wire.baseline import Baselines, check
from coldplate.wire.codec import decode
from coldplate.wire.errors import WireError
from coldplate.wire.incident import Incident
from coldplate.wire.ports import History

log = logging.getLogger(__name__)

logging.getLogger("aiokafka").setLevel(
    logging.CRITICAL
)  # once a second, what this program says once

READ_MS = 1_000


async def restore(
    settings: WorkerSettings, pipeline: Pipeline, history: History | None = None
) -> None:
    """Bring a pipeline to where the worker before it stopped; without a history, baselines are learnt anew."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.brokers, group_id=settings.group, enable_auto_commit=False,
        auto_offset_reset="earliest", **client_options(settings),
    )  # fmt: skip
    try:
        await consumer.start()
        if history is not None:
            now_ms = time.time_ns() // 1_000_000
            await recall(
                history, pipeline.keeping, settings.cluster, now_ms, settings.history_wait_s
            )
        pipeline.keeping.expect(await _written_down(consumer, settings))
        count = await _frames_before_commit(consumer, settings, pipeline)
        pipeline.take_over(await _last_of_each(consumer, settings.topics.incidents))
    finally:
        await consumer.stop()
    opened = len(pipeline.correlator.open_cases)
    log.info("restored %d open incidents and %d frames of the tail", opened, count)


async def _last_of_each(consumer: AIOKafkaConsumer, topic: str) -> list[Incident]:
    last: dict[str, Incident] = {}
    for partition in sorted(
        consumer.partitions_for_topic(topic) or await _partitions(consumer, topic)
    ):
        tp = TopicPartition(topic, partition)
        start = (await consumer.beginning_offsets([tp]))[tp]
        async for message in _between(consumer, tp, start, (await consumer.end_offsets([tp]))[tp]):
            try:
                incident = decode(Incident, message.value or b"")
            except WireError as error:
                log.warning("%s offset %d is no incident: %s", topic, message.offset, error)
                continue
            if incident.id not in last or incident.step >= last[incident.id].step:
                last[incident.id] = incident
    return list(last.values())


async def _written_down(consumer: AIOKafkaConsumer, settings: WorkerSettings) -> list[Baselines]:
    """What was learnt, of the last two turns of all racks."""
    topic, out = settings.topics.baselines, []
    since_ms = time.time_ns() // 1_000_000 - int(2000 * settings.keep_s)
    for partition in sorted(await _partitions(consumer, topic)):
        tp = TopicPartition(topic, partition)
        found = (await consumer.offsets_for_times({tp: since_ms}))[tp]
        if found is None:
            continue
        end = (await consumer.end_offsets([tp]))[tp]
        async for message in _between(consumer, tp, found.offset, end):
            try:
                record = decode(Baselines, message.value or b"")
                check(record)
            except WireError as error:
                log.warning("%s offset %d is no baselines: %s", topic, message.offset, error)
                continue
            if record.cluster == settings.cluster:
                out.append(record)
    return out


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.add_topic(topic)  # noqa: SLF001  aiokafka has no public "fetch its metadata"
    return set(consumer.partitions_for_topic(topic) or ())


async def _frames_before_commit(
    consumer: AIOKafkaConsumer, settings: WorkerSettings, pipeline: Pipeline
) -> int:
    topic, count = settings.topics.frames, 0
    for partition in sorted(await _partitions(consumer, topic)):
        tp = TopicPartition(topic, partition)
        committed = await consumer.committed(tp)
        first = (await consumer.beginning_offsets([tp]))[tp]
        if committed is None or committed <= first:
            continue
        async for message in _between(consumer, tp, committed - 1, committed):
            found = await consumer.offsets_for_times(
                {tp: message.timestamp - int(1000 * settings.tail_s)}
            )
            start = found[tp].offset if found[tp] else committed
            count += await _feed(consumer, tp, (start, committed), pipeline)
    return count


async def _feed(
    consumer: AIOKafkaConsumer, tp: Any, span: tuple[int, int], pipeline: Pipeline
) -> int:
    batch: list[Record] = []
    count = 0
    async for m in _between(consumer, tp, *span):
        batch.append(Record(m.topic, m.partition, m.offset, m.timestamp, m.value or b""))
        if len(batch) >= 500:
            count += len(batch)
            pipeline.warm(batch, time.time_ns() // 1_000_000)
            batch = []
    pipeline.warm(batch, time.time_ns() // 1_000_000)
    return count + len(batch)


async def _between(consumer: AIOKafkaConsumer, tp: Any, start: int, end: int) -> Any:
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
