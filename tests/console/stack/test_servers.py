"""The real Kafka and the real ClickHouse under the supervisor."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time
import warnings
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException
from waiting import await_that

from coldplate.console.stack.cache import Cache
from coldplate.console.stack.errors import StackError
from coldplate.console.stack.fetch import fetch_all, needed
from coldplate.console.stack.process import start_ticks
from coldplate.console.stack.servers import endpoints_of, local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor

with warnings.catch_warnings():
    # kafka-python reads its schemas by a function that Python 3.11 alone calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition
    from kafka.admin import KafkaAdminClient

pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore:read_text:DeprecationWarning")]
TOPIC = TopicPartition("coldplate.test", 0)
INSERTING = """
import sys
from clickhouse_driver import Client
client = Client.from_url(sys.argv[1])
client.execute("INSERT INTO kept VALUES", [(1,)])
print("inserting", flush=True)
client.execute("INSERT INTO kept VALUES", ([n] for n in iter(int, 1)))
"""


@contextmanager
def stack(path, **which):
    state = StateDir(path)
    parts, endpoints = local_servers(state, Cache.default(), **which)
    with Supervisor(state, parts) as supervisor:
        supervisor.wait_healthy(30)
        yield supervisor, endpoints


@contextmanager
def client_of(url):
    client = Client.from_url(url)
    try:
        yield client
    finally:
        client.disconnect()


@pytest.fixture(scope="module", autouse=True)
def fetched():
    fetch_all(Cache.default())


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    with stack(tmp_path_factory.mktemp("both") / "state") as running:
        yield running


def test_a_second_fetch_asks_no_network(monkeypatch):
    """What is in the cache is found in milliseconds."""
    monkeypatch.setattr(socket, "socket", None)
    started_s = time.monotonic()
    fetch_all(Cache.default())
    assert needed(Cache.default()) == {}
    assert time.monotonic() - started_s < 0.1


def test_an_empty_cache_names_the_command_that_fills_it(tmp_path):
    """Nothing is downloaded behind the user's back."""
    with pytest.raises(StackError, match=r"Kafka.*coldplate fetch"):
        local_servers(StateDir(tmp_path / "state"), Cache(tmp_path / "cache"))
    assert not (tmp_path / "state").exists()


def send_and_count(brokers):
    with closing(KafkaProducer(bootstrap_servers=brokers)) as producer:
        producer.send(TOPIC.topic, b"record", partition=0).get(10)
    with closing(KafkaConsumer(bootstrap_servers=brokers)) as consumer:
        return consumer.end_offsets([TOPIC])[TOPIC]


def test_both_keep_their_data_through_kill_9(both):
    """Records and rows that were acknowledged are there after the restart."""
    supervisor, endpoints = both
    with closing(KafkaAdminClient(bootstrap_servers=endpoints.kafka)) as admin:
        admin.create_topics({TOPIC.topic: {"num_partitions": 1, "replication_factor": 1}})
    assert send_and_count(endpoints.kafka) == 1
    with client_of(endpoints.clickhouse_owner) as owner:
        owner.execute("CREATE TABLE survivor (n UInt8) ENGINE = MergeTree ORDER BY n")
        owner.execute("INSERT INTO survivor VALUES", [(7,)])
    for state in supervisor.states:
        os.killpg(state.pid, signal.SIGKILL)
    await_that(
        lambda: supervisor.poll() or all(s.restarts for s in supervisor.states), 5, "both deaths"
    )
    supervisor.wait_healthy(30)
    assert send_and_count(endpoints.kafka) == 2
    with client_of(endpoints.clickhouse_reader) as reader:
        assert reader.execute("SELECT n FROM survivor") == [(7,)]


def test_kafka_makes_no_topic_by_itself(both):
    """A typing error in a topic's name is an error."""
    _, endpoints = both
    with closing(KafkaConsumer(bootstrap_servers=endpoints.kafka)) as consumer:
        assert consumer.partitions_for_topic("coldplate.misspelt") in (None, set())
        assert "coldplate.misspelt" not in consumer.topics()


@pytest.mark.parametrize(
    ("user", "query", "code"),
    [
        ("owner", "CREATE DATABASE other", 497),
        ("writer", "DROP TABLE kept", 497),
        ("writer", "CREATE TABLE other (n UInt8) ENGINE = Memory", 497),
        ("reader", "INSERT INTO kept SELECT 1", 497),
        ("reader", "SELECT * FROM system.users", 497),
        ("reader", "SELECT 1 SETTINGS max_execution_time = 61", 452),
        ("reader", "SELECT number FROM numbers(3000000)", 396),
    ],
)
def test_a_user_cannot_do_what_is_not_its_task(both, kept, user, query, code):
    """Each is refused with ClickHouse's own error."""
    with (
        client_of(getattr(both[1], f"clickhouse_{user}")) as client,
        pytest.raises(ServerException) as error,
    ):
        client.execute(query)
    assert error.value.code == code


@pytest.fixture
def kept(both):
    with client_of(both[1].clickhouse_owner) as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS kept (n UInt64) ENGINE = MergeTree ORDER BY n")
    return both


def test_the_database_is_atomic_and_can_refresh_views(both):
    """What the rollups need; a refresh runs with its maker's rights, not with those of `default`."""
    with client_of(both[1].clickhouse_owner) as owner:
        query = "SELECT engine FROM system.databases WHERE name = 'coldplate'"
        assert owner.execute(query) == [("Atomic",)]
        owner.execute(
            "CREATE MATERIALIZED VIEW refreshed REFRESH EVERY 1 HOUR (n UInt64) ENGINE = MergeTree"
            " ORDER BY n AS SELECT sum(n) AS n FROM (SELECT number + 1 AS n FROM numbers(9))"
        )
        await_that(lambda: owner.execute("SELECT n FROM refreshed") == [(45,)], 5, "a refresh")


def test_the_reader_may_lower_its_time_limit(both):
    """Grafana sends a limit with each query; up to 60 s it is obeyed."""
    with client_of(both[1].clickhouse_reader) as reader:
        assert reader.execute("SELECT 1", settings={"max_execution_time": 10}) == [(1,)]


@pytest.mark.parametrize(
    "query", ["SELECT 1", "SELECT file('/etc/hostname')", "SYSTEM STOP LISTEN TCP", "SHOW TABLES"]
)
def test_without_a_password_nothing_can_be_done(both, query):
    """The library's own user `default` is of no use to others."""
    supervisor, _ = both
    port = supervisor.states[1].ports["clickhouse"]
    with (
        client_of(f"clickhouse://default@127.0.0.1:{port}") as client,
        pytest.raises(ServerException) as error,
    ):
        client.execute(query)
    assert error.value.code in {167, 201}


def test_a_wrong_password_or_a_dead_client_does_not_end_the_server(kept):
    """clickhouse-local would abort its process; here the connection alone ends."""
    supervisor, endpoints = kept
    before = supervisor.states[1]
    port = before.ports["clickhouse"]
    with (
        client_of(f"clickhouse://nobody:x@127.0.0.1:{port}") as client,
        pytest.raises(ServerException),
    ):
        client.execute("SELECT 1")
    with client_of(endpoints.clickhouse_reader) as reset:
        reset.execute("SELECT 1")
        linger = struct.pack("ii", 1, 0)
        reset.connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    with socket.create_connection(("127.0.0.1", port)) as half:
        half.sendall(b"\0\5abc")
    inserting = subprocess.Popen(
        [sys.executable, "-c", INSERTING, endpoints.clickhouse_writer], stdout=subprocess.PIPE
    )
    with inserting:
        assert inserting.stdout.readline() == b"inserting\n"
        inserting.kill()
    with client_of(endpoints.clickhouse_reader) as reader:
        await_that(lambda: not busy(reader), 10, "the dead client's query to end")
        assert reader.execute("SELECT count() > 0 FROM kept") == [(1,)]
    supervisor.poll()
    assert (supervisor.states[1].pid, supervisor.states[1].restarts) == (
        before.pid,
        before.restarts,
    )


def busy(client):
    return client.execute(
        "SELECT query FROM system.processes WHERE user = 'coldplate_writer' AND query LIKE 'INSERT%'"
    )


def test_another_process_finds_the_running_stack(both):
    """Without the lock; and nothing is found where nothing runs."""
    supervisor, endpoints = both
    assert endpoints_of(StateDir(supervisor.state.path)) == endpoints
    assert endpoints_of(StateDir(supervisor.state.path / "nowhere")) is None


def test_passwords_are_not_shown(both):
    """Neither in the repr nor in the programs' arguments."""
    supervisor, endpoints = both
    password = supervisor.state.secret("coldplate_owner")
    assert password in endpoints.clickhouse_owner
    assert password not in repr(endpoints)
    for state in supervisor.states:
        assert password not in Path(f"/proc/{state.pid}/cmdline").read_text()


def test_a_second_stack_runs_beside_the_first_and_stops_without_a_trace(both, tmp_path):
    """Other ports, other data; after its stop no process of it is left, the first still answers."""
    with stack(tmp_path / "second") as (supervisor, endpoints):
        assert endpoints.kafka != both[1].kafka
        pids = [state.pid for state in supervisor.states]
        with client_of(endpoints.clickhouse_owner) as owner:
            assert owner.execute("SHOW TABLES") == []
    assert [start_ticks(pid) for pid in pids] == [None, None]
    assert all(state.last_exit is None for state in supervisor.states)
    assert endpoints_of(StateDir(tmp_path / "second")) is None
    with client_of(both[1].clickhouse_reader) as reader:
        assert reader.execute("SELECT 1") == [(1,)]
