"""Schema, client and views against a real ClickHouse."""

import dataclasses
import threading
import time

import numpy as np
import pytest
import storing
from frames import record_bytes
from sinks.servers import database

from coldplate.sinks.batch import Batch, Record, Span
from coldplate.sinks.client import ClickHouseHistory, Client
from coldplate.sinks.errors import HistoryDown, HistoryRefused, MigrationError
from coldplate.sinks.inventory import store_inventory
from coldplate.sinks.migrate import known, migrate, pending
from coldplate.sinks.settings import SinkSettings
from coldplate.sinks.store import ClickHouseStore
from coldplate.sinks.tables import SAMPLE_TABLES
from coldplate.wire.codec import encode
from coldplate.wire.event import Event
from coldplate.wire.incident import Anomaly, Evidence, Incident, Severity, State
from coldplate.wire.inventory import generate
from coldplate.wire.metric import CATALOGUE, Kind
from coldplate.wire.topic import Topics

pytestmark = pytest.mark.e2e
TOPICS = Topics()
NODE = "rack-0000/node-0"
GPUS = tuple(f"{NODE}/gpu-{g}" for g in range(4))


@pytest.fixture
def settings(clickhouse_url):
    with database(clickhouse_url) as found:
        # A name that does not say that it is this machine's: blocks are compressed, as over a network.
        yield dataclasses.replace(found, host="127.1") if found.host == "127.0.0.1" else found


@pytest.fixture
def client(settings):
    with Client(settings) as found:
        migrate(found)
        yield found


def store(client, topic, values, redo=False):
    """Store records as the loop does, with tokens."""
    now_ms = int(time.time() * 1000)
    records = tuple(Record(topic, 0, n, now_ms, value) for n, value in enumerate(values))
    batch = Batch(topic, 0, 0, len(records) - 1, records, redo)
    return storing.store(client, batch, "test")


def every_metric(kind):
    """A value for every metric of a kind, on its resolution."""
    return {m.name: (m.number % 5 + 1) * m.scale for m in CATALOGUE[kind]}


def counts(client):
    tables = [t.name for t in SAMPLE_TABLES]
    tables += ["frames", "events", "anomalies", "incidents", "sink_rejects"]
    return {t: client.execute(f"SELECT count() FROM {t}")[0][0] for t in tables}


def records_of_all():
    """Records that reach every table, by topic."""
    tick = int(time.time()) - 3
    hall = {
        Kind.GPU: (GPUS, every_metric(Kind.GPU)), Kind.NODE: ((NODE,), every_metric(Kind.NODE)),
    }  # fmt: skip
    plant = {
        Kind.CDU: (("rack-0000/cdu",), every_metric(Kind.CDU)),
        Kind.RACK: (("rack-0000",), every_metric(Kind.RACK)),
        Kind.HALL: (("hall",), every_metric(Kind.HALL)),
    }  # fmt: skip
    now_ms = tick * 1000
    evidence = Evidence("token", GPUS[0], "gpu_c", now_ms, value=90.0)
    return {
        TOPICS.frames: [
            record_bytes(NODE, "rack-0000", tick, 2, hall),
            record_bytes("rack-0000/cdu", "rack-0000", tick, 2, plant),
            b"rubbish",
        ],
        TOPICS.events: [
            encode(
                Event("xid", GPUS[0], "rack-0000", now_ms, "test", NODE, 1, 0, 79, "lost", {"a": 1})
            ),
            encode(Event("leak", "rack-0000/cdu", "rack-0000", now_ms, "test", NODE, 1, 1)),
        ],
        TOPICS.anomalies: [
            encode(
                Anomaly(
                    "test", "token", "hot", GPUS[0], "rack-0000", now_ms, True, Severity.INFO, evidence
                )
            )
        ],
        TOPICS.incidents: [
            encode(
                Incident(
                    "test", "abc", step, state, "hot", GPUS[0], "rack-0000", Severity.WARNING, now_ms,
                    now_ms + step, "It is hot.", now_ms, affected=GPUS, evidence=(evidence,),
                    closed_ms=now_ms + 1 if step else None,
                )
            )
            for step, state in enumerate((State.OPEN, State.CLOSED))
        ],
    }  # fmt: skip


def test_migrations_apply_once_and_again_after_a_half(settings):
    """A second call applies nothing; a file that broke in its middle is applied by the next call."""
    files = known()
    broken = dataclasses.replace(files[1], text=files[1].text + "\nDROP TABLE nowhere;\n")
    with Client(settings) as client:
        assert pending(client) == [m.name for m in files]
        with pytest.raises(HistoryRefused, match="nowhere"):
            migrate(client, [files[0], broken])
        assert pending(client) == [m.name for m in files[1:]]
        assert migrate(client) == [m.name for m in files[1:]]
        assert migrate(client) == pending(client) == []


def test_migrations_that_do_not_fit_are_refused(settings):
    """An edited file, a missing one and a newer database are named."""
    files = known()
    edited = dataclasses.replace(files[2], text=files[2].text + "\n-- edited\n")
    with Client(settings) as client:
        migrate(client)
        with pytest.raises(MigrationError, match=r"0003.*edited"):
            migrate(client, [*files[:2], edited, *files[3:]])
        with pytest.raises(MigrationError, match=r"0002.*missing"):
            pending(client, [files[0], *files[2:]])
        with pytest.raises(MigrationError, match=rf"{files[-1].name}.*newer"):
            migrate(client, files[:-1])


def test_a_repeated_token_is_stored_once_in_every_table(settings, client):
    """The same inserts twice, then again over a new connection: no row more, in any table."""
    records = records_of_all()
    for topic, values in records.items():
        store(client, topic, values)
    once = counts(client)
    assert once == {
        "gpu_samples": 8, "gpu_slow_samples": 8, "node_samples": 2, "cdu_samples": 2,
        "rack_samples": 2, "hall_samples": 2, "frames": 2, "events": 2, "anomalies": 1,
        "incidents": 2, "sink_rejects": 1,
    }  # fmt: skip
    for topic, values in records.items():
        store(client, topic, values)
    client.close()
    with Client(settings) as another:
        for topic, values in records.items():
            store(another, topic, values)
        assert counts(another) == once


def test_rows_come_back_as_the_values_that_were_sent(client):
    """Every metric of every kind, read by its plain name, within its resolution; absent is NULL."""
    store(client, TOPICS.frames, records_of_all()[TOPICS.frames])
    for table in SAMPLE_TABLES:
        names = ", ".join(m.name for m in table.metrics)
        rows = client.execute(f"SELECT {names} FROM {table.name}")
        expected = [every_metric(table.kind)[m.name] for m in table.metrics]
        for row in rows:
            for entry, got, sent in zip(table.metrics, row, expected, strict=True):
                assert abs(got - sent) <= entry.kept_scale / 2 * (1 + 1e-9), entry.name


def test_an_absent_value_is_null(client):
    """A masked value and a metric that was not sent are NULL; decimals are the shortest ones, power in whole watts."""
    tick = int(time.time()) - 2
    values = {"gpu_c": [[70.3, np.nan, 70.3, 70.3]], "power_w": 703.3}
    frame = record_bytes(NODE, "rack-0000", tick, 1, {Kind.GPU: (GPUS, values)})
    store(client, TOPICS.frames, [frame])
    sql = "SELECT gpu_c, power_w, hbm_c, energy_j FROM gpu_samples ORDER BY gpu_c NULLS LAST"
    rows = client.execute(sql)
    assert rows == [(70.3, 703.0, None, None)] * 3 + [(None, 703.0, None, None)]
    assert client.execute("SELECT count() FROM gpu_slow_samples") == [(0,)]
    assert client.execute("SELECT min(toUnixTimestamp(t)) FROM gpu_samples") == [(tick,)]


def test_inventory_is_stored_once_and_changes_replace(client):
    """Storing again writes nothing; a changed serial writes one line."""
    inventory = generate(2)
    assert store_inventory(client, inventory) == len(inventory)
    assert store_inventory(client, inventory) == 0
    device = inventory.devices[GPUS[0]]
    inventory.devices[GPUS[0]] = dataclasses.replace(device, serial="1324")
    assert store_inventory(client, inventory) == 1
    sql = f"SELECT rack, node, index, serial FROM inventory FINAL WHERE id = '{GPUS[0]}'"
    assert client.execute(sql) == [("rack-0000", NODE, 0, "1324")]
    assert client.execute("SELECT count() FROM inventory FINAL") == [(len(inventory),)]


def test_views_answer(settings, client):
    """The questions people ask first, in the words they ask them."""
    store_inventory(client, generate(1))
    tick = int(time.time()) - 10
    values = {
        "gpu_c": [[60.0] * 4, [61.0, 62.0, 63.0, 64.0]],
        "margin_c": [[20.0] * 4, [19.0, 18.0, 17.0, 16.0]],
        "clock_event_reasons": [[0] * 4, [0, 0x20, 0x4, 0x40]],
    }
    cdu = {Kind.CDU: (("rack-0000/cdu",), {"flow_lpm": 64.0})}
    frames = [
        record_bytes(NODE, "rack-0000", tick, 2, {Kind.GPU: (GPUS, values)}),
        record_bytes("rack-0000/cdu", "rack-0000", tick, 2, cdu),
    ]
    store(client, TOPICS.frames, frames)
    records = records_of_all()
    store(client, TOPICS.incidents, records[TOPICS.incidents])
    history = ClickHouseHistory(settings)
    assert history.query("SELECT count() FROM gpu_samples") == (["count()"], [(8,)])
    names, rows = history.query("SELECT id, gpu_c, margin_c FROM hottest LIMIT 10")
    assert names == ["id", "gpu_c", "margin_c"]
    assert rows == [(GPUS[g], 61.0 + g, 19.0 - g) for g in (3, 2, 1, 0)]
    assert history.query("SELECT id FROM throttling_now ORDER BY id")[1] == [(GPUS[1],), (GPUS[3],)]
    sql = "SELECT rack, node, hall FROM gpu_now WHERE id = %(id)s"
    assert history.query(sql, {"id": GPUS[2]})[1] == [("rack-0000", NODE, "hall")]
    assert history.query("SELECT id, flow_lpm FROM cdu_now")[1] == [("rack-0000/cdu", 64.0)]
    sql = "SELECT id, state, affected, evidence[1] LIKE '%\"value\":90%' FROM incidents_now"
    assert history.query(sql)[1] == [("abc", "closed", list(GPUS), 1)]
    history.close()


def test_the_store_remembers_ranges_and_frames(client):
    """Intents come back in order for their own log only; stored frames as ranges of seq."""
    found = ClickHouseStore(client)
    columns = {
        "kafka": ["k"] * 4, "topic": ["t"] * 4, "topic_id": ["id", "id", "id", "other"],
        "partition": [0] * 4, "generation": [1, 1, 1, 1], "first": [0, 20, 10, 30],
        "last": [9, 29, 19, 39],
    }  # fmt: skip
    found.insert("sink_batches", columns, None)
    found.insert("sink_batches", columns, None)
    assert found.intents("k", "id", 0, 10) == [Span(10, 19), Span(20, 29)]
    assert found.intents("k", "id", 0, None) == [Span(20, 29)]
    assert found.intents("another", "id", 0, 0) == []
    tick = int(time.time()) - 100
    frames = [
        record_bytes(source, "rack-0000", tick, 1, {Kind.HALL: (("hall",), {"grid_hz": 50.0})}, seq=n)
        for source, n in (("a", 5), ("a", 6), ("a", 7), ("b", 1), ("b", 3))
    ]  # fmt: skip
    store(client, TOPICS.frames, frames)
    assert sorted(found.stored_frames()) == [("a", 1, 5, 7), ("b", 1, 1, 1), ("b", 1, 3, 3)]


def test_the_largest_batch_goes_in_as_one_block(client):
    """One insert is one part, so that one token covers it."""
    rows, table = SinkSettings(("b:1",), "c", client.settings).rows_max, SAMPLE_TABLES[0]
    tick_ms = int(time.time() // 86400 * 86400) * 1000
    columns = {
        "device": np.arange(rows, dtype=np.uint64), "t": np.full(rows, tick_ms, np.int64),
        "present": np.zeros(rows, np.uint64), "gpu_c_raw": np.full(rows, 600, np.int16),
    }  # fmt: skip
    for _ in range(2):
        client.insert(table.name, columns, "one")
    sql = f"SELECT count(), uniqExact(_part) FROM {table.name}"
    assert client.execute(sql) == [(rows, 1)]


def test_errors_are_of_two_kinds_and_hold_no_password(settings):
    """A server that is not there is down; one that says no has refused, with its code."""
    nobody = dataclasses.replace(settings, port=1, password="hush")
    with Client(nobody, connect_s=0.5) as client, pytest.raises(HistoryDown) as down:
        client.execute("SELECT 1")
    wrong = dataclasses.replace(settings, password="hush")
    with Client(wrong) as client, pytest.raises(HistoryRefused) as refused:
        client.execute("SELECT 1")
    assert refused.value.code == 516
    assert "hush" not in str(down.value) + str(refused.value) + repr(wrong)
    with Client(settings) as client, pytest.raises(HistoryRefused, match="nowhere") as missing:
        client.insert("nowhere", {"a": np.zeros(1, np.uint8)}, "t")
    assert missing.value.code == 60
    assert "\n" not in str(missing.value)


def test_threads_share_a_client(client):
    """Queries from several threads wait for one another instead of mixing their answers."""
    wrong = []

    def ask(n):
        answers = [client.query("SELECT %(n)s", {"n": n})[1] for _ in range(20)]
        wrong.extend(a for a in answers if a != [(n,)])

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
