"""The loop under faults: whatever breaks and whenever, every record is stored exactly once."""

import random
from collections import Counter

import numpy as np
import pytest
from frames import record_bytes
from sinks.fakes import Clock, FakeConsumer, FakeKafka, FakeStore, Faults, Killed

from coldplate.sinks import later, loop
from coldplate.sinks.batch import FED, LATER
from coldplate.sinks.errors import HistoryRefused
from coldplate.sinks.loop import Sink
from coldplate.sinks.settings import ROLLUP_S_MAX, ClickHouseSettings, SinkSettings
from coldplate.wire.baseline import Baselines, Block, Learnt, packed
from coldplate.wire.codec import encode
from coldplate.wire.event import Event
from coldplate.wire.incident import Anomaly, Evidence, Incident, Severity, State
from coldplate.wire.metric import Kind

T0 = 1_790_000_000
NOW_MS = (T0 + 30) * 1000
FRAMES, EVENTS, ANOMALIES, INCIDENTS, BASELINES = (
    f"coldplate.{t}" for t in ("frames", "events", "anomalies", "incidents", "baselines")
)
EVIDENCE = Evidence("token", "gpu", "gpu_c", NOW_MS)


def settings(**changes):
    return SinkSettings(
        brokers=("nowhere:1",), cluster="test", clickhouse=ClickHouseSettings("nowhere"), **changes
    )


def frame(source, seq, rng):
    gpus = tuple(f"{source}/gpu-{g}" for g in range(2))
    values = {"gpu_c": 60.0, "job": np.where(rng.random((2, 2)) < 0.5, np.nan, 7.0)}
    if seq % 3 == 0:
        values["power_limit_w"] = [[700.0, 700.0], [np.nan, np.nan]]
    return record_bytes(source, source[:6], T0 + 2 * seq, 2, {Kind.GPU: (gpus, values)}, seq=seq)


def anomaly(n):
    return Anomaly(
        "test", "token", "hot", f"gpu-{n}", "rack-0", NOW_MS + n, True, Severity.INFO, EVIDENCE
    )


def incident(n):
    return Incident(
        "test", f"i{n}", 0, State.OPEN, "hot", "gpu-1", "rack-0", Severity.INFO, NOW_MS, NOW_MS,
        "too hot", NOW_MS, evidence=(EVIDENCE,),
    )  # fmt: skip


def baselines(n):
    learnt = (Learnt("token", "usual_c", "degC", packed([60.0, np.nan])),)
    return Baselines("test", f"rack-{n}", NOW_MS, (Block("gpu", (f"gpu-{n}", "gpu-x"), learnt),))


class Scene:
    """A Kafka with frames (some sent twice), rubbish, events, anomalies, incidents and baselines."""

    def __init__(self, seed):
        self.kafka, self.store = FakeKafka(seed), FakeStore()
        self.random = random.Random(seed)
        rng = np.random.default_rng(seed)
        self.identities, self.rejects, self.sent_twice = [], 0, 0
        for partition in range(3):
            for r in self._shuffled(partition):
                self.kafka.append(FRAMES, partition, frame(*r, rng), NOW_MS)
                if self.random.random() < 0.1:
                    self.kafka.append(FRAMES, partition, b"rubbish", NOW_MS)
                    self.rejects += 1
        for n in range(12):
            e = Event("xid", "gpu", "rack-0", NOW_MS, "test", "agent", 1, n)
            self.kafka.append(EVENTS, n % 2, encode(e), NOW_MS)
            self.kafka.append(ANOMALIES, n % 2, encode(anomaly(n)), NOW_MS)
            self.kafka.append(INCIDENTS, 0, encode(incident(n)), NOW_MS)
            self.kafka.append(BASELINES, n % 2, encode(baselines(n)), NOW_MS)

    def _shuffled(self, partition):
        """Frames of two sources in nearly their order, a fifth of them sent again later."""
        out = [(f"rack-{partition}/node-{n}", seq) for seq in range(12) for n in range(2)]
        self.identities += [(source, 1, seq) for source, seq in out]
        for _ in range(5):
            at = self.random.randrange(len(out))
            out.insert(self.random.randint(at, len(out)), out[at])
        self.sent_twice += 5
        return out

    def sink(self, consumer, clock, **changes):
        options = {"flush_s": 0.3, "rows_max": 40, "rollup_s": 0.0} | changes
        return Sink(settings(**options), consumer, self.store, clock=clock, wait=clock.wait)

    def check(self):
        rows = self.store.rows
        frames = Counter((r["source"], int(r["boot"]), int(r["seq"])) for r in rows["frames"])
        assert frames == Counter(self.identities)
        samples = Counter((int(r["device"]), int(r["t"])) for r in rows["gpu_samples"])
        assert len(samples) == 4 * len(self.identities)
        assert set(samples.values()) == {1}
        # Each is in the rollups once.
        for table, bucket_s in (("gpu_1m_stats", 60), ("gpu_1h_stats", 3600)):
            due, there = Counter(), Counter()
            for device, t in samples:
                due[device, t // 1000 // bucket_s * bucket_s] += 1
            for r in rows[table]:
                there[int(r["device"]), int(r["t"])] += int(r["samples"])
            assert due == there
        # Slow metrics are in every third frame, in the first of its two ticks.
        slow = [(int(r["device"]), int(r["t"])) for r in rows["gpu_slow_samples"]]
        assert len(slow) == len(set(slow)) == 2 * len([i for i in self.identities if i[2] % 3 == 0])
        for table in ("events", "anomalies", "incidents", "baselines"):
            assert len({r["id"] for r in rows[table]}) == len(rows[table]) == 12
        assert sum(r["records"] for r in rows["sink_rejects"]) == self.rejects


def run_until_done(sink, kafka, turns=3000):
    for _ in range(turns):
        sink.step()
        if kafka.done():
            return
    raise AssertionError(f"not done after {turns} turns; committed {kafka.committed}")


def test_everything_is_stored_and_counted():
    """Without faults: exactly once, duplicates and rejects counted, offsets at the end."""
    scene, clock = Scene(0), Clock()
    consumer = FakeConsumer(scene.kafka, clock)
    scene.kafka.rebalance([consumer])
    sink = scene.sink(consumer, clock)
    run_until_done(sink, scene.kafka)
    scene.check()
    assert sink.stats.frames == len(scene.identities)
    assert sink.stats.duplicates == scene.sent_twice
    assert sink.stats.rejected == {"not-messagepack": scene.rejects}
    assert sink.stats.rows["gpu_samples"] == len(scene.store.rows["gpu_samples"])
    assert sink.stats.values == sum(int(r["values"]) for r in scene.store.rows["frames"])
    assert sink.stats.redone == 0
    # A range is noted when its rollups are stored, for who makes them anew.
    written = scene.store.rows["sink_batches"]
    last = lambda kind: max(r["last"] for r in written if r["topic_id"].endswith(kind))  # noqa: E731
    assert last(LATER) == last(FED)


def test_incidents_do_not_wait_for_company_as_samples_do():
    """They are in the history within a second, however long samples wait: people look for them."""
    scene, clock = Scene(0), Clock()
    consumer = FakeConsumer(scene.kafka, clock)
    scene.kafka.rebalance([consumer])
    sink = scene.sink(consumer, clock, flush_s=3600.0, rows_max=1_000_000)
    begin_s = clock()
    while len(scene.store.rows["incidents"]) < 12:
        sink.step()
        assert clock() - begin_s < 5.0
    assert not scene.store.rows["events"]
    assert not scene.store.rows["gpu_samples"]


@pytest.fixture
def many_pieces(monkeypatch):
    """A range of rollups is sent in many inserts, not in one a table; few rows may wait."""
    monkeypatch.setattr(later, "PIECE_MINUTES", 2)
    monkeypatch.setattr(loop, "ROLLUP_BATCHES", 4)


def test_a_turn_sends_a_piece_of_a_range_and_stores_what_is_due(many_pieces):
    """Batches that come while a range is sent are stored between its pieces, and are the next range's."""
    scene, clock = Scene(0), Clock()
    consumer = FakeConsumer(scene.kafka, clock, poll_max=4)
    scene.kafka.rebalance([consumer])
    sink = scene.sink(consumer, clock, rollup_s=1.0, rows_max=1000)
    turns = []
    while not scene.kafka.done():
        begin = len(scene.store.inserts)
        sink.step()
        turns.append([table for table, *_ in scene.store.inserts[begin:]])
    scene.check()
    pieces = [sum(table.endswith("_stats") for table in turn) for turn in turns]
    assert 1 == max(pieces)
    assert [turn for turn, n in zip(turns, pieces, strict=True) if n and "frames" in turn]


def test_rows_that_wait_for_their_rollups_do_not_grow_without_end(many_pieces):
    """Long before their time has come, the largest range is sent when as many wait as may."""
    scene, clock = Scene(0), Clock()
    consumer = FakeConsumer(scene.kafka, clock, poll_max=4)
    scene.kafka.rebalance([consumer])
    sink = scene.sink(consumer, clock, rollup_s=ROLLUP_S_MAX, rows_max=10)
    most = fed = 0
    while len(scene.store.rows["frames"]) < len(scene.identities):
        sink.step()
        most = max(most, sink.stats.later_rows)
        fed = sum(table == "gpu_1m_stats" for table, *_ in scene.store.inserts)
    assert fed
    # A turn adds a batch of each partition at most.
    assert most <= (loop.ROLLUP_BATCHES + 2 * len(scene.kafka.logs)) * 10
    assert most < len(scene.store.rows["gpu_samples"])


ROLLUP_S = {"at once": (0.0,), "later": (1.0,), "changed at restarts": (0.0, 0.5, 3.0)}


@pytest.mark.parametrize("rollups", ROLLUP_S)
@pytest.mark.parametrize("seed", range(90))
def test_exactly_once_through_lost_replies_and_sudden_death(seed, rollups, many_pieces):
    """The process dies anywhere and a new one goes on; inserts fail before and after they took effect."""
    scene, clock = Scene(seed), Clock()
    draw = random.Random(seed)
    # Few and many deaths, with few and many faults between them.
    kill = (0.0025, 0.0075, 0.015)[seed // 3 % 3]
    faults = Faults(seed, rate=(0.0, 0.05, 0.2)[seed % 3], kill=kill)
    scene.store.faults = faults
    deaths = 0
    while not scene.kafka.done():
        consumer = FakeConsumer(scene.kafka, clock, faults)
        scene.kafka.rebalance([consumer])
        try:
            rollup_s = draw.choice(ROLLUP_S[rollups])
            run_until_done(scene.sink(consumer, clock, rollup_s=rollup_s), scene.kafka)
        except Killed:
            deaths += 1
            assert deaths < 5000
    scene.check()


@pytest.mark.parametrize("rollups", ROLLUP_S)
@pytest.mark.parametrize("seed", range(90))
def test_exactly_once_while_partitions_move_between_sinks(seed, rollups, many_pieces):
    """Rebalances strike anywhere, also in the middle of an insert, and the old owner wakes up late."""
    scene, clock = Scene(seed), Clock()
    draw = random.Random(seed)
    consumers = [FakeConsumer(scene.kafka, clock, poll_max=8) for _ in range(3)]
    sinks = [scene.sink(c, clock, rollup_s=draw.choice(ROLLUP_S[rollups])) for c in consumers]
    scene.kafka.rebalance(consumers)
    depth = 0

    def meanwhile(_table):
        nonlocal depth
        if depth < 2 and draw.random() < 0.1:
            depth += 1
            scene.kafka.rebalance(consumers)
            for _ in range(draw.randint(0, 12)):
                # One that is in the middle of a turn cannot begin another.
                others = [s for s in sinks if s not in busy]
                turn(draw.choice(others))
            depth -= 1

    busy = []

    def turn(sink):
        busy.append(sink)
        sink.step()
        busy.remove(sink)

    scene.store.during = meanwhile
    scene.store.faults = Faults(seed, rate=0.05)
    for _ in range(5000):
        turn(draw.choice(sinks))
        if draw.random() < 0.02:
            scene.kafka.rebalance(consumers)
        if scene.kafka.done():
            break
    assert scene.kafka.done()
    scene.check()


def test_a_repeated_range_has_the_same_tokens():
    """After a death between the inserts and the commit, each insert is repeated under its first token."""
    scene, clock = Scene(1), Clock()
    first = FakeConsumer(scene.kafka, clock)
    scene.kafka.rebalance([first])
    first.commit = lambda _offsets: None
    sink = scene.sink(first, clock)
    for _ in range(6):
        sink.step()
    # As if the last insert of each batch had not been made.
    scene.store.rows["frames"].clear()
    before = [i for i in scene.store.inserts if i[1]]
    scene.store.inserts.clear()
    second = FakeConsumer(scene.kafka, clock)
    scene.kafka.committed = dict.fromkeys(scene.kafka.logs, 0)
    scene.kafka.rebalance([second])
    sink = scene.sink(second, clock)
    run_until_done(sink, scene.kafka)
    assert sink.stats.redone >= 6
    assert set(before) <= set(scene.store.inserts)


def test_tells_once_that_clickhouse_is_away_and_keeps_polling(caplog):
    """While inserts fail: one line, partitions paused, membership kept; then one line and all is stored."""
    scene, clock = Scene(2), Clock()
    consumer = FakeConsumer(scene.kafka, clock)
    scene.kafka.rebalance([consumer])
    sink = scene.sink(consumer, clock)
    for _ in range(2):
        sink.step()
    polls = 0
    poll, insert, back_at = consumer.poll, scene.store.insert, clock() + 60

    def counted(timeout_s):
        nonlocal polls
        polls += 1
        assert polls < 2 or consumer.paused == set(consumer.positions)
        return poll(timeout_s)

    def away(table, columns, token):
        if clock() < back_at:
            raise HistoryRefused(252, "too many parts")
        consumer.poll = poll
        insert(table, columns, token)

    consumer.poll, scene.store.insert = counted, away
    with caplog.at_level("WARNING"):
        run_until_done(sink, scene.kafka)
    scene.check()
    assert polls > 100
    assert [r.message.split("; ")[-1] for r in caplog.records] == [
        "waiting for ClickHouse, nothing is lost",
        "ClickHouse answers again",
    ]


@pytest.mark.parametrize("moved", [False, True])
def test_who_has_only_rollups_to_send_when_clickhouse_goes_reads_on_when_it_is_back(caplog, moved):
    """Nothing is due then, and everything is paused: nor does it stay so where the partition has gone to another meanwhile."""
    scene, clock = Scene(5), Clock()
    consumer = FakeConsumer(scene.kafka, clock)
    scene.kafka.rebalance([consumer])
    sink = scene.sink(consumer, clock, rollup_s=20.0)
    while len(scene.store.rows["frames"]) < len(scene.identities):
        sink.step()
    insert, back_at = scene.store.insert, clock() + 60
    moves = [None] * moved

    def away(table, columns, token):
        if clock() < back_at:
            if moves and clock() > back_at - 30:
                moves.pop()
                scene.kafka.rebalance([consumer])
            raise HistoryRefused(252, "too many parts")
        insert(table, columns, token)

    scene.store.insert = away
    with caplog.at_level("WARNING"):
        while clock() < back_at + 60:
            sink.step()
    assert "ClickHouse answers again" in caplog.text
    assert not consumer.paused
    scene.identities.append(("rack-0/node-0", 1, 12))
    scene.kafka.append(FRAMES, 0, frame("rack-0/node-0", 12, np.random.default_rng(0)), NOW_MS)
    run_until_done(sink, scene.kafka)
    scene.check()


def test_ends_within_five_seconds_while_clickhouse_is_away():
    """A stop request is not held up by a server that does not answer; nothing is committed for it."""
    scene, clock = Scene(3), Clock()
    consumer = FakeConsumer(scene.kafka, clock)
    scene.kafka.rebalance([consumer])
    sink = scene.sink(consumer, clock)
    sink.step()

    def away(*_):
        sink.stop()
        raise HistoryRefused(1, "no")

    asked_s = clock()
    scene.store.insert = away
    sink.run()
    assert clock() - asked_s < 7
    assert scene.kafka.committed == {}


def test_finishes_the_batch_at_hand_when_asked_to_end():
    """A stop request during an insert: the batch is stored whole and committed."""
    scene, clock = Scene(4), Clock()
    consumer = FakeConsumer(scene.kafka, clock)
    scene.kafka.rebalance([consumer])
    sink = scene.sink(consumer, clock)
    insert = scene.store.insert

    def asked(table, columns, token):
        if table == "gpu_samples":
            sink.stop()
        insert(table, columns, token)

    scene.store.insert = asked
    sink.run()
    assert scene.store.rows["frames"]
    last = {}
    for r in scene.store.rows["frames"]:
        topic, _, partition = r["topic_partition"].rpartition("/")
        place = (topic, int(partition))
        last[place] = max(last.get(place, 0), int(r["record_offset"]))
    assert all(scene.kafka.committed[place] > offset for place, offset in last.items())
