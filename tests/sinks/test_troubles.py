"""ClickHouse refuses, is full, lost a table or has another schema: the sink says why, waits, and loses nothing."""

import re
import time
from collections import Counter

import numpy as np
import pytest
from frames import record_bytes
from sinks.fakes import Clock, FakeConsumer, FakeKafka
from sinks.servers import database

from coldplate.sinks.client import Client
from coldplate.sinks.loop import Sink
from coldplate.sinks.migrate import known, migrate
from coldplate.sinks.settings import SinkSettings
from coldplate.sinks.store import ClickHouseStore
from coldplate.wire.metric import Kind

pytestmark = pytest.mark.e2e
FRAMES = "coldplate.frames"
NODE = "rack-0000/node-0"
GPUS = tuple(f"{NODE}/gpu-{g}" for g in range(2))
SEQS, WAITS = 30, 20
NEWER = max(m.number for m in known()) + 1

FORGET_FILES = "ALTER TABLE migrations DELETE WHERE number >= 2 SETTINGS mutations_sync = 1"
TROUBLES = {
    "full": (
        ["ALTER TABLE gpu_samples MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000000"],
        ["ALTER TABLE gpu_samples RESET SETTING min_free_disk_bytes_to_perform_insert"],
        "code 243",
    ),
    "too many parts": (
        ["INSERT INTO gpu_samples (device, t) SELECT 1, now()",
         "ALTER TABLE gpu_samples MODIFY SETTING parts_to_delay_insert = 1, parts_to_throw_insert = 1"],
        ["ALTER TABLE gpu_samples RESET SETTING parts_to_delay_insert, parts_to_throw_insert"],
        "code 252",
    ),
    "a lost table": (["DROP TABLE frames SYNC"], [FORGET_FILES, "migrate"], "code 60"),
    "a lost column": (
        ["ALTER TABLE frames DROP COLUMN ticks"],
        ["ALTER TABLE frames ADD COLUMN ticks UInt16"], "code 16",
    ),
    "a newer schema": (
        [f"INSERT INTO migrations (number, name, sha256) SELECT {NEWER}, 'later.sql', ''"],
        [f"ALTER TABLE migrations DELETE WHERE number = {NEWER} SETTINGS mutations_sync = 1"],
        "later.sql.*newer coldplate",
    ),
    "an older schema": (
        [f"ALTER TABLE migrations DELETE WHERE number = {NEWER - 1} SETTINGS mutations_sync = 1"],
        ["migrate"], "run `coldplate migrate`",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def client(clickhouse_url):
    with database(clickhouse_url) as settings, Client(settings) as found:
        migrate(found)
        yield found


class Scene:
    """Two partitions with frames of now, a sink before them, and the real history behind it."""

    def __init__(self, client, seed):
        self.client, self.kafka, self.clock = client, FakeKafka(seed), Clock()
        self.boot, tick = time.time_ns(), int(time.time()) - 2 * SEQS
        rng = np.random.default_rng(seed)
        for seq in range(SEQS):
            values = {Kind.GPU: (GPUS, {"gpu_c": rng.uniform(20, 60, (2, 2))})}
            value = record_bytes(
                NODE, "rack-0000", tick + 2 * seq, 2, values, seq=seq, boot=self.boot
            )
            self.kafka.append(FRAMES, seq % 2, value, int(time.time() * 1000))
        consumer = FakeConsumer(self.kafka, self.clock)
        # The history keeps the ranges of the scenes before: this is another log.
        consumer.kafka_id = lambda: f"kafka-{self.boot}"
        self.kafka.rebalance([consumer])
        options = {"flush_s": 0.3, "rows_max": 20}
        settings = SinkSettings(("b:1",), "test", client.settings, **options)
        store = ClickHouseStore(client)
        self.sink = Sink(settings, consumer, store, clock=self.clock, wait=self.clock.wait)

    def do(self, statements):
        for sql in statements:
            if sql == "migrate":
                migrate(self.client)
            else:
                self.client.execute(sql)

    def stored(self):
        sql = f"SELECT seq FROM frames WHERE boot = {self.boot}"
        return Counter(int(seq) for (seq,) in self.client.execute(sql))


@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_sink_waits_with_the_reason_and_then_stores_all_once(client, trouble, caplog):
    """Nothing is committed that is not stored; when it is mended, every frame is there once, samples and rollups too."""
    spoil, mend, reason = TROUBLES[trouble]
    scene = Scene(client, len(trouble))
    scene.do(spoil)
    poll, waited = scene.sink._consumer.poll, 0

    def polled(timeout_s):
        # The loop waits within an insert, and polls meanwhile: so it is mended from here.
        nonlocal waited
        if "clickhouse" == scene.sink.stats.waiting_for:
            waited += 1
            if WAITS == waited:
                assert not scene.kafka.done()
                scene.do(mend)
        return poll(timeout_s)

    scene.sink._consumer.poll = polled
    with caplog.at_level("WARNING"):
        for _ in range(2000):
            scene.sink.step()
            if scene.kafka.done():
                break
    assert scene.kafka.done()
    assert waited >= WAITS
    told = [r.getMessage() for r in caplog.records if "waiting for ClickHouse" in r.getMessage()]
    assert 1 == len(told)
    assert re.search(reason, told[0]), told
    assert Counter(range(SEQS)) == scene.stored()
    rows = f"SELECT count(), uniqExact(device, t) FROM gpu_samples WHERE boot = {scene.boot}"
    assert [(4 * SEQS, 4 * SEQS)] == client.execute(rows)
