"""Looking at Kafka from outside: what is not there is said, and what came before one looked can be asked for."""

import time
import uuid
import warnings
from contextlib import closing

import pytest
from waiting import await_that

with warnings.catch_warnings():
    # kafka-python reads its schemas by a function that Python 3.11 alone calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaProducer

from coldplate.agents import topics as making
from coldplate.agents.follow import Follower, Lag, NotAnswering
from coldplate.agents.settings import KafkaSettings
from coldplate.agents.topics import TopicsError, create_topics
from coldplate.wire.topic import Topics

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:read_text:DeprecationWarning"),
]


@pytest.fixture
def kafka(kafka_bootstrap):
    return KafkaSettings(kafka_bootstrap)


@pytest.fixture
def topics(kafka):
    made = Topics(uuid.uuid4().hex)
    create_topics(kafka, made.specs(3))
    return made


def test_topics_that_were_made_can_be_read_at_once(kafka, topics):
    """All of them, with all their partitions."""
    for spec in topics.specs(3):
        with closing(Follower(kafka, [spec.name])) as follower:
            assert [] == follower.poll(0.0)


def test_a_topic_that_is_not_there_is_no_silent_one(kafka, topics):
    """Neither followed for ever in vain, nor one that nobody is behind with."""
    with pytest.raises(NotAnswering, match=r"no-such.*`coldplate topics create` makes it"):
        Follower(kafka, [topics.events, "no-such"])
    with pytest.raises(NotAnswering, match=r"no-such is not there.*`coldplate topics create`"):
        Lag(kafka, "no-such", ["group"])


def test_follows_from_the_moment_it_is_asked_for(kafka, topics):
    """Without one only what comes from now on; with one what the broker appended since, in every partition."""
    with closing(KafkaProducer(**kafka.client_options())) as producer:

        def send(value, partition):
            return producer.send(topics.frames, value, partition=partition).get(10).timestamp

        send(b"before", 0)
        time.sleep(0.01)
        since_ms = send(b"first", 0)
        send(b"second", 1)
        with (
            closing(Follower(kafka, [topics.frames, topics.events])) as now,
            closing(Follower(kafka, [topics.frames, topics.events], since_ms)) as then,
        ):
            send(b"third", 2)
            for follower, expected in ((now, {b"third"}), (then, {b"first", b"second", b"third"})):
                seen = set()
                await_that(
                    lambda f=follower, s=seen, e=expected: s.update(x.value for x in f.poll(0.1)) or s >= e,
                    10, f"{expected}",
                )  # fmt: skip
                assert expected == seen


class Tells:
    """A broker that hears of a topic a while after the controller made it: a real one is late by milliseconds, now and then."""

    def __init__(self, *answers, code=0):
        self.answers, self.asked, self.code = list(answers), 0, code

    def describe_topics(self, topics):
        self.asked += 1
        partitions = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [{"name": t, "error_code": self.code, "partitions": partitions} for t in topics]


def test_topics_are_made_when_the_broker_tells_of_them():
    """Partitions, each with a leader."""
    broker = Tells([], [{"leader_id": 1}, {"leader_id": -1}], [{"leader_id": 1}, {"leader_id": 2}])
    making._await_shown(broker, ["a", "b"])
    assert 3 == broker.asked


def test_topics_that_one_may_make_and_not_see_are_not_awaited():
    """Who has the right to create and no other has done what there is to do."""
    broker = Tells([], code=29)
    making._await_shown(broker, ["a"])
    assert 1 == broker.asked


def test_a_topic_without_a_leader_is_not_awaited_for_ever(monkeypatch):
    """It says which, and what may be the matter."""
    monkeypatch.setattr(making, "SHOWN_WITHIN_S", 0.1)
    with pytest.raises(TopicsError, match=r"no leader of a, b after 0\.1 s: are enough brokers up"):
        making._await_shown(Tells([{"leader_id": -1}]), ["a", "b"])
