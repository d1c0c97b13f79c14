"""The whole sink between a real Kafka and a real ClickHouse."""

import gc
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from contextlib import closing
from uuid import uuid4

import pytest
from frames import record_bytes
from sinks.servers import database
from waiting import await_that

from coldplate.sinks.client import Client
from coldplate.sinks.consumer import KafkaReader
from coldplate.sinks.errors import KafkaAway
from coldplate.sinks.migrate import migrate
from coldplate.sinks.settings import ClickHouseSettings, SinkSettings
from coldplate.wire.metric import Kind
from coldplate.wire.topic import Topics

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaProducer
    from kafka.admin import KafkaAdminClient

pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore:read_text:DeprecationWarning")]
RUN = """
import json, sys
from coldplate.sinks.settings import ClickHouseSettings, SinkSettings
from coldplate.sinks.sink import run_sink
from coldplate.wire.topic import Topics
o = json.loads(sys.argv[1])
h = ClickHouseSettings(**o["clickhouse"])
s = SinkSettings(brokers=tuple(o["brokers"]), cluster="test", topics=Topics(o["prefix"]), group=o["prefix"],
                 clickhouse=h, flush_s=0.1)
run_sink(s, lambda counts: print(json.dumps(counts), flush=True))
"""


@pytest.fixture
def topics(kafka_bootstrap):
    found = Topics(f"t{uuid4().hex[:8]}")
    with closing(KafkaAdminClient(bootstrap_servers=kafka_bootstrap)) as admin:
        admin.create_topics(
            {s.name: {"num_partitions": 2, "replication_factor": 1} for s in found.specs()}
        )
    return found


def start(kafka_bootstrap, settings, topics):
    names = ("host", "port", "database", "user", "password")
    options = {
        "brokers": [kafka_bootstrap], "prefix": topics.prefix,
        "clickhouse": {n: getattr(settings, n) for n in names},
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", RUN, json.dumps(options)], stdout=subprocess.PIPE, text=True
    )


def send(producer, topics, seq, sources=4):
    tick = int(time.time()) - 1
    for n in range(sources):
        rack, source = f"rack-{n}", f"rack-{n}/node-0"
        gpus = tuple(f"{source}/gpu-{g}" for g in range(2))
        value = record_bytes(source, rack, tick, 1, {Kind.GPU: (gpus, {"gpu_c": 60.0})}, seq=seq)
        producer.send(topics.frames, key=rack.encode(), value=value)


def test_every_frame_once_though_the_sink_is_killed(kafka_bootstrap, clickhouse_url, topics):
    """Frames keep coming while the sink dies by SIGKILL again and again; SIGTERM ends it in time."""
    with (
        database(clickhouse_url) as settings,
        Client(settings) as client,
        closing(KafkaProducer(bootstrap_servers=kafka_bootstrap)) as producer,
    ):
        migrate(client)
        count = "SELECT count() FROM frames"
        for turn in range(5):
            sink = start(kafka_bootstrap, settings, topics)
            before = client.execute(count)[0][0]
            for seq in range(turn * 50, turn * 50 + 50):
                send(producer, topics, seq)
            producer.flush()
            # Dies as soon as it has begun to store.
            await_that(lambda b=before: client.execute(count)[0][0] > b, 60, "rows")
            os.kill(sink.pid, signal.SIGKILL)
            sink.communicate()
        sink = start(kafka_bootstrap, settings, topics)
        await_that(lambda: client.execute(count)[0][0] >= 1000, 60, "all frames")
        # Counts come when signals are heard.
        assert sink.stdout.readline()
        asked_s = time.monotonic()
        sink.terminate()
        out, _ = sink.communicate(timeout=20)
        assert sink.returncode == 0
        assert time.monotonic() - asked_s < 10
        last = json.loads(out.splitlines()[-1])
        assert last["waiting_for"] == ""
        rows = Counter(client.execute("SELECT source, seq FROM frames"))
        assert len(rows) == 1000
        assert set(rows.values()) == {1}
        sql = "SELECT count(), uniqExact(device, seq) FROM gpu_samples"
        assert client.execute(sql) == [(2000, 2000)]


def test_the_reader_knows_the_log_and_its_place(kafka_bootstrap, topics):
    """Cluster id, topic id, assignment, seeking, positions and commits, as the loop needs them."""
    settings = SinkSettings(
        (kafka_bootstrap,), "test", ClickHouseSettings("x"), topics=topics, group=topics.prefix
    )
    with closing(KafkaProducer(bootstrap_servers=kafka_bootstrap)) as producer:
        for n in range(5):
            producer.send(topics.frames, value=b"%d" % n, partition=0)
        producer.flush()
    place = (topics.frames, 0)
    with closing(KafkaReader(settings)) as reader:
        gained = set()

        def given():
            reader.poll(0.1)
            gained.update(reader.changes()[1])
            return place in gained

        await_that(given, 30, "partitions")
        # Six topics of two partitions each.
        assert len(gained) == 12
        assert len(reader.kafka_id()) > 10
        assert len(reader.topic_id(topics.frames)) == 36
        assert reader.generation() >= 1
        assert reader.ends([place]) == {place: 5}
        # Kafka's own default: seven days.
        assert reader.retention_s(topics.frames) == 7 * 86_400
        assert reader.committed(place) is None
        reader.seek(place, None)
        assert reader.position(place) == 0
        reader.seek(place, 3)
        got = await_that(lambda: reader.poll(0.2), 10, "records")
        assert [r.value for r in got] == [b"3", b"4"]
        assert reader.position(place) == 5
        reader.commit({place: 4})
        assert reader.committed(place) == 4
        reader.pause([place])
        reader.seek(place, 0)
        assert reader.poll(0.3) == []
        reader.resume([place])
        assert len(await_that(lambda: reader.poll(0.2), 10, "records")) == 5


# The library leaves sockets of refused connections to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_kafka_that_is_not_there_is_away():
    """The first poll says so with the address, and later ones too."""
    settings = SinkSettings(("127.0.0.1:1",), "test", ClickHouseSettings("x"))
    with closing(KafkaReader(settings)) as reader:
        for _ in range(2):
            with pytest.raises(KafkaAway, match=r"127\.0\.0\.1:1"):
                reader.poll(0.1)
    gc.collect()


def test_a_joining_that_outlasts_many_polls_is_ended(kafka_bootstrap, topics):
    """Polls of a millisecond cut every step of it in two; all partitions come all the same, each time."""
    for number in range(5):
        reader = KafkaReader(
            SinkSettings(
                brokers=(kafka_bootstrap,), cluster="test", topics=topics,
                group=f"{topics.prefix}-{number}", clickhouse=ClickHouseSettings("nowhere"),
            )
        )  # fmt: skip
        found = set()

        def all_given(reader=reader, found=found):
            reader.poll(0.001)
            found.update(reader.changes()[1])
            return 12 == len(found)  # 6 topics of 2

        with closing(reader):
            await_that(all_given, 20, "every partition")
