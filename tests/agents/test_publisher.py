"""The publisher against a real Kafka that is not there yet, frozen, or killed."""

import os
import signal
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest
from waiting import await_that

from coldplate.console.stack.cache import Cache
from coldplate.console.stack.ports import PortReservations
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor

with warnings.catch_warnings():
    # kafka-python reads its schemas by a function that Python 3.11 alone calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaConsumer, TopicPartition
    from kafka.admin import KafkaAdminClient, NewTopic

from coldplate.agents.gate import Verdict
from coldplate.agents.options.spool import Spool
from coldplate.agents.publisher import KafkaPublisher
from coldplate.agents.settings import KafkaSettings
from coldplate.agents.spool.disk import SpooledQueue

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:read_text:DeprecationWarning"),
]


@dataclass(frozen=True)
class Impatient(KafkaSettings):
    """Gives a record up after 2 s instead of 2 min, so that a test can outlast it."""

    def client_options(self) -> dict[str, Any]:
        options = super().client_options()
        return {**options, "request_timeout_ms": 1000, "delivery_timeout_ms": 2000}


@dataclass(frozen=True)
class Hasty(KafkaSettings):
    """Looks for a broker for a moment, and counts how often."""

    looks: list[float] = field(default_factory=list)

    def client_options(self) -> dict[str, Any]:
        self.looks.append(time.monotonic())
        return {**super().client_options(), "bootstrap_timeout_ms": 200}


class Broker:
    """A Kafka of our own, which a test may start late, freeze and kill."""

    def __init__(self, folder: Any) -> None:
        state = StateDir(folder)
        parts, endpoints = local_servers(state, Cache.default(), clickhouse=False)
        self.address, self.supervisor = endpoints.kafka, Supervisor(state, parts)

    @property
    def pid(self) -> int:
        return self.supervisor.states[0].pid or 0

    def start(self) -> None:
        self.supervisor.start()
        self.supervisor.wait_healthy(60)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        os.killpg(self.pid, signal.SIGKILL)

    def restarted(self) -> None:
        before = self.supervisor.states[0].restarts
        poll = self.supervisor.poll
        await_that(lambda: poll() or self.supervisor.states[0].restarts > before, 30, "a restart")
        self.supervisor.wait_healthy(60)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    made = Broker(tmp_path_factory.mktemp("broker") / "state")
    made.start()
    yield made
    made.supervisor.stop()


@pytest.fixture
def dead() -> Iterator[str]:
    """An address where nobody answers."""
    ports = PortReservations()
    yield f"127.0.0.1:{ports.choose()}"
    ports.release()


@contextmanager
def publisher(settings: KafkaSettings, **more: Any) -> Iterator[KafkaPublisher]:
    made = KafkaPublisher(settings, **more)
    try:
        yield made
    finally:
        made.close(0.0)


def new_topic(address: str, name: str | None = None, partitions: int = 1, **configs: str) -> str:
    name = name or f"test.{uuid.uuid4().hex[:8]}"
    with closing(KafkaAdminClient(bootstrap_servers=address)) as admin:
        admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
    return name


def read(address: str, topic: str) -> list[str]:
    """First words of all records of a topic, in each partition's order."""
    with closing(KafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")) as made:
        parts = [TopicPartition(topic, p) for p in sorted(made.partitions_for_topic(topic))]
        made.assign(parts)
        ends, out = made.end_offsets(parts), []
        while any(made.position(p) < end for p, end in ends.items()):
            for records in made.poll(timeout_ms=1000).values():
                out += [r.value.decode().split()[0] for r in records]
        return out


def sized(name: str, size: int = 1000) -> bytes:
    return f"{name} ".encode().ljust(size, b".")


def test_publishing_never_blocks_while_no_broker_is_there(dead: str) -> None:
    """Twenty thousand records in a row; the queue stays within its bytes, and every drop is counted."""
    with publisher(KafkaSettings(dead), queue_bytes_max=1_000_000) as made:
        longest_s = 0.0
        for i in range(20_000):
            began_s = time.monotonic()
            made.publish("t", b"k", sized(str(i)))
            longest_s = max(longest_s, time.monotonic() - began_s)
        counts = made.counts()
    assert 0.25 > longest_s
    assert 20_000 == counts["taken"]
    assert 1000 == counts["pending"]
    assert 19_000 == counts["dropped_queue_full"]


def test_closing_keeps_its_time_while_no_broker_is_there(dead: str) -> None:
    """What is left is said, and nothing waits for a connection."""
    made = KafkaPublisher(KafkaSettings(dead))
    made.publish("t", b"k", b"v")
    began_s = time.monotonic()
    made.close(1.0)
    assert 2.0 > time.monotonic() - began_s
    assert 1 == made.counts()["pending"]


def test_looking_for_a_broker_keeps_nothing_open(dead: str) -> None:
    """Each attempt that fails lets go of its sockets: later ones begin with as many open as the first."""
    settings, me = Hasty(dead), psutil.Process()
    before = me.num_fds()
    with publisher(settings):
        await_that(lambda: len(settings.looks) > 5, 20, "five attempts that failed")
        # A sixth holds its own few.
        assert before + 8 > me.num_fds()
    assert before == me.num_fds()


def test_what_was_held_is_sent_when_the_broker_comes(tmp_path: Any) -> None:
    """Every urgent record; of the ordinary ones the newest, as many as there was room for; in their order."""
    broker = Broker(tmp_path / "state")
    with publisher(KafkaSettings(broker.address), queue_bytes_max=100_000) as made:
        for i in range(300):
            made.publish("late", b"k", sized(f"{i}"))
            if i % 15 == 0:
                made.publish("late", b"k", sized(f"{i}-urgent"), urgent=True)
        before = made.counts()
        broker.start()
        try:
            new_topic(broker.address, "late")
            assert 0 == made.flush(30)
            got = read(broker.address, "late")
        finally:
            broker.supervisor.stop()
    assert (320, 100, 220) == tuple(before[n] for n in ("taken", "pending", "dropped_queue_full"))
    urgent = [f"{i}-urgent" for i in range(0, 300, 15)]
    ordinary = [f"{i}" for i in range(220, 300)]
    assert sorted(urgent + ordinary, key=lambda n: (int(n.split("-")[0]), n)) == got


def test_nothing_taken_is_lost_when_the_broker_is_killed(broker: Broker) -> None:
    """A kill -9 in mid-stream and a restart: every identity is there, and all are acknowledged."""
    topic, done = new_topic(broker.address), threading.Event()
    with publisher(KafkaSettings(broker.address)) as made:

        def feed() -> None:
            for i in range(3000):
                made.publish(topic, b"k", sized(str(i), 200))
                done.wait(0.005)

        feeder = threading.Thread(target=feed)
        feeder.start()
        await_that(lambda: made.counts().get("acknowledged", 0) > 300, 20, "the first records")
        broker.kill()
        broker.restarted()
        feeder.join()
        assert 0 == made.flush(60)
        assert 3000 == made.counts()["acknowledged"]
    assert {str(i) for i in range(3000)} == set(read(broker.address, topic))


def test_an_outage_longer_than_kafkas_patience_loses_nothing(broker: Broker) -> None:
    """What the producer gives up, while more is handed to it, is sent again by one that works."""
    topic, sent = new_topic(broker.address, partitions=8), 0

    def send(made: KafkaPublisher, enough: Callable[[], bool]) -> bool:
        nonlocal sent
        made.publish(topic, str(sent % 50).encode(), sized(str(sent)))
        sent += 1
        return enough()

    with publisher(Impatient(broker.address)) as made:
        await_that(
            lambda: send(made, lambda: made.counts().get("acknowledged", 0) > 50), 20, "records"
        )
        with broker.frozen():
            await_that(
                lambda: send(made, lambda: made.counts().get("resent", 0) > 0),
                20,
                "a record given up",
            )
            until = sent + 100
            await_that(lambda: send(made, lambda: sent > until), 20, "more records")
        assert 0 == made.flush(40)
        assert sent == made.counts()["acknowledged"]
    assert set(map(str, range(sent))) == set(read(broker.address, topic))


def test_an_urgent_record_is_not_dropped_for_what_is_in_flight(broker: Broker) -> None:
    """With a full queue of ordinary records handed to a frozen broker, an ordinary one gives way."""
    topic = new_topic(broker.address)
    with publisher(KafkaSettings(broker.address), queue_bytes_max=100_000) as made:
        made.publish(topic, b"k", sized("before"))
        assert 0 == made.flush(20)
        with broker.frozen():
            for i in range(99):
                made.publish(topic, b"k", sized(str(i)))
            await_that(lambda: made.counts()["in_flight"] == 50, 10, "half of them in flight")
            for name in ("one", "two", "three"):
                made.publish(topic, b"k", sized(name), urgent=True)
        assert 0 == made.flush(30)
    assert {"one", "two", "three"} <= set(read(broker.address, topic))


def test_closing_keeps_its_time_while_the_broker_stands_still(broker: Broker) -> None:
    """With records in flight; they are counted as pending."""
    topic = new_topic(broker.address)
    made = KafkaPublisher(KafkaSettings(broker.address))
    made.publish(topic, b"k", b"before")
    assert 0 == made.flush(20)
    with broker.frozen():
        made.publish(topic, b"k", b"after")
        began_s = time.monotonic()
        made.close(1.0)
        took_s = time.monotonic() - began_s
    assert 3.0 > took_s
    assert 1 == made.counts()["pending"]


def test_closing_ends_the_search_for_a_broker_that_stands_still(broker: Broker) -> None:
    """It takes the connection and never answers: the search is not waited for, and leaves nothing open."""
    me = psutil.Process()
    with broker.frozen():
        before = me.num_fds(), threading.active_count()
        made = KafkaPublisher(KafkaSettings(broker.address))
        await_that(lambda: me.num_fds() > before[0] + 3, 10, "a connection")
        began_s = time.monotonic()
        made.close(0.5)
        took_s = time.monotonic() - began_s
        after = me.num_fds(), threading.active_count()
    assert 1.5 > took_s
    assert before == after


def test_a_record_too_large_is_dropped_and_counted(kafka_bootstrap: str) -> None:
    """The records around it arrive."""
    topic = new_topic(kafka_bootstrap)
    with publisher(KafkaSettings(kafka_bootstrap, compression="none")) as made:
        for name, size in (("small", 10), ("large", 3_000_000), ("next", 10)):
            made.publish(topic, b"k", sized(name, size))
        assert 0 == made.flush(20)
        counts = made.counts()
    assert (1, 2) == (counts["dropped_too_large"], counts["acknowledged"])
    assert ["small", "next"] == read(kafka_bootstrap, topic)


def test_a_record_too_large_for_its_topic_takes_no_other_with_it(kafka_bootstrap: str) -> None:
    """The broker refuses it, after which kafka-python fails all that follows; that is sent again."""
    narrow = new_topic(kafka_bootstrap, **{"max.message.bytes": "1000"})
    topic = new_topic(kafka_bootstrap)
    with publisher(KafkaSettings(kafka_bootstrap, compression="none")) as made:
        for i in range(3):
            made.publish(narrow, b"k", sized(f"small-{i}", 10))
            made.publish(narrow, b"k", sized(f"large-{i}", 2000))
            made.publish(topic, b"k", sized(str(i)))
        assert 0 == made.flush(20)
        counts = made.counts()
    assert (3, 6) == (counts["dropped_too_large"], counts["acknowledged"])
    assert {f"small-{i}" for i in range(3)} == set(read(kafka_bootstrap, narrow))
    assert {"0", "1", "2"} == set(read(kafka_bootstrap, topic))


def test_a_topic_that_is_missing_does_not_hold_up_the_others(kafka_bootstrap: str) -> None:
    """Frames go on while the events' topic has not been made, and events follow once it is."""
    topic, missing = new_topic(kafka_bootstrap), f"test.{uuid.uuid4().hex[:8]}"
    with publisher(KafkaSettings(kafka_bootstrap)) as made:
        made.publish(missing, b"k", b"event", urgent=True)
        for i in range(20):
            made.publish(topic, b"k", sized(str(i)))
        await_that(lambda: made.counts().get("acknowledged", 0) == 20, 15, "the other topic")
        new_topic(kafka_bootstrap, missing)
        assert 0 == made.flush(30)
    assert ["event"] == read(kafka_bootstrap, missing)


def test_an_overflow_is_told_once(caplog):
    """The first record that gives way is news, the thousandth is a count."""
    publisher = KafkaPublisher(KafkaSettings("127.0.0.1:1"), queue_bytes_max=1000)
    for _ in range(100):
        publisher.publish("t", b"k", b"x" * 100)
    dropped = publisher.counts()["dropped_queue_full"]
    publisher.close(0.1)
    assert dropped >= 80
    assert 1 == sum("the oldest are dropped" in r.getMessage() for r in caplog.records)


def spooled(folder: Any, **options: Any) -> SpooledQueue:
    """A spool whose topic of events is `*.events`, and that catches up fast."""

    class Events:
        def __contains__(self, topic: object) -> bool:
            return str(topic).endswith(".events")

    return SpooledQueue(folder, Spool(**options), first_topics=Events(), frames_per_s_min=500.0)


def test_a_record_that_kafka_will_never_have_is_dropped_and_takes_no_other_with_it(
    kafka_bootstrap: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A compacted topic takes none without a key: it goes after three refusals, those in its batch arrive."""
    topic = new_topic(kafka_bootstrap, **{"cleanup.policy": "compact"})
    with publisher(KafkaSettings(kafka_bootstrap)) as made:
        for i in range(3):
            made.publish(topic, b"k", sized(f"before-{i}"))
        made.publish(topic, None, sized("guilty"))  # type: ignore[arg-type]
        for i in range(3):
            made.publish(topic, b"k", sized(f"after-{i}"))
        assert 0 == made.flush(30)
        counts = made.counts()
    assert (1, 6) == (counts["dropped_refused"], counts["acknowledged"])
    got = read(kafka_bootstrap, topic)
    assert {f"{w}-{i}" for w in ("before", "after") for i in range(3)} == set(got)
    assert "guilty" not in got
    assert 1 == sum(f"topic {topic} refuses a record" in r.getMessage() for r in caplog.records)


def test_a_topic_that_refuses_everything_does_not_hold_up_the_others(
    kafka_bootstrap: str, tmp_path: Any
) -> None:
    """What its rule on times refuses is dropped from the spool too; the rest arrives."""
    rule = {"message.timestamp.type": "CreateTime", "message.timestamp.before.max.ms": "0"}
    strict, topic = new_topic(kafka_bootstrap, **rule), new_topic(kafka_bootstrap)
    with publisher(KafkaSettings(kafka_bootstrap), waiting=spooled(tmp_path)) as made:
        for i in range(2):
            made.publish(strict, b"k", sized(f"refused-{i}"))
            made.publish(topic, b"k", sized(f"{i}"))
        assert 0 == made.flush(40)
        counts = made.counts()
    assert (2, 2) == (counts["dropped_refused"], counts["acknowledged"])
    assert 0 == counts["spool_records"]
    assert ["0", "1"] == list(dict.fromkeys(read(kafka_bootstrap, topic)))


def test_what_is_on_disk_waits_for_the_next_start(
    kafka_bootstrap: str, tmp_path: Any, dead: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Closing without a broker leaves it there and says how much; the next one sends it, events first."""
    topic = new_topic(kafka_bootstrap)
    events = new_topic(kafka_bootstrap, f"{topic}.events")
    made = KafkaPublisher(KafkaSettings(dead), waiting=spooled(tmp_path))
    for i in range(50):
        made.publish(topic, b"k", sized(str(i)))
    made.publish(events, b"k", sized("event"), urgent=True)
    made.close(0.1)
    counts = made.counts()
    assert (51, 0) == (counts["pending"], counts["unsaved"])
    assert 1 == sum("51 records wait on disk" in r.getMessage() for r in caplog.records)
    with publisher(KafkaSettings(kafka_bootstrap), waiting=spooled(tmp_path)) as again:
        assert 0 == again.flush(20)
        assert 51 == again.counts()["acknowledged"]
    assert [str(i) for i in range(50)] == read(kafka_bootstrap, topic)
    assert ["event"] == read(kafka_bootstrap, events)


def test_an_outage_longer_than_kafkas_patience_loses_nothing_that_is_spooled(
    broker: Broker, tmp_path: Any
) -> None:
    """The order of a key's first appearances stays, though the producer is another one."""
    topic = new_topic(broker.address, partitions=8)
    with publisher(Impatient(broker.address), waiting=spooled(tmp_path)) as made:
        made.publish(topic, b"a", sized("a0"))
        assert 0 == made.flush(20)
        with broker.frozen():
            for i in range(1, 300):
                made.publish(topic, b"ab"[i % 2 : i % 2 + 1], sized(f"{'ab'[i % 2]}{i}"))
            await_that(lambda: made.counts().get("resent", 0) > 0, 20, "a record given up")
        assert 0 == made.flush(40)
        assert 300 == made.counts()["acknowledged"]
    first = list(dict.fromkeys(read(broker.address, topic)))
    for key in "ab":
        numbers = [int(n[1:]) for n in first if n[0] == key]
        assert sorted(numbers) == numbers
    assert 300 == len(first)


def test_frames_after_an_outage_leave_at_their_rate(kafka_bootstrap: str, tmp_path: Any) -> None:
    """A backlog of two hundred goes at ten a second here, after a burst of twenty."""
    topic = new_topic(kafka_bootstrap)
    held = spooled(tmp_path)
    for i in range(200):
        held.put(topic, b"k", sized(str(i)), urgent=False, first_ms=time.time_ns() // 1_000_000)
    held.close()
    slow = SpooledQueue(tmp_path, Spool(), frames_per_s_min=10.0)
    with publisher(KafkaSettings(kafka_bootstrap), waiting=slow) as made:
        await_that(lambda: made.counts().get("acknowledged", 0) >= 20, 20, "the burst")
        began_s = time.monotonic()
        await_that(lambda: made.counts().get("acknowledged", 0) >= 50, 20, "thirty more")
        took_s = time.monotonic() - began_s
    assert 2.0 < took_s < 5.0


def test_a_gate_holds_drops_and_lets_pass(kafka_bootstrap: str, tmp_path: Any) -> None:
    """Held ones wait in their order until the gate has changed; dropped ones are counted."""
    topic = new_topic(kafka_bootstrap)
    now_ms = time.time_ns() // 1_000_000
    verdicts = dict.fromkeys((0, 1), Verdict.SEND) | dict.fromkeys((2, 3), Verdict.DROP)

    def gate(first_ms: int) -> Verdict:
        return verdicts.get(first_ms - now_ms, Verdict.HOLD)

    with publisher(KafkaSettings(kafka_bootstrap), waiting=spooled(tmp_path), gate=gate) as made:
        for i in range(8):
            made.publish(topic, b"k", sized(str(i)), first_ms=now_ms + i)
        await_that(lambda: made.counts()["pending"] == 4, 20, "what may pass")
        assert 4 == made.counts()["spool_records"]
        verdicts |= dict.fromkeys(range(4, 8), Verdict.SEND)
        made.gate_changed()
        assert 0 == made.flush(20)
        counts = made.counts()
    assert (2, 6) == (counts["dropped_led_by_other"], counts["acknowledged"])
    assert ["0", "1", "4", "5", "6", "7"] == read(kafka_bootstrap, topic)


def test_nothing_runs_while_there_is_nothing_to_do(kafka_bootstrap: str, tmp_path: Any) -> None:
    """An idle publisher costs next to no time of a core, its producer included."""
    topic = new_topic(kafka_bootstrap)
    with publisher(KafkaSettings(kafka_bootstrap), waiting=spooled(tmp_path)) as made:
        made.publish(topic, b"k", b"v")
        assert 0 == made.flush(20)
        before_s = time.process_time(), time.monotonic()
        threading.Event().wait(3.0)
        cpu_s, wall_s = time.process_time() - before_s[0], time.monotonic() - before_s[1]
    assert cpu_s / wall_s < 0.003
