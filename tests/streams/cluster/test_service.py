"""The cluster detector on a real Kafka: two of them, of which one is at work."""

import asyncio
import contextlib
import socket

import msgspec
import numpy as np
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError
from streams.readers import new_topics, settings_of, until

from coldplate.streams.cluster import service
from coldplate.streams.cluster.service import ClusterDetector
from coldplate.streams.cluster.sums import Sums
from coldplate.wire.codec import decode, encode
from coldplate.wire.errors import WireError
from coldplate.wire.incident import Evidence, Incident, Severity, State
from coldplate.wire.inventory import generate
from coldplate.wire.topic import Topics
from coldplate.wire.totals import Totals

T0_MS = 1_790_000_000_000
FLEET = generate(16, 2, 1)
WITHIN_S = 40.0


def found(worker, step=0, *, state=State.OPEN, at_ms=T0_MS):
    """What a worker that has every second rack finds when the hall has no water."""
    racks = [f"rack-{n:04d}" for n in range(worker, 16, 2)]
    evidence = tuple(
        Evidence("facility-water-loss", f"{r}/cdu", "facility_flow_lpm", T0_MS, 0.0, 1.0)
        for r in racks
    )
    closed = at_ms if state is State.CLOSED else None
    return Incident(
        "test", f"found-by-{worker}", step, state, "facility-water-loss", "row-0", "", Severity.CRITICAL,
        T0_MS, at_ms, "no water", T0_MS, closed, evidence=evidence, why="opened",
    )  # fmt: skip


@contextlib.asynccontextmanager
async def at_work(settings):
    """A cluster detector of this process."""
    detector = ClusterDetector(settings, FLEET)
    running = asyncio.create_task(detector.run())
    try:
        yield detector
    finally:
        detector.stop()
        await asyncio.wait_for(running, WITHIN_S)


async def send(settings, topic, records):
    producer = AIOKafkaProducer(bootstrap_servers=settings.brokers)
    await producer.start()
    try:
        for record in records:
            await producer.send_and_wait(
                topic, record if isinstance(record, bytes) else encode(record)
            )
    finally:
        await producer.stop()


async def incidents_of(settings, enough):
    """All records of incidents, once they are enough."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.brokers, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(settings.topics.incidents, 0)])
    records = []
    try:
        async with asyncio.timeout(WITHIN_S):
            while not enough(records):
                for messages in (await consumer.getmany(timeout_ms=200)).values():
                    records += [decode(Incident, m.value) for m in messages]
    except TimeoutError:
        pytest.fail(f"these are not enough: {[(r.id, r.step, r.state, r.kind) for r in records]}")
    finally:
        await consumer.stop()
    return records


def test_one_incident_of_two_workers_and_another_detector_goes_on_with_it(kafka_bootstrap):
    """What is no finding is counted; who stood by closes under the same id what the first one opened."""
    topics = new_topics(kafka_bootstrap)
    settings = settings_of(kafka_bootstrap, topics, group=f"{topics.prefix}-cluster")

    async def run():
        async with contextlib.AsyncExitStack() as both:
            first = await both.enter_async_context(at_work(settings))
            await until(lambda: first.stats()["at_work"], WITHIN_S, "the first to be at work")
            strange = msgspec.structs.replace(found(0), cluster="another")
            await send(settings, topics.findings, [found(0), b"no finding", strange, found(1)])
            opened = await incidents_of(settings, lambda r: any(len(i.parts) == 2 for i in r))
            await until(
                lambda: first.stats()["rejected"] == {"not-messagepack": 1, "wrong-cluster": 1},
                WITHIN_S,
                "the bad records to be counted",
            )
            second = await both.enter_async_context(at_work(settings))
            first.stop()
            await until(lambda: second.stats()["at_work"], WITHIN_S, "the second to take over")
            assert 1 == second.stats()["open_incidents"]
            over = [found(n, 1, state=State.CLOSED, at_ms=T0_MS + 60_000) for n in (0, 1)]
            await send(settings, topics.findings, over)
            closed = await incidents_of(settings, lambda r: r and r[-1].state is State.CLOSED)
        return opened, closed

    opened, closed = asyncio.run(run())
    assert {"found-by-0"} == {i.id for i in closed}
    assert list(range(len(closed))) == [i.step for i in closed]
    assert opened == closed[: len(opened)]
    assert ("found-by-0", "found-by-1") == closed[-1].parts
    assert 16 == len(closed[-1].evidence)


def test_what_is_read_twice_is_not_told_twice(kafka_bootstrap):
    """One that dies between what it published and its commit: the next reads it again."""
    topics = new_topics(kafka_bootstrap)
    settings = settings_of(kafka_bootstrap, topics, group=f"{topics.prefix}-cluster")

    async def run():
        await send(settings, topics.incidents, [found(0)])
        await send(settings, topics.findings, [found(0), found(0, 1, at_ms=T0_MS + 1000)])
        async with at_work(settings) as detector:
            records = await incidents_of(settings, lambda r: len(r) == 2)
            await until(
                lambda: detector.stats()["repeated"] == 1,
                WITHIN_S,
                "the repeated one to be counted",
            )
        return records

    assert [0, 1] == [i.step for i in asyncio.run(run())]


def test_what_was_before_is_asked_for_until_it_is_known(kafka_bootstrap, monkeypatch, caplog):
    """A Kafka that goes away while it takes over: it says so, goes on waiting, and passes over no finding."""
    topics = new_topics(kafka_bootstrap)
    settings = settings_of(kafka_bootstrap, topics, group=f"{topics.prefix}-cluster")
    real, refused = service.reading, []

    @contextlib.asynccontextmanager
    async def reading(settings):
        if not refused:
            refused.append(True)
            raise KafkaConnectionError
        async with real(settings) as consumer:
            yield consumer

    monkeypatch.setattr(service, "reading", reading)

    async def run():
        await send(settings, topics.findings, [found(0), found(1)])
        async with at_work(settings) as detector:
            records = await incidents_of(settings, lambda r: any(len(i.parts) == 2 for i in r))
            return records, detector.stats()

    records, stats = asyncio.run(run())
    assert [True] == refused
    assert {"found-by-0"} == {i.id for i in records}
    assert (2, 1) == (stats["findings"], stats["at_work"])
    assert 1 == caplog.text.count("does not answer")


def test_it_waits_for_a_kafka_that_is_not_there(caplog):
    """It says so once, and ends when told to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    settings = settings_of(f"127.0.0.1:{port}", Topics())

    async def run():
        async with at_work(settings):
            await until(
                lambda: "does not answer" in caplog.text, WITHIN_S, "it to say that Kafka is away"
            )

    asyncio.run(run())
    assert 1 == caplog.text.count("does not answer")


def totals(worker, t_s, racks, power_w):
    return Totals.of("test", worker, T0_MS + 1000 * t_s, racks, np.full(len(racks), power_w))


def test_the_racks_of_all_workers_are_one_hall():
    """A step that each worker's half hides is steep in the sum; a worker that says nothing for a while is no step."""
    sums, halves = Sums("test", FLEET), (
        [f"rack-{n:04d}" for n in range(8)], [f"rack-{n:04d}" for n in range(8, 16)],
    )  # fmt: skip
    told = []

    def tick(t_s, powers):
        for worker, (racks, power_w) in enumerate(zip(halves, powers, strict=True)):
            if power_w is not None:
                told.extend(sums.take(totals(f"w{worker}", t_s, racks, power_w))[1])

    for t_s in range(30):
        # A step that all racks take in turns of two seconds is no ramp.
        power_w = 90e3 if t_s % 2 else 80e3
        tick(t_s, (power_w, None if 10 <= t_s < 20 else power_w))
    assert not told
    for t_s in range(30, 50):
        tick(t_s, (45e3, 54e3))
    assert [("ramp-too-steep", "hall")] == [(i.kind, i.subject) for i in told]
    assert 2 == sums.workers


@pytest.mark.parametrize("period_s", range(2, 7))
@pytest.mark.parametrize("share", [0.3, 0.5])
def test_a_beat_of_the_whole_hall_is_no_ramp(period_s, share):
    """Half of its power comes and goes with a training step, read once a second; that it then stays away is one."""
    sums, told = Sums("test", FLEET), []
    racks = [f"rack-{n:04d}" for n in range(16)]
    for t_s in range(120):
        low = t_s % 10 % period_s < max(1, round(0.3 * period_s)) or t_s >= 100
        told += sums.take(totals("w", t_s, racks, 150e3 * (1.0 - share * low)))[1]
        assert t_s >= 100 or not told
    assert (["ramp-too-steep"] if share == 0.5 else []) == [i.kind for i in told]


@pytest.mark.parametrize("every_s", [0, 1, 5])
def test_racks_that_come_are_no_ramp(every_s):
    """A hall whose racks begin to tell one after another draws what it drew; when all are there, a ramp is one again."""
    sums, told = Sums("test", FLEET), []
    racks = [f"rack-{n:04d}" for n in range(16)]
    for t_s in range(80):
        come = max(0, t_s - 20) // every_s if every_s else 8 * (t_s > 20)
        told += sums.take(totals("w", t_s, racks[: 8 + come], 150e3))[1]
    assert not told
    for t_s in range(80, 100):
        told += sums.take(totals("w", t_s, racks, 75e3))[1]
    assert ["ramp-too-steep"] == [i.kind for i in told]


def test_a_small_hall_answers_to_no_utility():
    """What one fault does to the power of a few racks is no ramp."""
    sums, told = Sums("test", FLEET), []
    for t_s in range(40):
        told += sums.take(totals("w", t_s, ["rack-0000", "rack-0001"], 60e3 if t_s < 20 else 20e3))[
            1
        ]
    assert not told
    assert sums.count > 30


def test_a_record_that_contradicts_itself_is_refused():
    bad = msgspec.structs.replace(totals("w", 0, ["a", "b"], 1.0), racks=("a",))
    with pytest.raises(WireError, match="bad-layout"):
        Sums("test").take(bad)
