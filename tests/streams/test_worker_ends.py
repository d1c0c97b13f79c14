"""The worker as a process, with a real Kafka: what is told and committed when it ends, and when Kafka does."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

from streams.readers import RACKS, frame_bytes, kafka_of, new_topics, reading, settings_of, until

from coldplate.console.stack.cache import Cache
from coldplate.console.stack.part import Status
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor

WITHIN_S = 60.0

COMMITS_NOTHING = """
from coldplate.console.main import main
from coldplate.streams import reading
reading.COMMIT_S = 1e9
main()
"""


@contextmanager
def worker(bootstrap, topics, folder, *how):
    """The process; what it says is in the folder's file `log`."""
    env = {
        **os.environ, "COLDPLATE_KAFKA": bootstrap, "COLDPLATE_STATE": str(folder),
        "COLDPLATE_TOPIC_PREFIX": topics.prefix, "COLDPLATE_CLUSTER": "test",
        "COLDPLATE_WORKER__GROUP": f"{topics.prefix}-worker", "COLDPLATE_WORKER__INSTANCE": "one",
    }  # fmt: skip
    with (folder / "log").open("ab") as file:
        command = [sys.executable, *(how or ("-m", "coldplate.console")), "worker"]
        started = subprocess.Popen(command, env=env, stdout=file, stderr=file)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def now_ms():
    return time.time_ns() // 1_000_000


def test_what_was_told_and_not_committed_is_told_again_under_the_same_id(kafka_bootstrap, tmp_path):
    """Killed in between; the next worker reads the events again, finds the same incidents, and commits when it ends."""

    async def run():
        topics = new_topics(kafka_bootstrap)
        group = f"{topics.prefix}-worker"
        async with kafka_of(kafka_bootstrap, topics) as kafka:
            await kafka.events(now_ms())

            async def told(times):
                records = await kafka.incidents()
                return len(records) >= times * len(RACKS) and records

            with worker(kafka_bootstrap, topics, tmp_path, "-c", COMMITS_NOTHING) as first:
                opened = await until(lambda: told(1), WITHIN_S, "the incidents")
                first.send_signal(signal.SIGKILL)
            assert {} == await kafka.committed(group, topics.events)
            with worker(kafka_bootstrap, topics, tmp_path) as second:
                again = await until(lambda: told(2), WITHIN_S, "them again")
                second.send_signal(signal.SIGTERM)
                assert 0 == await asyncio.to_thread(second.wait, WITHIN_S)
            assert {(i.id, i.subject) for i in opened} == {(i.id, i.subject) for i in again}
            assert await kafka.ends(topics.events) == await kafka.committed(group, topics.events)

    asyncio.run(run())
    # Nothing hung, nothing waited; a spinner's own bytes are all there is.
    assert "" == "".join(c for c in (tmp_path / "log").read_text() if c.isalpha()).strip("hl")


def test_a_worker_goes_on_when_kafka_was_killed(tmp_path, caplog):
    """It says once that it waits and once that it reads again; nothing is left out."""
    state = StateDir(tmp_path / "state")
    parts, found = local_servers(state, Cache.default(), clickhouse=False)
    caplog.set_level(logging.WARNING, "coldplate")

    async def run(stack):
        topics = new_topics(found.kafka)
        settings = settings_of(found.kafka, topics)

        def kafka():
            stack.poll()
            return next(s for s in stack.states if s.name == "kafka")

        async with kafka_of(found.kafka, topics) as sent:

            async def send(count):
                at = now_ms() // 1000
                frames = [(RACKS[n % 16], frame_bytes(RACKS[n % 16], at, n)) for n in range(count)]
                await sent.send_all(topics.frames, frames)

            async with reading(sent, settings) as (reader, pipeline):
                await send(32)
                await until(lambda: reader.done == 32, WITHIN_S, "the first frames")
                os.kill(kafka().pid, signal.SIGKILL)
                await until(lambda: kafka().restarts == 1, WITHIN_S, "Kafka to be missed")
                await until(lambda: kafka().status is Status.HEALTHY, WITHIN_S, "Kafka")
                await send(48)
                await until(lambda: len(set(pipeline.places(topics.frames))) == 80, WITHIN_S, "all")
            ends = await sent.ends(topics.frames)
            assert 80 == sum(ends.values())
            assert ends == await sent.committed(settings.group, topics.frames)

    with Supervisor(state, parts) as stack:
        stack.wait_healthy(WITHIN_S)
        asyncio.run(run(stack))
    assert len(caplog.messages) <= 6, caplog.messages
