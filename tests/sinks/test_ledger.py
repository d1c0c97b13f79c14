"""Frames that agents numbered and the history lacks, as a count of the sink."""

import time

import numpy as np
import pytest
from frames import record_bytes
from sinks.fakes import Clock, FakeStore
from sinks.servers import database

from coldplate.sinks.batch import Batch, Record
from coldplate.sinks.client import Client
from coldplate.sinks.dedup import Dedup
from coldplate.sinks.errors import HistoryDown
from coldplate.sinks.inventory import store_inventory
from coldplate.sinks.ledger import LOOK_S, WINDOW_S, Ledger, LedgerWatch
from coldplate.sinks.migrate import migrate
from coldplate.sinks.prepare import prepare
from coldplate.sinks.store import ClickHouseStore
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind
from coldplate.wire.topic import Topics

TOPICS = Topics()
PLACE = (TOPICS.frames, 0)
A, B = "rack-0000/node-0", "rack-0000/node-1"


class Gapped(FakeStore):
    """One that lacks frames, and counts how often it is asked."""

    def __init__(self, gaps, dropped):
        super().__init__()
        self.found, self.said, self.asked, self.down = gaps, dropped, [], False

    def gaps(self, partitions, window_s):
        if self.down:
            raise HistoryDown("fault of a test")
        self.asked.append(tuple(partitions))
        return self.found

    def dropped(self, sources):
        return self.said


def test_what_an_agent_says_it_dropped_is_not_missing():
    """Missing is what neither the history nor the agent knows of; one that counts more than is missing excuses no other."""
    clock = Clock()
    watch = LedgerWatch(Gapped({A: 5, B: 2}, {A: 3, B: 9}), TOPICS.frames, clock)
    clock.wait(LOOK_S)
    watch.look([PLACE])
    assert watch.ledger == Ledger(missing=2, dropped=5, sources=1)


def test_it_asks_once_a_minute_and_only_of_its_own_frames():
    """However often the sink turns; with no partition of frames it asks nothing."""
    clock, store = Clock(), Gapped({}, {})
    watch = LedgerWatch(store, TOPICS.frames, clock)
    for _ in range(1000):
        watch.look([(TOPICS.events, 3), PLACE])
        clock.wait(0.5)
    assert store.asked == [(f"{TOPICS.frames}/0",)] * int(499.5 // LOOK_S)
    clock.wait(LOOK_S)
    watch.look([(TOPICS.events, 3)])
    assert len(store.asked) == int(499.5 // LOOK_S)


def test_a_history_that_does_not_answer_leaves_the_count():
    """Nobody reads a 0 that was not looked up."""
    clock, store = Clock(), Gapped({A: 5}, {})
    watch = LedgerWatch(store, TOPICS.frames, clock)
    for down in (False, True):
        store.down = down
        clock.wait(LOOK_S)
        watch.look([PLACE])
        assert watch.ledger == Ledger(missing=5, dropped=0, sources=1)


@pytest.mark.e2e
def test_gaps_are_those_between_numbers_of_a_start(clickhouse_url):
    """Until the frames between come; what the agent dropped is its own count's rise since it started."""
    with database(clickhouse_url) as settings, Client(settings) as client:
        migrate(client)
        store_inventory(client, generate(1, 2, 1), 0)
        tick, store = int(time.time()) - 100, ClickHouseStore(client)

        def insert(frames, first):
            now_ms = int(time.time() * 1000)
            taken = tuple(
                Record(*PLACE, first + n, now_ms, value) for n, value in enumerate(frames)
            )
            batch = Batch(*PLACE, first, first + len(taken) - 1, taken)
            for table, columns in prepare(batch, TOPICS, "test", Dedup()).inserts:
                client.insert(table, columns, batch.token("kafka", TOPICS.frames, table))

        def frame(source, seq, dropped, boot=1):
            values = {Kind.NODE: ((source,), {"dropped_frames_total": np.float64(dropped)})}
            return record_bytes(source, "rack-0000", tick + seq, 1, values, seq=seq, boot=boot)

        def ledger(partition=0):
            clock = Clock()
            watch = LedgerWatch(store, TOPICS.frames, clock)
            clock.wait(LOOK_S)
            watch.look([(TOPICS.frames, partition)])
            return watch.ledger

        insert([frame(A, 7, 4), frame(A, 8, 4), frame(B, 1, 0), frame(B, 0, 0, boot=2)], 0)
        assert ledger() == Ledger()
        insert([frame(A, 12, 6), frame(B, 5, 0)], 4)
        assert store.gaps([f"{TOPICS.frames}/0"], WINDOW_S) == {A: 3, B: 3}
        assert ledger() == Ledger(missing=4, dropped=2, sources=2)
        assert ledger(partition=1) == Ledger()
        insert([frame(B, n, 0) for n in (2, 3, 4)], 6)
        assert ledger() == Ledger(missing=1, dropped=2, sources=1)
