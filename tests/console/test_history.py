"""The history as files and back: nothing is lost, doubled or changed, and detection reads what was written."""

import json
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest
import storing
from click.testing import CliRunner
from frames import record_bytes
from sinks.servers import database

from coldplate.console.context import Context
from coldplate.console.failure import Failure
from coldplate.console.main import cli
from coldplate.sinks.agreement import Between, disagreeing, miscounted
from coldplate.sinks.archive import INDEX, ArchiveError, read_archive, write_archive
from coldplate.sinks.batch import Batch, Record
from coldplate.sinks.client import Client
from coldplate.sinks.errors import HistoryDown
from coldplate.sinks.inventory import store_inventory
from coldplate.sinks.migrate import migrate
from coldplate.sinks.rollups import STORED_TIERS
from coldplate.sinks.tables import SAMPLE_TABLES
from coldplate.twin.recording import Recording
from coldplate.wire.codec import encode
from coldplate.wire.event import Event
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind
from coldplate.wire.topic import Topics

pytestmark = pytest.mark.e2e
TOPICS = Topics()
RACK, NODE = "rack-0000", "rack-0000/node-0"
GPUS = tuple(f"{NODE}/gpu-{g}" for g in range(8))
TICKS, FRAMES = 5, 24


def begin():
    """An hour before midnight of yesterday, so that there are two days."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(hours=1)


def store(client, topic, values):
    now_ms = int(time.time() * 1000)
    batch = Batch(
        topic,
        0,
        0,
        len(values) - 1,
        tuple(Record(topic, 0, n, now_ms, v) for n, v in enumerate(values)),
    )
    storing.store(client, batch, "test", uuid4().hex)


@pytest.fixture(scope="module")
def client(clickhouse_url):
    with database(clickhouse_url) as settings, Client(settings) as found:
        migrate(found)
        yield found


def emptied(client):
    """Its tables without a row."""
    sql = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%%MergeTree'"
    for (name,) in client.execute(sql):
        if name != "migrations":
            client.execute(f"TRUNCATE TABLE `{name}`")
    return client


@pytest.fixture
def filled(client):
    """Two minutes over midnight of a rack: a node's GPUs and the coolant unit, with absent values; an event."""
    emptied(client)
    rng, first = np.random.default_rng(3), int(begin().timestamp()) + 3600 - 60
    store_inventory(client, generate(1))
    frames = []
    for seq in range(FRAMES):
        gpus = {
            "power_w": rng.integers(70, 700, (TICKS, 8)) * 1.0, "gpu_c": rng.integers(20, 60, (TICKS, 8)) * 1.0,
            "margin_c": rng.integers(10, 60, (TICKS, 8)) * 1.0, "ecc_corrected_total": np.full((TICKS, 8), np.nan),
        }  # fmt: skip
        gpus["gpu_c"][rng.random((TICKS, 8)) < 0.2] = np.nan
        gpus["ecc_corrected_total"][0] = seq
        cdu = {"supply_c": rng.integers(2000, 3000, (TICKS, 1)) / 100, "flow_lpm": 64.0}
        tick, of_cdu = first + seq * TICKS, {Kind.CDU: ((f"{RACK}/cdu",), cdu)}
        frames.append(record_bytes(NODE, RACK, tick, TICKS, {Kind.GPU: (GPUS, gpus)}, seq=seq))
        frames.append(record_bytes(f"{RACK}/cdu", RACK, tick, TICKS, of_cdu, seq=seq, boot=2))
    store(client, TOPICS.frames, frames)
    xid = Event("xid", GPUS[1], RACK, first * 1000, "test", NODE, 1, 0, 79, "lost", {"a": 1})
    store(client, TOPICS.events, [encode(xid)])
    return client


@pytest.fixture
def run(filled, monkeypatch):
    """A command over the filled history; its result object."""
    monkeypatch.setattr(Context, "clickhouse", lambda _self, _role: filled.settings)

    def asked(*words):
        return CliRunner().invoke(cli, ["history", *words])

    return asked


def between():
    return Between(begin(), begin() + timedelta(hours=2))


def content(client):
    """Every row of every table that has something of its own."""
    names = [t.name for t in SAMPLE_TABLES] + ["frames", "events", "inventory"]
    return {n: sorted(map(str, client.execute(f"SELECT * FROM {n}"))) for n in names}


class Dying:
    """A client whose n-th insert breaks after it was done."""

    def __init__(self, client, after):
        self._client, self._left = client, after

    def __getattr__(self, name):
        return getattr(self._client, name)

    def insert(self, *given):
        self._client.insert(*given)
        self._left -= 1
        if self._left == 0:
            raise HistoryDown("died here")


def test_an_archive_brings_back_every_row_and_its_rollups(filled, tmp_path, monkeypatch):
    """A file a table and day; cut off in the middle and begun again, all is there once, and once more changes nothing."""
    monkeypatch.setattr("coldplate.sinks.archive.ROWS_MAX", 100)
    rows = write_archive(filled, tmp_path / "a", between())
    assert {
        "gpu_samples": 8 * TICKS * FRAMES,
        "cdu_samples": TICKS * FRAMES,
    }.items() <= rows.items()
    assert 2 == len(list((tmp_path / "a" / "gpu_samples").iterdir()))
    before, empty = content(filled), emptied(filled)
    for after in (1, 3, 6):
        with pytest.raises(HistoryDown):
            read_archive(Dying(empty, after), tmp_path / "a")
    read_archive(empty, tmp_path / "a")
    assert before == content(empty)
    assert 0 == sum(
        disagreeing(empty, table, tier, between())
        for table in SAMPLE_TABLES
        for tier in STORED_TIERS
    )
    assert (0, 0) == miscounted(empty, between())
    again = read_archive(empty, tmp_path / "a")
    assert not any(again[t.name] for t in SAMPLE_TABLES if t.name in again)
    assert before == content(empty)


def test_an_archive_that_does_not_fit_is_refused(filled, tmp_path):
    """A changed file, a folder in use or without an index, and a day of which other rows are there: nothing is inserted."""
    folder = tmp_path / "a"
    write_archive(filled, folder, between())
    with pytest.raises(ArchiveError, match="not empty"):
        write_archive(filled, folder, between())
    empty = emptied(filled)
    empty.execute(
        "INSERT INTO gpu_samples (device, t) SELECT number, toDateTime64(%(t)s, 3, 'UTC') FROM numbers(7)",
        {"t": begin()},
    )
    with pytest.raises(ArchiveError, match="not of this archive"):
        read_archive(empty, folder)
    path = next((folder / "cdu_samples").iterdir())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArchiveError, match="was changed"):
        read_archive(empty, folder)
    (folder / INDEX).unlink()
    with pytest.raises(ArchiveError, match="no whole archive"):
        read_archive(empty, folder)


def test_a_recording_of_the_history_is_what_was_sampled(run, filled, tmp_path):
    """Every value under its device and tick; absent stays absent; the event is there."""
    first = begin() + timedelta(hours=1) - timedelta(seconds=60)
    last = first + timedelta(seconds=TICKS * FRAMES)
    folder = tmp_path / "r"
    done = run(
        "export",
        str(folder),
        "--from",
        first.isoformat(),
        "--to",
        last.isoformat(),
        "--form",
        "recording",
        "--rack",
        RACK,
        "--json",
    )
    assert 0 == done.exit_code, done.output
    told = json.loads(done.output.splitlines()[-1])
    assert (TICKS * FRAMES, 1) == (told["ticks"], told["events"])
    recording = Recording(folder)
    ticks = list(recording.ticks())
    assert TICKS * FRAMES == len(ticks)
    place = recording.devices[Kind.GPU].index(GPUS[3])
    found = [tick.samples[Kind.GPU][[0, 7], place].tolist() for tick in ticks]
    sql = f"SELECT power_w, gpu_c FROM gpu_samples WHERE device = (SELECT device FROM inventory WHERE id = '{GPUS[3]}' LIMIT 1) ORDER BY t"
    names = [m.name for m in SAMPLE_TABLES[0].metrics]
    assert (0, 7) == (names.index("power_w"), names.index("gpu_c"))
    wanted = [[np.nan if v is None else v for v in row] for row in filled.execute(sql)]
    np.testing.assert_array_equal(np.array(found), np.array(wanted))
    assert ["xid"] == [e.kind for e in recording.events()]


def test_a_check_says_what_is_wrong(run, filled):
    """A whole history passes; with a row taken away it does not, and rollups that differ are counted."""
    hours = ("--from", between().begin.isoformat(), "--to", between().end.isoformat())
    assert 0 == run("check", *hours).exit_code
    filled.execute("CREATE TABLE kept AS gpu_samples")
    gone = f"device = (SELECT device FROM inventory WHERE id = '{GPUS[0]}' LIMIT 1)"
    filled.execute(f"INSERT INTO kept SELECT * FROM gpu_samples WHERE {gone}")
    filled.execute(f"ALTER TABLE gpu_samples DELETE WHERE {gone} SETTINGS mutations_sync = 1")
    done = run("check", *hours, "--json")
    found = json.loads(done.output.splitlines()[0])
    assert (FRAMES, 0) == (found["lost"], found["duplicated"])
    assert found["rollups"]["gpu_1m"] == found["rollup_mismatch"] - found["rollups"]["gpu_1h"] > 0
    assert isinstance(done.exception, Failure)
    for (partition,) in filled.execute("SELECT DISTINCT _partition_id FROM kept"):
        filled.execute(f"ALTER TABLE gpu_samples ATTACH PARTITION ID '{partition}' FROM kept")
    filled.execute("DROP TABLE kept SYNC")
    assert 0 == run("check", *hours).exit_code


def test_times_that_make_no_sense_are_told(run, tmp_path):
    """Half hours, wrong order, a rack that is not there: one line, and nothing is written."""
    for words, said in (
        (("--from", "2026-11-01 00:30", "--to", "2026-11-01 02:00"), "whole hour"),
        (("--from", "2026-11-02", "--to", "2026-11-01"), "swap"),
        (("--from", "-3h", "--form", "recording", "--rack", "rack-9"), "rack-9"),
        (("--from", "-3h", "--rack", "rack-9"), "archive is whole"),
    ):
        done = run("export", str(tmp_path / "x"), *words)
        assert isinstance(done.exception, Failure)
        assert said in str(done.exception)
    assert not (tmp_path / "x").exists()
