"""A ClickHouse killed after it noted an insert's token and before it renamed the part: the insert is not lost."""

import subprocess
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from waiting import await_that

from coldplate.console.stack.cache import Cache
from coldplate.console.stack.clickhouse_mend import mend
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.state import StateDir
from coldplate.sinks.client import Client
from coldplate.sinks.settings import ClickHouseSettings

pytestmark = pytest.mark.e2e
WINDOW = "SETTINGS non_replicated_deduplication_window = 100"
FIRST, SECOND = ({"x": np.arange(n, dtype=np.uint64)} for n in (5, 7))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A server's part and settings; nothing runs."""
    state = StateDir(tmp_path_factory.mktemp("stack") / "state")
    (part,), found = local_servers(state, Cache.default(), kafka=False)
    yield state.path, part, ClickHouseSettings.from_url(found.clickhouse_owner)
    state.release()


@contextmanager
def running(part, settings, argv):
    """The server until the end of the block, which kills it."""
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_that(lambda: part.health() is None, 60, "ClickHouse to answer")
        with Client(settings) as client:
            yield client
    finally:
        process.kill()
        process.wait()


def counts(client):
    return [client.execute(f"SELECT count() FROM {t}")[0][0] for t in ("fed", "rolled")]


def killed_between(place, table):
    """Two inserts, and then what a kill between the token and the rename of the second leaves of a table."""
    _, part, settings = place
    with running(part, settings, part.argv) as client:
        for name in ("feed", "fed", "rolled"):
            client.execute(f"DROP TABLE IF EXISTS {name} SYNC")
        for name in ("fed", "rolled"):
            client.execute(f"CREATE TABLE {name} (x UInt64) ENGINE = MergeTree ORDER BY x {WINDOW}")
        client.execute("CREATE MATERIALIZED VIEW feed TO rolled AS SELECT x FROM fed")
        client.insert("fed", FIRST, "first")
        client.insert("fed", SECOND, "second")
        sql = f"SELECT path FROM system.parts WHERE table = '{table}' AND active AND rows = 7"
        ((folder,),) = client.execute(sql)
    whole = Path(folder)
    whole.rename(whole.with_name(f"tmp_insert_{whole.name}"))


@pytest.mark.parametrize("table", ["fed", "rolled"])
def test_an_insert_that_was_noted_but_not_stored_is_taken_again(place, table):
    """Both of a table and of what a view feeds: nothing is lost, and nothing that was stored is doubled."""
    killed_between(place, table)
    _, part, settings = place
    with running(part, settings, part.argv) as client:
        assert sorted(counts(client)) == [5, 12]
        client.insert("fed", FIRST, "first")
        client.insert("fed", SECOND, "second")
        assert counts(client) == [12, 12]


def test_without_mending_the_server_would_lose_it(place):
    """What the mending is for: should this fail, ClickHouse has mended itself and it may go."""
    killed_between(place, "fed")
    path, part, settings = place
    data = str(path / "clickhouse" / "data")
    bare = part.argv[part.argv.index(data) + 1 :]
    with running(part, settings, bare) as client:
        client.insert("fed", SECOND, "second")
        assert counts(client)[0] == 5


def test_nothing_is_touched_where_nothing_is_left_over(tmp_path):
    """A token whose part is there, merged away, or dropped stays as it is; a folder of another insert is none of its."""
    logs = tmp_path / "store" / "abc" / "abcd" / "deduplication_logs"
    logs.mkdir(parents=True)
    log = logs / "deduplication_log_1.txt"
    log.write_text("1\tall_1_1_0\ta\n1\tall_2_2_0\tb\n2\tall_2_2_0\tb\n1\tall_3_3_0\tc\n")
    for name in (
        "all_1_1_0",
        "tmp_insert_all_1_1_0",
        "tmp_insert_all_2_2_0",
        "tmp_insert_all_4_4_0",
    ):
        (logs.parent / name).mkdir()
    assert mend(tmp_path) == []
    assert log.read_text().count("\n") == 4
    (logs / "deduplication_log_2.txt").write_text("1\tall_4_4_0\td\n")
    assert mend(tmp_path) == [str(logs.parent / "all_4_4_0")]
    assert (logs / "deduplication_log_2.txt").read_text() == "1\tall_4_4_0\td\n2\tall_4_4_0\td\n"
    assert mend(tmp_path) == []
