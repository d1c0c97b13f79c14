"""What the demo sees of Kafka: everything since it began, whenever it gets there; and it says while it does not."""

import time
from contextlib import contextmanager
from uuid import uuid4

import pytest
from waiting import await_that

from coldplate.agents.publisher import KafkaPublisher
from coldplate.agents.settings import KafkaSettings
from coldplate.agents.topics import create_topics
from coldplate.console.context import Context
from coldplate.console.demo.watch import Watch
from coldplate.wire.codec import encode
from coldplate.wire.event import Event
from coldplate.wire.topic import Topics, rack_key

pytestmark = pytest.mark.e2e
WITHIN_S = 15.0


@pytest.fixture
def topics(monkeypatch, kafka_bootstrap, clickhouse_url):
    prefix = f"t{uuid4().hex[:8]}"
    monkeypatch.setenv("COLDPLATE_KAFKA", kafka_bootstrap)
    monkeypatch.setenv("COLDPLATE_CLICKHOUSE", clickhouse_url)
    monkeypatch.setenv("COLDPLATE_TOPIC_PREFIX", prefix)
    return Topics(prefix)


@contextmanager
def watching(since_ms):
    watch = Watch(Context(), since_ms)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()


def test_topics_that_come_late_are_followed_from_the_beginning(topics, kafka_bootstrap):
    """A broker that hears of them after the demo looked: nothing is seen without a word, and nothing is missed."""
    settings, began_ms = KafkaSettings(kafka_bootstrap), time.time_ns() // 1_000_000
    with watching(began_ms) as watch:
        await_that(lambda: watch.trouble, WITHIN_S, "a word about topics that are not there")
        assert f"{topics.incidents}, {topics.events} is not there" in watch.trouble
        assert not watch.following
        create_topics(settings, topics.specs(2))
        publisher = KafkaPublisher(settings)
        at_ms = time.time_ns() // 1_000_000
        event = Event(
            "xid", "rack-1/node-0/gpu-0", "rack-1", at_ms, "demo", "rack-1/node-0", 1, 1, code=31
        )
        publisher.publish(topics.events, rack_key(event.rack), encode(event))
        assert 0 == publisher.flush(WITHIN_S)
        publisher.close(1.0)
        await_that(lambda: watch.following, WITHIN_S, "the topics")
        await_that(lambda: watch.sight.events, WITHIN_S, "what came before they were followed")
        assert [("xid", event.subject, 31)] == list(watch.sight.events)
    with watching(time.time_ns() // 1_000_000 + 60_000) as watch:
        await_that(lambda: watch.following, WITHIN_S, "the topics")
        assert {} == watch.sight.events
