"""Rollups against the samples they are made of: random frames, retries, late ones, and a server that is killed."""

import random
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from frames import record_bytes
from sinks.servers import database
from waiting import await_that

from coldplate.console.stack.cache import Cache
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.state import StateDir
from coldplate.sinks.batch import LATER, Batch, Record
from coldplate.sinks.client import Client
from coldplate.sinks.dedup import Dedup
from coldplate.sinks.errors import HistoryError
from coldplate.sinks.later import Later
from coldplate.sinks.migrate import migrate
from coldplate.sinks.prepare import prepare
from coldplate.sinks.retention import Retention, retain
from coldplate.sinks.rollups import TIERS, rollup_name, stats_name
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.sinks.tables import SAMPLE_TABLES
from coldplate.wire.metric import Kind
from coldplate.wire.topic import Topics

pytestmark = pytest.mark.e2e
TOPICS = Topics()
NODE, CDU = "rack-0000/node-0", "rack-0000/cdu"
GPUS = tuple(f"{NODE}/gpu-{g}" for g in range(3))
HOUR_S, APART_S = 3600, 6
SENT = {"power_w", "margin_c", "energy_j", "ecc_corrected_total", "supply_c", "makeup_l_total"}


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


def insert(client, records, first):
    """Store records as the loop does: one batch, tokens from its offsets. The batch, and the samples whose rollups are to follow."""
    now_ms = int(time.time() * 1000)
    taken = tuple(Record(TOPICS.frames, 0, first + n, now_ms, v) for n, v in enumerate(records))
    batch = Batch(TOPICS.frames, 0, first, first + len(taken) - 1, taken, kind=LATER)
    prepared = prepare(batch, TOPICS, "test", Dedup())
    for table, columns in prepared.inserts:
        client.insert(table, columns, batch.token("kafka", TOPICS.frames, table))
    return batch, prepared.samples


def feed(client, *stored):
    """Add several batches to the rollups as the loop does."""
    later = Later((TOPICS.frames, 0))
    for batch, tables in stored:
        later.add(batch, tables, 0.0)
    span = later.close()
    for table, number, columns in later.pieces():
        token = span.token("kafka", TOPICS.frames, f"{table}/{number}")
        client.insert(table, columns, token)


def random_frame(rng, tick, seq):
    """A node's frame with absent values and temperatures below 0, or a CDU's."""
    ticks = int(rng.integers(1, 6))
    shape = (ticks, len(GPUS))
    if rng.random() < 0.3:
        values = {
            "supply_c": rng.uniform(-5, 40, (ticks, 1)),
            "makeup_l_total": np.where(rng.random((ticks, 1)) < 0.3, np.nan, rng.uniform(0, 9)),
        }
        return record_bytes(CDU, "rack-0000", tick, ticks, {Kind.CDU: ((CDU,), values)}, seq=seq)
    values = {
        "power_w": rng.uniform(70, 700, shape), "margin_c": rng.uniform(-9, 60, shape),
        "energy_j": rng.uniform(0, 1e9, shape), "ecc_corrected_total": rng.integers(0, 9, shape) * 1.0,
    }  # fmt: skip
    for array in values.values():
        array[rng.random(shape) < 0.3] = np.nan
    return record_bytes(NODE, "rack-0000", tick, ticks, {Kind.GPU: (GPUS, values)}, seq=seq)


def rolled_up_wrong(client):
    """Buckets of any tier that differ from what the samples say, by tier and statistic."""
    wrong = []
    for table in SAMPLE_TABLES:
        for tier in TIERS:
            name = rollup_name(table, tier)
            for n in {m.name for m in table.metrics} & SENT:
                bucket = f"toStartOfInterval(toDateTime(t), INTERVAL {tier.seconds} SECOND)"
                truth = (
                    f"SELECT device, {bucket} AS t, count({n}), min({n}), max({n}), "
                    f"round(sum({n}), 4), argMax({n}, {table.name}.t), count() "
                    f"FROM {table.name} GROUP BY device, t HAVING count({n}) > 0 ORDER BY device, t"
                )
                rolled = (
                    f"SELECT device, t, {n}_count, {n}_min, {n}_max, round({n}_mean * {n}_count, 4), {n}_last, samples "
                    f"FROM {name} WHERE {n}_count > 0 ORDER BY device, t"
                )
                a, b = client.execute(truth), client.execute(rolled)
                if a != b:
                    wrong.append((name, n, a[:2], b[:2]))
    return wrong


def sums(client):
    """Ticks by tier of each table, which must all be what the samples have."""
    return {
        table.name: {
            client.execute(f"SELECT count() FROM {table.name}")[0][0],
            *(client.execute(f"SELECT sum(samples) FROM {rollup_name(table, t)}")[0][0] for t in TIERS),
        }
        for table in SAMPLE_TABLES
    }  # fmt: skip


@pytest.mark.parametrize(("seed", "together"), [(0, 1), (1, 1), (2, 2)])
def test_every_tier_agrees_with_the_samples(client, seed, together):
    """Frames of three days in any order, batches retried at random: each statistic of each metric is the samples' own."""
    rng, chance = np.random.default_rng(seed), random.Random(seed)
    now = int(time.time()) - 60
    # No two frames have a tick in common: which of two values at one time is the last nobody could tell.
    slots = [*range(200), *sorted(rng.choice(range(200, 25_000), 200, replace=False).tolist())]
    sent, fed = [], []
    for first in range(0, 60, 10):
        # Most are of the last minutes, some of a node that was away for hours; over midnight too.
        back = [int(rng.choice([slots.pop(0), slots.pop()])) for _ in range(10)]
        frames = [random_frame(rng, now - APART_S * n, first + i) for i, n in enumerate(back)]
        sent.append((frames, first))
        fed.append(insert(client, *sent[-1]))
        for again in chance.sample(sent, chance.randint(0, len(sent))):
            insert(client, *again)
        # So many batches at a time; those of before once more.
        for end in range(together, len(fed) + 1, together):
            feed(client, *fed[end - together : end])
    assert all(len(found) == 1 for found in sums(client).values())
    assert rolled_up_wrong(client) == []


def test_late_frames_correct_their_bucket(client):
    """What comes hours later changes lowest, mean, last and energy of its time, in all tiers."""
    hour = (int(time.time()) // HOUR_S - 5) * HOUR_S
    for seq, (tick, watts) in enumerate([(hour, 500.0), (hour + 1, 700.0), (hour + 2, 300.0)]):
        frame = record_bytes(
            NODE, "rack-0000", tick, 1, {Kind.GPU: (GPUS, {"power_w": watts})}, seq=seq
        )
        feed(client, insert(client, [frame], seq))
        if seq == 1:
            sql = "SELECT power_w_min, power_w_mean, power_w_last, used_j FROM gpu_1h"
            assert client.execute(sql) == [(500.0, 600.0, 700.0, 1200.0)] * 3
    for tier in ("10s", "1m", "1h"):
        sql = f"SELECT power_w_min, power_w_max, power_w_mean, power_w_last, power_w_count, used_j FROM gpu_{tier}"
        assert client.execute(sql) == [(300.0, 700.0, 500.0, 300.0, 3, 1500.0)] * 3


def test_energy_follows_the_length_of_a_tick(client):
    """Half a second at 600 W is 300 J."""
    tick = int(time.time()) * 2 - 20
    values = {Kind.GPU: (GPUS, {"power_w": 600.0})}
    frame = record_bytes(NODE, "rack-0000", tick, 1, values, tick_ms=500)
    feed(client, insert(client, [frame], 0))
    assert client.execute("SELECT used_j FROM gpu_1m") == [(300.0,)] * 3


def test_retention_is_set_once_and_follows_the_configuration(client):
    """Tables whose lifetime is as told are left; a change reaches all tables of its tier."""
    assert retain(client, Retention()) == []
    changed = retain(client, Retention(tier_1m_days=500))
    assert changed == [stats_name(t, TIERS[1]) for t in SAMPLE_TABLES]
    assert retain(client, Retention(tier_1m_days=500)) == []
    assert len(retain(client, Retention())) == len(changed)
    # A tier of 10 s is made of the samples, which are there for as long as the longer of the two.
    assert all(
        Retention(raw_days=r, tier_10s_days=t).tables()["gpu_samples"] == 50
        for r, t in ((50, 9), (9, 50))
    )
    with pytest.raises(ValueError, match="raw_days"):
        Retention(raw_days=0)


def test_the_writer_adds_to_rollups(client, endpoints):
    """The sink's own role, which may make nothing, inserts samples and rollups."""
    writer = ClickHouseSettings.from_url(endpoints.clickhouse_writer)
    frame = record_bytes(
        NODE, "rack-0000", int(time.time()) - 9, 1, {Kind.GPU: (GPUS, {"gpu_c": 50.0})}
    )
    with Client(replace(writer, database=client.settings.database)) as sink:
        feed(sink, insert(sink, [frame], 0))
    assert client.execute("SELECT gpu_c_last FROM gpu_1h") == [(50.0,)] * 3


def test_a_killed_server_doubles_and_loses_nothing(tmp_path):
    """SIGKILL after an insert and at random moments of others, and the same tokens again: every tier has each sample once."""
    chance = random.Random(7)
    state = StateDir(tmp_path / "state")
    (part,), found = local_servers(state, Cache.default(), kafka=False)
    settings = ClickHouseSettings.from_url(found.clickhouse_owner)
    now = int(time.time()) - 900
    rng = np.random.default_rng(7)
    process = start(part)
    try:
        with Client(settings, connect_s=1.0) as client:
            migrate(client)
            for first in (0, 50, 100):
                records = [
                    random_frame(rng, now + APART_S * (first + i), first + i) for i in range(50)
                ]
                died = threading.Timer(chance.uniform(0.0, 0.3), process.kill)
                if first == 0:
                    feed(client, insert(client, records, first))
                died.start()
                with suppress(HistoryError):
                    feed(client, insert(client, records, first))
                died.join()
                process.wait()
                process = start(part)
                client.close()
                feed(client, insert(client, records, first))
            assert all(len(found) == 1 for found in sums(client).values())
            assert rolled_up_wrong(client) == []
    finally:
        process.kill()
        process.wait()


def start(part):
    """The server, when it answers."""
    process = subprocess.Popen(part.argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    await_that(lambda: part.health() is None, 60, "ClickHouse to answer")
    return process
