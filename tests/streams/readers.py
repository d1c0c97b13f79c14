"""Workers' reading in a test's own process: a real consumer, pipeline and producer, and everything it saw."""

import asyncio
import tempfile
import uuid
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from frames import record_bytes

from coldplate.agents.settings import KafkaSettings
from coldplate.agents.topics import create_topics
from coldplate.streams.app import publish
from coldplate.streams.parting import leave
from coldplate.streams.pipeline import Pipeline
from coldplate.streams.reading import Reader
from coldplate.streams.settings import WorkerSettings
from coldplate.streams.tail import restore
from coldplate.wire.codec import decode, encode
from coldplate.wire.event import Event
from coldplate.wire.incident import Incident
from coldplate.wire.metric import Kind
from coldplate.wire.topic import Topics, rack_key

PARTITIONS = 4
RACKS = tuple(f"rack-{n:04d}" for n in range(16))
"""Some in every partition."""


def new_topics(kafka):
    """Topics of a test's own, made."""
    topics = Topics(f"test-{uuid.uuid4().hex[:8]}")
    create_topics(KafkaSettings(kafka), topics.specs(PARTITIONS))
    return topics


def settings_of(kafka, topics, **others):
    """A worker's, as short of patience as a broker allows."""
    given = {"session_s": 6.0, "group": f"{topics.prefix}-worker", **others}
    return WorkerSettings(kafka, "test", topics, Path(tempfile.gettempdir()), **given)


def xid(rack, t_ms):
    """Of a rack's first GPU, each rack's a minute before the next one's: so they have no cause in common."""
    gpu, at_ms = f"{rack}/node-0/gpu-0", t_ms - 61_000 * int(rack[-4:])
    return Event("xid", gpu, rack, at_ms, "test", f"{rack}/node-0", 1, at_ms // 1000, code=31)


def frame_bytes(rack, tick, seq=0, node=0):
    """A frame of one tick of one GPU, older than any event: none is over by it."""
    tick -= 1200
    name = f"{rack}/node-{node}"
    return record_bytes(name, rack, tick, 1, {Kind.GPU: ((f"{name}/gpu-0",), {"gpu_c": 60.0})}, seq=seq)  # fmt: skip


class Seeing(Pipeline):
    """A pipeline that keeps what it was given."""

    def __init__(self):
        super().__init__("test")
        self.seen = []

    def frames(self, records, now_ms):
        self.seen += records
        return super().frames(records, now_ms)

    def events(self, records):
        self.seen += records
        return super().events(records)

    def places(self, topic):
        """(partition, offset) of what was seen of a topic, in order."""
        return [(r.partition, r.offset) for r in self.seen if r.topic == topic]


class Kafka:
    """What a test sends and finds."""

    def __init__(self, bootstrap, topics, producer):
        self.bootstrap, self.topics, self._producer = bootstrap, topics, producer

    async def send(self, topic, *, key, value, **_):
        """As Faust's app does it."""
        return await self._producer.send(topic, value, key)

    async def send_all(self, topic, of_racks):
        """(rack, bytes) in order; done when Kafka has them."""
        for rack, value in of_racks:
            await self._producer.send(topic, value, rack_key(rack))
        await self._producer.flush()

    async def events(self, t_ms, racks=RACKS):
        """An XID in each rack."""
        await self.send_all(self.topics.events, [(r, encode(xid(r, t_ms))) for r in racks])

    async def committed(self, group, topic):
        """By partition, the group's offsets."""
        async with self._reading(group) as consumer:
            found = {
                p: await consumer.committed(TopicPartition(topic, p)) for p in range(PARTITIONS)
            }
            return {p: at for p, at in found.items() if at}

    async def ends(self, topic, partitions=PARTITIONS):
        """By partition, how many records."""
        async with self._reading(None) as consumer:
            ends = await consumer.end_offsets([TopicPartition(topic, p) for p in range(partitions)])
            return {tp.partition: end for tp, end in ends.items() if end}

    async def incidents(self):
        """Every record, in order."""
        tp, out = TopicPartition(self.topics.incidents, 0), []
        async with self._reading(None) as consumer:
            consumer.assign([tp])
            end = (await consumer.end_offsets([tp]))[tp]
            while await consumer.position(tp) < end:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    out += [decode(Incident, record.value) for record in records]
        return out

    @asynccontextmanager
    async def _reading(self, group):
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()


@asynccontextmanager
async def kafka_of(bootstrap, topics):
    """A producer's lifetime."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        yield Kafka(bootstrap, topics, producer)
    finally:
        await producer.stop()


@asynccontextmanager
async def reading(kafka, settings, told=publish):
    """A worker's reader, running; `told` publishes for it."""
    pipeline = Seeing()

    async def restored(partitions):
        await restore(settings, pipeline, partitions)

    reader = Reader(settings, pipeline, restored, lambda *parted: leave(pipeline, *parted))
    running = asyncio.create_task(
        reader.run(lambda effects: told(kafka, kafka.topics, effects)), name="reader"
    )
    try:
        yield reader, pipeline
        assert not running.done()
    finally:
        await reader.stop()


async def until(condition, within_s, what):
    """The first true answer of `condition`, awaited when it is to be."""
    async with asyncio.timeout(within_s) as limit:
        while True:
            answer = condition()
            if asyncio.iscoroutine(answer):
                answer = await answer
            if answer:
                return answer
            assert not limit.expired(), what
            await asyncio.sleep(0.02)
