"""How a worker reads: effects first and offsets after, events first, every record by one worker of its group."""

import asyncio
import time
from contextlib import AsyncExitStack

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CorruptRecordException
from streams.readers import (
    PARTITIONS,
    RACKS,
    frame_bytes,
    kafka_of,
    new_topics,
    reading,
    settings_of,
    until,
)

from coldplate.streams.app import publish
from coldplate.streams.parting import partition_of
from coldplate.streams.pipeline import Pipeline, Record
from coldplate.streams.tail import restore
from coldplate.wire.codec import encode
from coldplate.wire.inventory import generate

WITHIN_S = 30.0


def now_s():
    return int(time.time())


def frames_of(count, tick, racks=RACKS):
    return [(racks[n % len(racks)], frame_bytes(racks[n % len(racks)], tick, n)) for n in range(count)]  # fmt: skip


def test_an_offset_is_committed_after_its_effects_and_not_before(kafka_bootstrap):
    """While effects are on their way nothing is committed; afterwards everything, at the latest when it stops."""

    async def run():
        topics = new_topics(kafka_bootstrap)
        settings = settings_of(kafka_bootstrap, topics)
        async with kafka_of(kafka_bootstrap, topics) as kafka:
            await kafka.events(1000 * now_s())
            taken, may = asyncio.Event(), asyncio.Event()

            async def told(*effects):
                taken.set()
                await may.wait()
                await publish(*effects)

            async with reading(kafka, settings, told) as (reader, _):
                async with asyncio.timeout(WITHIN_S):
                    await taken.wait()
                await reader.membership._commit(reader.membership._consumer, 5.0)
                assert {} == await kafka.committed(settings.group, topics.events)
                may.set()
                await until(lambda: reader.done == len(RACKS), WITHIN_S, "the events")
                # Ended before the second is over in which it would commit.
            assert await kafka.ends(topics.events) == await kafka.committed(
                settings.group, topics.events
            )
            assert len(RACKS) == len({i.id for i in await kafka.incidents()})

    asyncio.run(run())


def test_an_event_overtakes_frames_that_came_before_it(kafka_bootstrap):
    """Of 5,000 frames that wait, at most one batch is judged before an event behind them is answered."""

    async def run():
        topics = new_topics(kafka_bootstrap)
        settings = settings_of(kafka_bootstrap, topics)
        async with kafka_of(kafka_bootstrap, topics) as kafka:
            await kafka.send_all(topics.frames, frames_of(50, now_s()) * 100)
            await kafka.events(1000 * now_s(), RACKS[:1])
            async with reading(kafka, settings) as (reader, pipeline):
                await until(lambda: reader.done == 5001, WITHIN_S, "all of it")
                order = [r.topic for r in pipeline.seen].index(topics.events)
            assert order <= 1000

    asyncio.run(run())


def test_a_record_that_cannot_be_read_is_counted_and_passed(kafka_bootstrap):
    """It is rejected with its place, its neighbours are taken, and its offset is committed like theirs."""

    async def run():
        topics = new_topics(kafka_bootstrap)
        settings = settings_of(kafka_bootstrap, topics)
        async with kafka_of(kafka_bootstrap, topics) as kafka:
            rack, tick = RACKS[0], now_s()
            sent = [(rack, frame_bytes(rack, tick, 0)), (rack, b"no frame"), (rack, frame_bytes(rack, tick + 1, 1))]  # fmt: skip
            await kafka.send_all(topics.frames, sent)
            async with reading(kafka, settings) as (reader, pipeline):
                await until(lambda: reader.done == 3, WITHIN_S, "the records")
            assert (2, 1) == (pipeline.engine.counts["frames"], pipeline.rejected.total())
            assert {3} == set((await kafka.committed(settings.group, topics.frames)).values())
            assert 1 == (await kafka.ends(topics.rejects, 1))[0]

    asyncio.run(run())


def test_workers_of_a_group_share_partitions_and_take_over_what_is_open(kafka_bootstrap):
    """A second one comes and goes: all is read, a rack's events where its frames are, under the same incidents."""

    async def run():
        topics = new_topics(kafka_bootstrap)
        settings = settings_of(kafka_bootstrap, topics)
        async with kafka_of(kafka_bootstrap, topics) as kafka:

            async def news(tick):
                await kafka.send_all(topics.frames, frames_of(2 * len(RACKS), tick))
                await kafka.events(1000 * tick)

            def all_seen(events, *pipelines):
                seen = [
                    len({place for p in pipelines for place in p.places(t)})
                    for t in (topics.frames, topics.events)
                ]
                return seen == [2 * events, events]

            tick = now_s()
            await news(tick)
            async with reading(kafka, settings) as (first, one):
                await until(lambda: first.done == 3 * len(RACKS), WITHIN_S, "the first alone")
                opened = {i.subject: i.id for i in await kafka.incidents()}
                assert len(RACKS) == len(opened)
                async with reading(kafka, settings) as (second, two):
                    await until(
                        lambda: len(first.behind()) == len(second.behind()) == PARTITIONS,
                        WITHIN_S, "both to have their half",
                    )  # fmt: skip
                    # Not of each other's racks any more, and of its own what the first had opened.
                    mine, others = ({c.id for c in p.correlator.open_cases} for p in (one, two))
                    assert set(opened.values()) == mine | others
                    assert not mine & others
                    before = len(one.seen)
                    await news(tick + 1)
                    await until(lambda: all_seen(2 * len(RACKS), one, two), WITHIN_S, "both")
                    for pipeline, start in ((one, before), (two, 0)):
                        of = [
                            {r.partition for r in pipeline.seen[start:] if r.topic == t}
                            for t in (topics.frames, topics.events)
                        ]
                        assert of[0] == of[1]
                        assert PARTITIONS // 2 == len(of[0])
                await news(tick + 2)
                await until(
                    lambda: all_seen(3 * len(RACKS), one, two), WITHIN_S, "the first, alone again"
                )
            # Nothing twice: each gave up what it had committed.
            for topic, count in ((topics.frames, 6 * len(RACKS)), (topics.events, 3 * len(RACKS))):
                assert count == len(one.places(topic)) + len(two.places(topic))
            records = await kafka.incidents()
            assert opened == {i.subject: i.id for i in records}
            assert {("open", 0), ("open", 1), ("open", 2)} == {(i.state.value, i.step) for i in records}  # fmt: skip

    asyncio.run(run())


def test_what_was_written_down_is_given_to_who_gets_a_rack_and_not_to_who_has_it(kafka_bootstrap):
    """Racks that an inventory names, and that have told nothing yet, are not had."""
    inventory = generate(len(RACKS), 1, 1)

    async def run():
        topics = new_topics(kafka_bootstrap)
        settings = settings_of(kafka_bootstrap, topics)
        before, after = (Pipeline("test", inventory) for _ in range(2))
        tick = now_s()

        def heard(pipeline, start, count):
            pipeline.frames(
                [
                    Record(topics.frames, 0, at, 1000 * at, frame_bytes(RACKS[0], at, at))
                    for at in range(start, start + count)
                ],
                1000 * (start + count),
            )

        heard(before, tick, 120)
        async with kafka_of(kafka_bootstrap, topics) as kafka:
            written = [(r.rack, encode(r)) for r in before.keeping.all()]
            assert written
            await kafka.send_all(topics.baselines, written)
            await restore(settings, after, set(range(PARTITIONS)))
            heard(after, tick + 120, 1)
            recalled = after.keeping.counts["recalled"]
            assert recalled > 0
            await restore(settings, after, set(range(PARTITIONS)))
            heard(after, tick + 121, 1)
            assert recalled == after.keeping.counts["recalled"]

    asyncio.run(run())


def test_several_workers_share_out_once_for_each_that_comes(kafka_bootstrap):
    """Not once more for what each of them asks beside: a group of a few would never come to an end."""

    async def run():
        topics = new_topics(kafka_bootstrap)
        settings = settings_of(kafka_bootstrap, topics)
        async with kafka_of(kafka_bootstrap, topics) as kafka, AsyncExitStack() as stack:
            readers = []
            for count in range(1, PARTITIONS + 1):
                reader, _ = await stack.enter_async_context(reading(kafka, settings))
                readers.append(reader)
                await until(
                    lambda: all(r.behind() for r in readers) and 2 * PARTITIONS == sum(len(r.behind()) for r in readers),
                    WITHIN_S, "each its part",
                )  # fmt: skip
                coordinators = [r.membership._consumer._coordinator for r in readers]
                assert [count] * count == [c.generation for c in coordinators]
            await asyncio.sleep(settings.session_s)
            assert [PARTITIONS] * PARTITIONS == [c.generation for c in coordinators]
            assert [1] * PARTITIONS == [r.membership.reads() for r in readers]

    asyncio.run(run())


def test_who_shares_out_otherwise_is_waited_for(kafka_bootstrap, caplog):
    """Somebody's own consumer in the workers' group: it is said, once, and read when it has gone."""

    async def run():
        topics = new_topics(kafka_bootstrap)
        settings = settings_of(kafka_bootstrap, topics)
        other = AIOKafkaConsumer(
            topics.frames, topics.events, bootstrap_servers=kafka_bootstrap, group_id=settings.group,
            enable_auto_commit=False, session_timeout_ms=6000, heartbeat_interval_ms=500,
        )  # fmt: skip
        async with kafka_of(kafka_bootstrap, topics) as kafka:
            await other.start()
            try:
                await until(
                    lambda: len(other.assignment()) == 2 * PARTITIONS, WITHIN_S, "all of it"
                )
                async with reading(kafka, settings) as (reader, _):
                    await until(
                        lambda: "InconsistentGroupProtocol" in caplog.text, WITHIN_S, "a word"
                    )
                    await other.stop()
                    await until(
                        lambda: len(reader.behind()) == 2 * PARTITIONS, WITHIN_S, "its place"
                    )
            finally:
                await other.stop()
        assert 1 == caplog.text.count("lets us read nothing")

    asyncio.run(run())


def test_a_rack_is_looked_for_in_the_partition_in_which_agents_put_it():
    """Kafka's default placing, of the agents' own client."""
    from kafka.partitioner import murmur2  # noqa: PLC0415  warns unless `coldplate.agents` loads it first

    placed = {rack: (murmur2(rack.encode()) & 0x7FFFFFFF) % 12 for rack in RACKS}
    assert placed == {rack: partition_of(rack, 12) for rack in RACKS}
    assert len(set(placed.values())) > 4


def test_an_error_of_one_partition_loses_nothing_of_the_others(kafka_bootstrap, caplog):
    """What was polled with it is read again: positions go back to what has effects; it is said once."""

    async def run():
        topics = new_topics(kafka_bootstrap)
        settings = settings_of(kafka_bootstrap, topics)
        async with kafka_of(kafka_bootstrap, topics) as kafka:
            async with reading(kafka, settings) as (reader, pipeline):
                await until(lambda: len(reader.behind()) == 2 * PARTITIONS, WITHIN_S, "its place")
                consumer, failed = reader.membership._consumer, []
                getmany = consumer.getmany

                async def taken_and_failed(*args, **options):
                    got = await getmany(*args, **options)
                    if got and not failed:
                        failed.append(got)
                        raise CorruptRecordException
                    return got

                consumer.getmany = taken_and_failed
                await kafka.send_all(topics.frames, frames_of(24, now_s()))
                await until(lambda: reader.done >= 24, WITHIN_S, "all of it")
                assert failed
                places = pipeline.places(topics.frames)
            assert 24 == len(places) == len(set(places))
            ends = await kafka.ends(topics.frames)
            assert sorted(places) == [(p, n) for p, end in sorted(ends.items()) for n in range(end)]

    asyncio.run(run())
    assert ["lets us read nothing", "lets us read again"] == [
        said for r in caplog.records for said in ("lets us read nothing", "lets us read again") if said in r.message
    ]  # fmt: skip
