"""What detectors have learnt, through the sink into a real ClickHouse and back to a worker."""

import time
from dataclasses import replace

import numpy as np
import pytest
from sinks.servers import database

from coldplate.sinks.batch import Batch, Record
from coldplate.sinks.client import ClickHouseHistory, Client
from coldplate.sinks.dedup import Dedup
from coldplate.sinks.errors import HistoryRefused
from coldplate.sinks.migrate import migrate
from coldplate.sinks.prepare import prepare
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.wire.baseline import Baselines, Block, Learnt, packed
from coldplate.wire.codec import encode
from coldplate.wire.topic import Topics

NAN = float("nan")
NOW_MS = int(time.time()) * 1000
HOUR_MS = 3_600_000
GPUS = ("rack-0000/node-0/gpu-0", "rack-0000/node-0/gpu-1")


def learnt(rack="rack-0000", t_ms=NOW_MS, flow=64.0, slope=0.04):
    """A rack's coolant unit with a mean, and two GPUs of which one has a line."""
    flow_lpm = Learnt(
        "flow-loss",
        "flow_lpm",
        "l/min",
        packed([flow]),
        packed([21600.0]),
        packed([t_ms - 1000.0]),
        packed([4321.0]),
    )
    line = Learnt("thermal-path", "slope", "", packed([NAN, slope]), samples=packed([NAN, 900.0]))
    most = Learnt("pcie-width", "most", "", packed([16.0, 8.0]))
    return Baselines(
        "test", rack, t_ms, (Block("cdu", (f"{rack}/cdu",), (flow_lpm,)), Block("gpu", GPUS, (line, most)))
    )  # fmt: skip


def batch(*values, first=0):
    records = tuple(
        Record("coldplate.baselines", 0, first + n, NOW_MS, v) for n, v in enumerate(values)
    )
    return Batch("coldplate.baselines", 0, first, first + len(values) - 1, records)


def arrays(record):
    """By kind, detector, name and device: everything that is told, NaN where it is not."""
    out = {}
    for block in record.blocks:
        for e in block.learnt:
            told = [e.array(w) for w in ("value", "age_s", "learnt_ms", "samples")]
            told = [a if len(a) else np.full(len(block.devices), NAN) for a in told]
            if not len(e.learnt_ms):
                told[2] = np.full(len(block.devices), float(record.t_ms))
            for device, *numbers in zip(block.devices, *told, strict=True):
                if np.isfinite(numbers[0]):
                    key = (block.kind, e.detector, e.name, e.unit, device)
                    out[key] = tuple(None if np.isnan(n) else n for n in numbers)
    return out


class TestHostile:
    """What no worker sends must not fail a batch."""

    def test_the_good_are_stored_and_the_bad_counted(self):
        """Another cluster's, rubbish, arrays that do not fit, and times of another century."""
        cut = Learnt("d", "n", "", b"\0" * 8)
        late = Learnt("d", "n", "", packed([1.0]), learnt_ms=packed([1e18]))
        bad = (
            replace_cluster(learnt()), Baselines("test", "r", 1, (Block("gpu", GPUS, (cut,)),)),
            Baselines("test", "r", 1, (Block("cdu", ("c",), (late,)),)), learnt(t_ms=-1),
        )  # fmt: skip
        made = prepare(
            batch(b"rubbish", *map(encode, bad), encode(learnt())), Topics(), "test", Dedup()
        )
        tables = dict(made.inserts)
        assert 4 == len(tables["baselines"]["id"])
        assert {"not-messagepack": 1, "wrong-cluster": 1, "bad-shape": 3} == made.rejected


def replace_cluster(record):
    return Baselines("other", record.rack, record.t_ms, record.blocks)


@pytest.fixture
def settings(clickhouse_url):
    with database(clickhouse_url) as found:
        yield found


@pytest.fixture
def store(settings):
    """A function that stores records as the sink does, and the reader's history."""
    with Client(settings) as client:
        migrate(client)

        def insert(*records, first=0):
            made = batch(*map(encode, records), first=first)
            for table, columns in prepare(made, Topics(), "test", Dedup()).inserts:
                client.insert(table, columns, made.token("kafka", "id", table))

        yield insert


@pytest.fixture
def history(settings, endpoints):
    reader = ClickHouseSettings.from_url(endpoints.clickhouse_reader)
    found = ClickHouseHistory(replace(reader, database=settings.database))
    yield found
    found.close()


@pytest.mark.e2e
def test_what_was_written_down_comes_back(store, history):
    """Of every rack, to the last bit; a batch that is stored again changes nothing."""
    sent = [learnt(f"rack-{n:04d}", slope=0.1 / 3 + n) for n in range(120)]
    store(*sent)
    store(*sent)
    found = list(history.baselines("test", NOW_MS - HOUR_MS))
    assert [r.rack for r in sent] == [r.rack for r in found]
    for one, other in zip(sent, found, strict=True):
        assert ("test", one.t_ms) == (other.cluster, other.t_ms)
        assert arrays(one) == arrays(other)
    assert [(480,)] == history.query("SELECT count() FROM baselines")[1]


@pytest.mark.e2e
def test_the_newest_of_a_rack_is_what_is_known(store, history):
    """An older record that comes later changes nothing, and what was learnt too long ago is left out."""
    old = learnt(t_ms=NOW_MS - 2 * HOUR_MS, flow=50.0)
    store(learnt())
    store(old, learnt("rack-0001", t_ms=NOW_MS - 3 * HOUR_MS), first=10)
    (found,) = history.baselines("test", NOW_MS - HOUR_MS)
    assert arrays(learnt()) == arrays(found)
    assert 2 == len(list(history.baselines("test", NOW_MS - 4 * HOUR_MS)))


@pytest.mark.e2e
def test_people_read_it_by_device(store, history):
    """One line a device and thing; absent is NULL."""
    store(learnt(t_ms=NOW_MS - 1000, flow=63.0), learnt())
    sql = "SELECT id, name, value, unit, age_s, samples, toUnixTimestamp64Milli(learnt_at) FROM baselines_now"
    assert sorted(history.query(sql)[1]) == [
        ("rack-0000/cdu", "flow_lpm", 64.0, "l/min", 21600.0, 4321.0, NOW_MS - 1000),
        (GPUS[0], "most", 16.0, "", None, None, NOW_MS),
        (GPUS[1], "most", 8.0, "", None, None, NOW_MS),
        (GPUS[1], "slope", 0.04, "", None, 900.0, NOW_MS),
    ]


@pytest.mark.e2e
def test_a_history_without_the_table_says_so(history):
    """As every other refusal: the worker then learns anew."""
    with pytest.raises(HistoryRefused, match="baselines"):
        list(history.baselines("test", 0))
