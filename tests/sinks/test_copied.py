"""Rollups that were made before they were plain columns: what the migration makes of them, also when it was cut off."""

import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from frames import record_bytes
from sinks.servers import database

from coldplate.sinks.agreement import Between, disagreeing
from coldplate.sinks.batch import Batch, Record
from coldplate.sinks.client import Client
from coldplate.sinks.dedup import Dedup
from coldplate.sinks.migrate import known, migrate
from coldplate.sinks.prepare import prepare
from coldplate.sinks.rollups import STORED_TIERS, rollup_name
from coldplate.sinks.tables import SAMPLE_TABLES
from coldplate.wire.metric import Kind
from coldplate.wire.topic import Topics

LAST_WITH_STATES = 18
NODE, CDU = "rack-0000/node-0", "rack-0000/cdu"
GPUS = tuple(f"{NODE}/gpu-{g}" for g in range(3))
FRAMES = 40
NOTHING = {rollup_name(t, tier): 0 for t in SAMPLE_TABLES for tier in STORED_TIERS}


def batch():
    """Frames over two hours and midnight, with negative values, absent ones and metrics that nobody sent."""
    now = datetime.now(UTC)
    begin = int((now - timedelta(days=1)).replace(hour=23, minute=0, second=0).timestamp())
    rng = np.random.default_rng(3)
    records = []
    for seq in range(FRAMES):
        shape, tick = (5, 3), begin + 180 * seq
        values = {
            "power_w": rng.uniform(70, 700, shape), "margin_c": rng.uniform(-9, 60, shape),
            "energy_j": rng.uniform(0, 1e9, shape), "ecc_corrected_total": rng.integers(0, 9, shape) * 1.0,
        }  # fmt: skip
        for array in values.values():
            array[rng.random(shape) < 0.3] = np.nan
        frame = {Kind.GPU: (GPUS, values)}
        if seq % 2:
            frame = {Kind.CDU: ((CDU,), {"supply_c": rng.uniform(-5, 40, (5, 1))})}
        source = CDU if seq % 2 else NODE
        records.append(record_bytes(source, "rack-0000", tick, 5, frame, seq=seq))
    now_ms, topic = int(time.time() * 1000), Topics().frames
    taken = tuple(Record(topic, 0, n, now_ms, v) for n, v in enumerate(records))
    return Batch(topic, 0, 0, len(taken) - 1, taken)


def wrong(client):
    """Buckets that are not as their samples, by rollup."""
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
    lately = Between(end - timedelta(days=3), end)
    return {
        rollup_name(t, tier): disagreeing(client, t, tier, lately)
        for t in SAMPLE_TABLES
        for tier in STORED_TIERS
    }


@pytest.mark.e2e
def test_every_bucket_of_before_is_there_once(clickhouse_url):
    """Also where the migration was cut off at any of its copies, and begun again; what they were made from is gone then."""
    steps = {m.number: m for m in known()}
    with database(clickhouse_url) as settings, Client(settings) as client:
        migrate(client, [m for m in known() if m.number <= LAST_WITH_STATES])
        for table, columns in prepare(batch(), Topics(), "test", Dedup()).inserts:
            client.insert(table, columns, f"before/{table}")
        # As the views of then made them.
        ((minutes,),) = client.execute("SELECT count() FROM gpu_1m")
        assert minutes >= FRAMES // 2
        copies = [s for s in steps[LAST_WITH_STATES + 1].statements if s.startswith("INSERT")]
        assert 2 * len(SAMPLE_TABLES) == len(copies)
        for statement in steps[LAST_WITH_STATES + 1].statements:
            client.execute(statement)
            if statement == copies[4]:
                break
        migrate(client)
        assert client.execute("SELECT count() FROM gpu_1m") == [(minutes,)]
        assert NOTHING == wrong(client)
        sql = (
            "SELECT name FROM system.tables WHERE database = currentDatabase() "
            "AND match(name, '_1[mh](_state|_later|_feed|_later_feed)$')"
        )
        assert [] == client.execute(sql)
