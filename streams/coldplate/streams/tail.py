"""What was going on in partitions before they were ours: what was learnt, the frames before the committed offset, incidents.

State is not kept in Faust tables (their recovery hangs); it is rebuilt by reading, at the start and whenever the group
gives the worker partitions that another had. The tail ends where the group's committed offset is, because everything
before it has had its effects published; from there on the worker reads with effects. Seconds of work, bounded by
`tail_s`. What takes longer to learn than the tail lasts comes from the history (recall.py), and from the end of its
topic what the history may not have yet; frames of the tail that it has learnt from already are learnt from twice,
two minutes of hours.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Container
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec.structs import replace

from coldplate.streams.case import FORECAST
from coldplate.streams.looking_back import between, last_of_each, partitions_of, reading
from coldplate.streams.parting import partition_of
from coldplate.streams.pipeline import Pipeline, Record
from coldplate.streams.recall import recall
from coldplate.streams.settings import WorkerSettings
from coldplate.streams.topology import Level, Topology
from coldplate.wire.baseline import Baselines, check
from coldplate.wire.codec import decode
from coldplate.wire.errors import WireError
from coldplate.wire.incident import Incident, State
from coldplate.wire.ports import History
from coldplate.wire.signature import signature_of

log = logging.getLogger(__name__)

FEED_MAX = 500


async def ask_history(
    settings: WorkerSettings, pipeline: Pipeline, history: History | None
) -> None:
    """Once Kafka is there, what detectors had learnt of all racks; without a history it is learnt anew."""
    async with reading(settings):
        if history is not None:
            now_ms = time.time_ns() // 1_000_000
            await recall(
                history, pipeline.keeping, settings.cluster, now_ms, settings.history_wait_s
            )


async def restore(
    settings: WorkerSettings, pipeline: Pipeline, partitions: AbstractSet[int]
) -> None:
    """Bring a pipeline to where the worker before us stopped in these partitions; other racks stay as they are.

    Once begun it may be left at any await, and begun again.
    """
    known = _heard(pipeline)
    rejected = Counter(pipeline.rejected)
    async with reading(settings) as consumer:
        learnt = await _written_down(consumer, settings)
        pipeline.keeping.expect(record for record in learnt if record.rack not in known)
        count = await _frames_before_commit(consumer, settings, pipeline, partitions)
        incidents = await _known(consumer, settings)
        every = await partitions_of(consumer, settings.topics.frames)
    ours = {case.id for case in pipeline.correlator.open_cases}
    met = _heard(pipeline) - known
    if not every <= partitions:
        topology = Topology(pipeline.engine.fleet)
        racks = _Racks(met, partitions, len(every))
        seen = (ours_of(i, racks, topology) for i in incidents if i.state is State.OPEN)
        incidents = [i for i in seen if i is not None]
    pipeline.take_over(i for i in incidents if i.id not in ours)
    pipeline.rejected.update(rejected)
    opened = len(pipeline.correlator.open_cases)
    log.info("%d open incidents are known, after %d frames of the tail", opened, count)


@dataclass(frozen=True, slots=True)
class _Racks(Container[str]):
    """Those that were heard in some partitions, or whose records come there."""

    met: AbstractSet[str]
    partitions: AbstractSet[int]
    count: int

    def __contains__(self, rack: object) -> bool:
        if not isinstance(rack, str):
            return False
        return rack in self.met or partition_of(rack, self.count) in self.partitions


def ours_of(incident: Incident, racks: Container[str], topology: Topology) -> Incident | None:
    """What of an incident is seen in some racks; None when nothing is.

    One that spans racks of several workers would never close if each of them waited for what only another can see end.
    """
    told = [e for e in incident.evidence if e.detector != FORECAST]
    ours = [e for e in told if topology.at(e.subject, Level.RACK) in racks]
    if not told:
        return incident if incident.rack in racks else None
    return replace(incident, evidence=tuple(ours)) if ours else None


def _heard(pipeline: Pipeline) -> set[str]:
    """Racks that have told something."""
    out = set()
    for kind, state in pipeline.engine.states.items():
        newest = state.newest.tolist()
        for rack, rows in pipeline.engine.fleet.tables[kind].rows_of_rack.items():
            if any(row < len(newest) and newest[row] >= 0 for row in rows):
                out.add(rack)
    return out


async def _known(consumer: AIOKafkaConsumer, settings: WorkerSettings) -> list[Incident]:
    """The last record of each incident that workers told of; while they hand over to a cluster detector, or back, of both."""
    topics = settings.topics
    found = {
        i.id: i
        for i in await last_of_each(consumer, topics.incidents)
        if not (settings.joined and i.parts)
    }
    if settings.joined:
        found |= {i.id: i for i in await last_of_each(consumer, topics.findings)}
    return list(found.values())


async def _written_down(consumer: AIOKafkaConsumer, settings: WorkerSettings) -> list[Baselines]:
    """What was learnt, of the last two turns of all racks."""
    topic, out = settings.topics.baselines, []
    since_ms = time.time_ns() // 1_000_000 - int(2000 * settings.keep_s)
    for partition in sorted(await partitions_of(consumer, topic)):
        tp = TopicPartition(topic, partition)
        found = (await consumer.offsets_for_times({tp: since_ms}))[tp]
        if found is None:
            continue
        end = (await consumer.end_offsets([tp]))[tp]
        async for message in between(consumer, tp, found.offset, end):
            try:
                record = decode(Baselines, message.value or b"")
                check(record)
            except WireError as error:
                log.warning("%s offset %d is no baselines: %s", topic, message.offset, error)
                continue
            if record.cluster == settings.cluster:
                out.append(record)
    return out


async def _frames_before_commit(
    consumer: AIOKafkaConsumer,
    settings: WorkerSettings,
    pipeline: Pipeline,
    partitions: AbstractSet[int],
) -> int:
    topic, count = settings.topics.frames, 0
    for partition in sorted(partitions & await partitions_of(consumer, topic)):
        tp = TopicPartition(topic, partition)
        committed = await consumer.committed(tp)
        first = (await consumer.beginning_offsets([tp]))[tp]
        if committed is None or committed <= first:
            continue
        async for message in between(consumer, tp, committed - 1, committed):
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
    async for m in between(consumer, tp, *span):
        batch.append(
            Record(
                m.topic, m.partition, m.offset, m.timestamp, m.value or b"", signature_of(m.headers)
            )
        )
        if len(batch) >= FEED_MAX:
            count += len(batch)
            pipeline.warm(batch, time.time_ns() // 1_000_000)
            batch = []
            # Heartbeats are sent from this loop, and what is fetched already comes without waiting.
            await asyncio.sleep(0)
    pipeline.warm(batch, time.time_ns() // 1_000_000)
    return count + len(batch)
