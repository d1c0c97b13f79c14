"""Rollups made anew from samples: exact afterwards, whenever it dies, and never of samples that are gone."""

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest
import storing
from frames import record_bytes
from sinks.servers import database

from coldplate.sinks.agreement import Between, disagreeing
from coldplate.sinks.batch import FED, LATER, ROLLUPS, Batch, Record
from coldplate.sinks.client import Client
from coldplate.sinks.errors import HistoryDown
from coldplate.sinks.migrate import migrate
from coldplate.sinks.rebuild import Busy, Gone, rebuild
from coldplate.sinks.rollups import STORED_TIERS, rollup_name, stats_name
from coldplate.sinks.tables import SAMPLE_TABLES
from coldplate.wire.metric import Kind
from coldplate.wire.topic import Topics

pytestmark = pytest.mark.e2e
TOPICS = Topics()
NODE = "rack-0000/node-0"
GPUS = tuple(f"{NODE}/gpu-{g}" for g in range(3))
HOUR_S = 3600
GPU = SAMPLE_TABLES[0]


class Dying:
    """A client whose connection breaks at the n-th statement from now."""

    def __init__(self, client, after):
        self.client, self.left = client, after

    def execute(self, sql, params=None):
        if self.left == 0:
            raise HistoryDown("died here")
        self.left -= 1
        return self.client.execute(sql, params)


@pytest.fixture(scope="module")
def client(clickhouse_url):
    with database(clickhouse_url) as settings, Client(settings) as found:
        migrate(found)
        yield found


@pytest.fixture(autouse=True)
def empty(client):
    """Every test begins with empty tables; the schema is made once."""
    sql = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%%MergeTree'"
    for (name,) in client.execute(sql):
        if name != "migrations":
            client.execute(f"TRUNCATE TABLE `{name}`")


@pytest.fixture
def hours(client):
    """Frames of six hours around midnight of yesterday, with their rollups; the hours in the middle."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    middle = today - timedelta(days=1)
    rng, now_ms = np.random.default_rng(5), int(time.time() * 1000)
    records = []
    for seq in range(90):
        tick = int(middle.timestamp()) - 3 * HOUR_S + seq * 240
        values = {"power_w": rng.uniform(70, 700, (5, 3)), "gpu_c": rng.uniform(-5, 60, (5, 3))}
        values["gpu_c"][rng.random((5, 3)) < 0.3] = np.nan
        value = record_bytes(NODE, "rack-0000", tick, 5, {Kind.GPU: (GPUS, values)}, seq=seq)
        records.append(Record(TOPICS.frames, 0, seq, now_ms, value))
    storing.store(client, Batch(TOPICS.frames, 0, 0, 89, tuple(records)), "test", uuid4().hex)
    assert wrong(client) == [0, 0]
    return Between(middle - timedelta(hours=1), middle + timedelta(hours=1))


@pytest.fixture
def spoilt(client, hours, monkeypatch):
    """Those hours with rollups that are wrong: some buckets doubled, some gone; nothing was stored just now."""
    monkeypatch.setattr("coldplate.sinks.rebuild.QUIET_S", 0)
    for tier in STORED_TIERS:
        stats, where = stats_name(GPU, tier), hours.condition()
        settings = "SETTINGS insert_deduplicate = 0"
        client.execute(f"CREATE TABLE twice AS {stats}")
        client.execute(
            f"INSERT INTO twice {settings} SELECT * FROM {stats} WHERE {where} AND device % 2 = 0"
        )
        for (partition,) in client.execute("SELECT DISTINCT _partition_id FROM twice"):
            client.execute(f"ALTER TABLE {stats} ATTACH PARTITION ID '{partition}' FROM twice")
        client.execute("DROP TABLE twice SYNC")
        gone = f"{where} AND device % 2 = 1"
        client.execute(f"ALTER TABLE {stats} DELETE WHERE {gone} SETTINGS mutations_sync = 1")
    before = wrong(client)
    assert all(before)
    return hours, before


def wrong(client):
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    lately = Between(now - timedelta(days=3), now + timedelta(hours=1))
    return [disagreeing(client, GPU, tier, lately) for tier in STORED_TIERS]


def test_what_was_wrong_is_made_anew_and_the_rest_is_as_it_was(client, spoilt):
    """Every statistic of every bucket agrees again; a second time there is nothing to do."""
    hours, before = spoilt
    names = [rollup_name(GPU, tier) for tier in STORED_TIERS]
    found = rebuild(client, hours)
    assert [found[name] for name in names] == before
    assert wrong(client) == [0, 0]
    assert not any(rebuild(client, hours).values())
    assert (
        client.execute(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE '%rebuilt%'"
        )
        == []
    )


def test_a_rebuild_that_dies_anywhere_is_done_by_the_next(client, spoilt):
    """Cut off at each of its statements in turn: a bucket is as before or right, and the last run makes all right."""
    hours, before = spoilt
    for after in range(0, 300, 4):
        try:
            rebuild(Dying(client, after), hours)
        except HistoryDown:
            assert all(now <= was for now, was in zip(wrong(client), before, strict=True))
        else:
            break
    assert after > 30
    assert wrong(client) == [0, 0]


def test_what_waits_for_its_rollups_is_not_made_anew(client, spoilt):
    """A sink would add the same again: until the range is fed it is refused, and then it is done."""
    hours, _ = spoilt
    span = {
        "kafka": ["k"],
        "topic": [TOPICS.frames],
        "partition": [0],
        "generation": [1],
    }

    def written(of, first, last):
        client.insert(
            "sink_batches", span | {"topic_id": [of], "first": [first], "last": [last]}, None
        )

    def refused():
        with pytest.raises(Busy, match="wait for their rollups"):
            rebuild(client, hours)

    written(f"abc/{LATER}", 0, 89)
    refused()
    # Whoever wrote the range down may have died in the middle of it.
    written(f"abc/{ROLLUPS}", 0, 89)
    refused()
    written(f"abc/{FED}", 0, 40)
    refused()
    # Another topic's, which has the name of this one.
    written(f"xyz/{FED}", 0, 89)
    refused()
    written(f"abc/{FED}", 41, 89)
    assert any(rebuild(client, hours).values())


def test_what_cannot_be_made_anew_is_left(client, hours, monkeypatch):
    """Frames that are stored just now, and buckets whose samples are gone, are named; nothing changes."""
    with pytest.raises(Busy, match="stop the sinks"):
        rebuild(client, hours)
    monkeypatch.setattr("coldplate.sinks.rebuild.QUIET_S", 0)
    client.execute(
        f"ALTER TABLE gpu_samples DELETE WHERE {hours.condition()} OR t < toDateTime('{hours.begin:%Y-%m-%d %H:%M:%S}', 'UTC') SETTINGS mutations_sync = 1"
    )
    before = client.execute("SELECT count() FROM gpu_1m")
    with pytest.raises(Gone, match="begin later"):
        rebuild(client, hours)
    assert client.execute("SELECT count() FROM gpu_1m") == before


def test_a_stretch_is_of_whole_hours():
    """What would cut a bucket, or ends before it begins, is refused."""
    t = datetime(2026, 11, 2, tzinfo=UTC)
    with pytest.raises(ValueError, match="no whole hour"):
        Between(t, t + timedelta(minutes=90))
    with pytest.raises(ValueError, match="not before"):
        Between(t, t)
