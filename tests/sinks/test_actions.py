"""What people did about incidents, in the history: stored once, and counted as the alerter counts it."""

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from sinks.fakes import Clock, FakeConsumer, FakeKafka, FakeStore, Faults, Killed
from sinks.servers import database
from sinks.webhooks.lives import T0_MS, action, episodes, incident

from coldplate.sinks.batch import Batch, Record
from coldplate.sinks.client import Client
from coldplate.sinks.dedup import Dedup
from coldplate.sinks.loop import Sink
from coldplate.sinks.migrate import migrate
from coldplate.sinks.prepare import prepare
from coldplate.sinks.settings import ClickHouseSettings, SinkSettings
from coldplate.sinks.webhooks.life import Life
from coldplate.wire.action import Outcome
from coldplate.wire.codec import encode
from coldplate.wire.incident import Severity
from coldplate.wire.silence import Silence
from coldplate.wire.topic import Topics

TOPICS = Topics()
SETTINGS = SinkSettings(
    brokers=("nowhere:1",), cluster="test", clickhouse=ClickHouseSettings("nowhere"), flush_s=0.3
)
YEAR_MS = 366 * 86_400_000


@pytest.fixture(scope="module")
def client(clickhouse_url):
    with database(clickhouse_url) as found, Client(found) as owner:
        migrate(owner)
        yield owner


def batch_of(records, first=0):
    topic = TOPICS.actions if hasattr(records[0], "verb") else TOPICS.incidents
    kept = tuple(Record(topic, 0, first + n, T0_MS, encode(r)) for n, r in enumerate(records))
    return Batch(topic, 0, first, first + len(kept) - 1, kept)


def store(client, records, token=None):
    for table, columns in prepare(batch_of(records), TOPICS, "test", Dedup()).inserts:
        client.insert(table, columns, token)


def silence(id_="5111", **more):
    given = {"subject": "rack-0003", "from_ms": T0_MS, "until_ms": T0_MS + 50 * YEAR_MS} | more
    return Silence(id_, "work", "bo", **given)


@pytest.mark.parametrize("seed", range(6))
def test_actions_are_stored_exactly_once(seed):
    """Whatever breaks and whenever: as incidents are."""
    kafka, stored, clock = FakeKafka(seed), FakeStore(Faults(seed, 0.2, 0.03)), Clock()
    for n in range(40):
        kafka.append(TOPICS.actions, 0, encode(action("note", n)), T0_MS)
        kafka.append(TOPICS.incidents, 0, encode(incident(n)), T0_MS)
    kafka.append(TOPICS.actions, 0, b"rubbish", T0_MS)
    sink = None
    for _ in range(3000):
        try:
            if sink is None:
                consumer = FakeConsumer(kafka, clock, Faults(seed, 0.1, 0.01))
                kafka.rebalance([consumer])
                sink = Sink(SETTINGS, consumer, stored, clock=clock, wait=clock.wait)
            sink.step()
        except Killed:
            sink = None
        if kafka.done():
            break
    assert kafka.done()
    for table in ("actions", "incidents"):
        assert 40 == len(stored.rows[table])
    assert 40 == len({row["id"] for row in stored.rows["actions"]})
    assert 1 == sum(row["records"] for row in stored.rows["sink_rejects"])


def test_what_does_not_fit_or_is_of_others_is_refused():
    """Times beyond the century, steps beyond the column, another cluster."""
    bad = [
        action("ack", t_ms=-1), action("ack", step=1 << 32), action("ack", cluster="other"),
        action("silence", id_="", silence=silence(until_ms=1 << 60)),
    ]  # fmt: skip
    prepared = prepare(batch_of([*bad, action("ack", 1)]), TOPICS, "test", Dedup())
    assert {"bad-shape": 3, "wrong-cluster": 1} == prepared.rejected
    tables = dict(prepared.inserts)
    assert ["a001"] == tables["actions"]["id"]


@pytest.mark.e2e
def test_a_row_is_what_was_sent(client):
    """Every field; a batch that is redone adds none."""
    mark = action(
        "mark", id_="row1", outcome=Outcome.FIXED, text='new "pump"', step=3, receiver="chat",
        message="m1", phase="opened",
    )  # fmt: skip
    made = action("silence", 1, id_="row1", silence=silence(labels={"hall": "north"}))
    for _ in range(2):
        store(client, [mark, made], "the same token")
    rows = client.execute(
        "SELECT t, id, who, verb, step, text, outcome, receiver, message, phase, silence_id,"
        " JSONExtractString(silence, 'labels', 'hall') FROM actions WHERE incident = 'row1' ORDER BY t"
    )
    at = [datetime.fromtimestamp((T0_MS + ms) / 1000, UTC) for ms in (500, 1500)]
    assert [
        (at[0], "a000", "ada", "mark", 3, 'new "pump"', "fixed-by", "chat", "m1", "opened", "", ""),
        (at[1], "a001", "ada", "silence", 0, "", "", "", "", "", "5111", "north"),
    ] == rows


@pytest.mark.e2e
def test_the_view_says_what_the_alerter_thinks(client):
    """Hundreds of incidents with random records and actions, in any order: the same state, from both."""
    lives, ids = {}, iter(range(10**6))

    @settings(max_examples=150, deadline=None, database=None)
    @given(episodes())
    def add(episode):
        id_, life = f"v{next(ids):05}", Life()
        records = [incident(r.step, r.state, r.severity, id_) for r in episode[0]]
        actions = [
            action(a.verb, n, id_, who=a.who, step=a.step, outcome=a.outcome, text=a.text)
            for n, a in enumerate(episode[1])
        ]
        for record in (*records, *actions):
            life.take(record)
        lives[id_] = (life, records, actions)

    add()
    steps = [r for _, records, _ in lives.values() for r in records]
    done = [a for _, _, actions in lives.values() for a in actions]
    for records in (steps, done):
        random.Random(1).shuffle(records)
    store(client, steps)
    # Some twice, and the view asked before anything is merged.
    store(client, done)
    store(client, done[::2])
    rows = client.execute(
        "SELECT id, state, severity, acked_by, toUnixTimestamp64Milli(acked_at), closed_by,"
        " toUnixTimestamp64Milli(closed_at), outcome, outcome_text, outcome_by"
        " FROM incidents_now WHERE id LIKE 'v%%' ORDER BY id"
    )
    expected = [
        (
            id_, "open" if life.open else "closed", str(life.incident.severity), life.acked_by, life.acked_ms,
            life.closed_by, life.closed_ms, life.outcome or "", life.outcome_text, life.outcome_by,
        )
        for id_, (life, _, _) in sorted(lives.items())
    ]  # fmt: skip
    assert expected == rows
    assert 5 < sum(bool(row[5]) for row in rows) < len(rows)
    assert 5 < sum(bool(row[3]) for row in rows) < len(rows)


@pytest.mark.e2e
def test_silences_that_hold_or_may_hold_are_listed(client):
    """The last that was said of each counts; what is past or ended is left out."""
    made = [silence(), silence("5222", until_ms=T0_MS + 1), silence("5333"), silence("5444", kind="pump", cron="0 3 * * 1", for_s=60.0, zone="Europe/Oslo", planned=True)]  # fmt: skip
    store(client, [action("silence", n, "", silence=s) for n, s in enumerate(made)])
    store(client, [
        action("silence", 9, "", silence=silence(until_ms=T0_MS + 51 * YEAR_MS)),
        action("unsilence", 8, "", silence=silence("5333")),
    ])  # fmt: skip
    rows = client.execute(
        "SELECT id, toUnixTimestamp64Milli(until), subject, kind, cron, for_s, zone, planned, who, reason, labels"
        " FROM silences_now ORDER BY id"
    )
    until_ms = T0_MS + 50 * YEAR_MS
    assert [
        ("5111", until_ms + YEAR_MS, "rack-0003", "", "", 0.0, "UTC", False, "bo", "work", {}),
        ("5444", until_ms, "rack-0003", "pump", "0 3 * * 1", 60.0, "Europe/Oslo", True, "bo", "work", {}),
    ] == rows  # fmt: skip


@pytest.mark.e2e
def test_the_timeline_says_who_did_what(client):
    """Detection's records and everybody's actions, in the order of time."""
    store(client, [incident(0, id_="line"), incident(2, "closed", id_="line", why="flow is back")])
    store(client, [
        action("ack", 0, "line"), action("mark", 1, "line", outcome=Outcome.FIXED, text="new pump", step=1),
        action("sent", 3, "line", who="alerter/one", receiver="chat", phase="closed", step=2),
    ])  # fmt: skip
    rows = client.execute(
        "SELECT who, what, why, receiver, since_opened_s, kind FROM incident_timeline WHERE id = 'line' ORDER BY t, step"
    )
    assert [
        ("detection", "open", "", "", 0, "pump-stop"),
        ("ada", "ack", "", "", 0, "pump-stop"),
        ("ada", "mark", "fixed-by: new pump", "", 1, "pump-stop"),
        ("detection", "close", "flow is back", "", 2, "pump-stop"),
        ("alerter/one", "sent", "closed", "chat", 3, "pump-stop"),
    ] == rows
    assert Severity.WARNING == client.execute(
        "SELECT DISTINCT severity FROM incident_timeline WHERE id = 'line'"
    )[0][0]  # fmt: skip
