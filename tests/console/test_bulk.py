"""The benchmark's producer against a real Kafka: every record once, a key's in order, where the agents' publisher puts it."""

import asyncio
import os
import uuid
import warnings

import pytest

from coldplate.agents.publisher import KafkaPublisher
from coldplate.agents.settings import KafkaSettings
from coldplate.agents.topics import create_topics
from coldplate.console.benching.bulk import BATCH_BYTES, Bulk
from coldplate.wire.topic import Topics, rack_key

with warnings.catch_warnings():
    # kafka-python reads its schemas by a function that Python 3.11 alone calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaConsumer, TopicPartition

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:read_text:DeprecationWarning"),
]

PARTITIONS = 4
KEYS = [rack_key(f"rack-{n:04d}") for n in range(40)]


@pytest.fixture
def topics(kafka_bootstrap):
    made = Topics(f"test-{uuid.uuid4().hex[:8]}")
    create_topics(KafkaSettings(kafka_bootstrap), made.specs(PARTITIONS))
    return made


def sent(settings, topic, slices):
    """Counts after slices of (key, value) were sent one after the other."""
    bulk = Bulk(settings)

    async def run():
        async with bulk.connected((topic,)):
            for records in slices:
                for key, value in records:
                    bulk.add(topic, key, value)
                await bulk.send()

    asyncio.run(run())
    return bulk.counts()


def stored(brokers, topic, count):
    """Records of a topic by partition."""
    consumer = KafkaConsumer(bootstrap_servers=brokers, consumer_timeout_ms=5000)
    consumer.assign([TopicPartition(topic, p) for p in range(PARTITIONS)])
    consumer.seek_to_beginning()
    out = {p: [] for p in range(PARTITIONS)}
    for n, record in enumerate(consumer, 1):
        out[record.partition].append((record.key, record.value))
        if n == count:
            break
    consumer.close()
    return out


def test_every_record_is_there_once_and_a_keys_are_in_order(kafka_bootstrap, topics):
    # The second slice is more than a batch holds.
    size, slices = 2000, [range(50), range(50, 1050), range(1050, 1060)]
    assert 1000 * size > PARTITIONS * BATCH_BYTES
    given = [
        [(KEYS[n % len(KEYS)], f"{n:06d}".encode().ljust(size, b".")) for n in some]
        for some in slices
    ]
    counts = sent(KafkaSettings(kafka_bootstrap), topics.frames, given)
    assert counts == {"taken": 1060, "acknowledged": 1060}

    found = stored(kafka_bootstrap, topics.frames, 1060)
    assert sorted(v for records in found.values() for _, v in records) == sorted(
        v for some in given for _, v in some
    )
    for records in found.values():
        for key in {k for k, _ in records}:
            of_key = [v for k, v in records if k == key]
            assert of_key == sorted(of_key)


def test_a_key_goes_where_the_agents_publisher_sends_it(kafka_bootstrap, topics):
    settings = KafkaSettings(kafka_bootstrap)
    sent(settings, topics.frames, [[(key, b"bulk") for key in KEYS]])
    publisher = KafkaPublisher(settings)
    for key in KEYS:
        publisher.publish(topics.frames, key, b"agent")
    assert publisher.flush(20) == 0
    publisher.close(5)
    for records in stored(kafka_bootstrap, topics.frames, 2 * len(KEYS)).values():
        by = {way: {k for k, v in records if v == way} for way in (b"bulk", b"agent")}
        assert by[b"bulk"] == by[b"agent"]


def test_what_kafka_refuses_is_counted_and_the_rest_arrives(kafka_bootstrap, topics):
    huge, small = (KEYS[0], os.urandom(4 << 20)), (KEYS[0], b"small")
    counts = sent(KafkaSettings(kafka_bootstrap), topics.frames, [[huge], [small]])
    assert counts == {"taken": 2, "failed": 1, "acknowledged": 1}
