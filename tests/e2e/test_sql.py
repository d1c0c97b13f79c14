"""Every query of docs/sql.md, run by the reader on a real ClickHouse that holds an hour of a small hall."""

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from frames import record_bytes
from sinks.servers import database

from coldplate.agents.collectors.recorded import RecordedCollector
from coldplate.agents.framer import Framer
from coldplate.sinks.batch import Batch, Record
from coldplate.sinks.client import ClickHouseHistory, Client
from coldplate.sinks.dedup import Dedup
from coldplate.sinks.inventory import store_inventory
from coldplate.sinks.migrate import migrate
from coldplate.sinks.prepare import prepare
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.wire.codec import encode
from coldplate.wire.event import Event
from coldplate.wire.incident import Evidence, Incident, Severity, State
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind
from coldplate.wire.topic import Topics

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
TOPICS = Topics()
RACK, NODE = "rack-0000", "rack-0000/node-0"
RECORDED_S, HOT_S = 120, 10
SECTIONS = re.findall(
    r"^## (.+?)\n\n(.*?)```sql\n(.*?)```",
    (ROOT / "docs/sql.md").read_text("utf-8"),
    re.MULTILINE | re.DOTALL,
)


def frames(end):
    """A recorded H200, its rack's CDU and meters, and three GPUs that end hot and held down."""
    collector = RecordedCollector(ROOT / "tests/recordings/h200", NODE, RACK)
    framer = Framer("test", collector, boot=1)
    start = end - RECORDED_S
    for tick in range(start, end):
        for framed in framer.add(tick, collector.sample(tick * 1000)):
            yield framed.record
    yield from (framed.record for framed in framer.flush())
    plant = {
        Kind.CDU: (
            (f"{RACK}/cdu",),
            {"supply_c": 40.0, "return_c": 48.0, "flow_lpm": 64.0, "leak": 0},
        ),
        Kind.RACK: ((RACK,), {"rack_power_w": 60_000.0}),
    }
    for seq, tick in enumerate(range(start, end, 60)):
        yield record_bytes(f"{RACK}/cdu", RACK, tick, min(60, end - tick), plant, seq=seq)
    gpus = tuple(f"{RACK}/node-1/gpu-{g}" for g in range(3))
    hot = {"gpu_c": 88.0, "margin_c": -1.0, "power_w": 600.0, "clock_event_reasons": [[0x20, 0x40, 0x80]]}  # fmt: skip
    yield record_bytes(f"{RACK}/node-1", RACK, end - HOT_S, HOT_S, {Kind.GPU: (gpus, hot)}, seq=4)
    yield b"rubbish"


def small_records(end):
    now_ms = end * 1000
    evidence = Evidence("pump1-stop", f"{RACK}/cdu", "pump1_rpm", now_ms, 0.0, 2550.0, 3000.0)
    yield (
        TOPICS.events,
        Event("xid", f"{NODE}/gpu-0", RACK, now_ms, "test", NODE, 1, 0, 79, "fell off the bus"),
    )
    for step, state in enumerate((State.OPEN, State.CLOSED)):
        incident = Incident(
            "test", "abc", step, state, "pump-stop", f"{RACK}/cdu", RACK, Severity.CRITICAL,
            now_ms, now_ms + step * 1000, "Pump 1 stopped.", now_ms, affected=(f"{NODE}/gpu-0",),
            evidence=(evidence,), closed_ms=now_ms + 30_000 if step else None, why="opened",
        )  # fmt: skip
        yield TOPICS.incidents, incident


@pytest.fixture(scope="module")
def history(endpoints):
    """The reader's view of a database that the sink's own code has filled."""
    end = int(time.time()) - 1
    by_topic = {TOPICS.frames: list(frames(end))}
    for topic, record in small_records(end):
        by_topic.setdefault(topic, []).append(encode(record))
    with database(endpoints.clickhouse_owner) as settings, Client(settings) as client:
        migrate(client)
        store_inventory(client, generate(1))
        for topic, values in by_topic.items():
            records = tuple(Record(topic, 0, n, end * 1000, v) for n, v in enumerate(values))
            batch = Batch(topic, 0, 0, len(records) - 1, records)
            for table, columns in prepare(batch, TOPICS, "test", Dedup()).inserts:
                client.insert(table, columns, batch.token("kafka", topic, table))
        reader = ClickHouseSettings.from_url(endpoints.clickhouse_reader)
        found = ClickHouseHistory(replace(reader, database=settings.database))
        yield found
        found.close()


def answer(history, title):
    """Rows of the one question whose title begins so, as dictionaries."""
    (query,) = [sql for name, _, sql in SECTIONS if name.startswith(title)]
    columns, rows = history.query(query)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def test_the_page_has_a_query_for_each_question():
    """A question without SQL, or SQL that this test would not find, is noticed."""
    text = (ROOT / "docs/sql.md").read_text("utf-8")
    assert len(SECTIONS) == text.count("\n## ") == text.count("```sql")
    assert 12 <= len(SECTIONS)


@pytest.mark.parametrize(("title", "words", "query"), SECTIONS, ids=[s[0] for s in SECTIONS])
def test_a_query_of_the_page_answers(history, title, words, query):
    """It runs as the reader; where the page promises a row, there is one."""
    columns, rows = history.query(query)
    assert len(columns) == len(set(columns)) > 1
    if "at least one row" in words.replace("\n", " ").lower():
        assert len(rows) >= 1, title


def test_the_answers_are_right(history):
    """Figures that the stored frames allow to be worked out by hand."""
    hot = answer(history, "Which GPUs are held down now")
    assert {(1, 0, 0), (0, 1, 0), (0, 0, 1)} == {
        (row["software_thermal"], row["hardware_thermal"], row["power_brake"]) for row in hot
    }
    (cdu,) = answer(history, "How much heat does each CDU")
    assert (35.7, 1.0) == (cdu["heat_kw"], cdu["share_of_usual"])
    worst = answer(history, "Which GPUs are cooled worst")[0]
    assert 0.08 == worst["k_per_w"]
    silent = {row["id"] for row in answer(history, "Who is in the inventory")}
    assert 60 == len(silent)
    assert f"{NODE}/gpu-0" not in silent
    lost = {row["source"]: (row["missing"], row["doubled"]) for row in answer(history, "Was any")}
    assert {(0, 0)} == set(lost.values())
    assert {NODE, f"{RACK}/cdu", f"{RACK}/node-1"} == set(lost)
    (kind,) = answer(history, "What is open")
    assert ("pump-stop", 1, 0, 1, 30) == tuple(kind.values())
    (refused,) = answer(history, "What was refused")
    assert ("not-messagepack", 1) == (refused["reason"], refused["refused"])


def test_energy_is_what_the_recording_used(history):
    """A recorded H200 under load: mean power over the span, in kWh, within the counter's steps."""
    energy = {row["id"]: row["kwh"] for row in answer(history, "How much energy")}
    (mean_w,) = history.query(
        "SELECT avg(power_w) FROM gpu_samples WHERE energy_j IS NOT NULL"
        f" AND device = (SELECT device FROM inventory FINAL WHERE id = '{NODE}/gpu-0')"
    )[1][0]
    assert energy[f"{NODE}/gpu-0"] == pytest.approx(mean_w * RECORDED_S / 3.6e6, rel=0.1)
