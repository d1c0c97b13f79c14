"""The sink's loop: poll, cut batches, write them down, store them, commit.

The order makes it exactly once. A batch's offsets are written down before its first insert; each insert
carries a token made from these offsets; `frames` comes last; the offset is committed after that. Whoever
reads the partition next redoes exactly the ranges that may be half stored, under the same tokens.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from coldplate.sinks.assigned import Assigned
from coldplate.sinks.batch import AT_ONCE, FED, LATER, Batch, Place
from coldplate.sinks.client import Columns
from coldplate.sinks.dedup import Dedup
from coldplate.sinks.errors import HistoryError, KafkaAway, MembershipLost
from coldplate.sinks.lag import LagWatch, OnEvent
from coldplate.sinks.ledger import LedgerWatch
from coldplate.sinks.outage import Outage
from coldplate.sinks.pending import Known, Pending
from coldplate.sinks.ports import Consumer
from coldplate.sinks.prepare import prepare
from coldplate.sinks.settings import SinkSettings
from coldplate.sinks.stats import Stats
from coldplate.sinks.store import Store, intent_columns

SOON_S = 0.3
"""For incidents and what people do about them."""

ROLLUP_BATCHES = 40
"""Of the largest batch's rows wait for their rollups at most, of all partitions: some 80 bytes each."""

POLL_S = 0.2
STOP_S = 5.0
STATS_S = 1.0

log = logging.getLogger(__name__)

OnStats = Callable[[dict[str, Any]], None]


class _Lost(Exception):  # noqa: N818
    """The partition was taken away while its batch waited for ClickHouse."""


class _Stopped(Exception):  # noqa: N818
    """Told to end, and ClickHouse did not answer in time."""


class Sink:
    """One member of the group.

    Parameters
    ----------
    settings
        What to do.
    consumer, store
        Kafka and ClickHouse.
    on_stats
        Called about once a second with the counts.
    on_event
        Takes the event that says that Kafka will forget what is not stored (lag.py).
    clock, wait
        Seconds that only grow, and how to let some of them pass.
    """

    def __init__(
        self, settings: SinkSettings, consumer: Consumer, store: Store,
        on_stats: OnStats | None = None, on_event: OnEvent | None = None, clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:  # fmt: skip
        self.stats = Stats()
        self._settings, self._consumer, self._store = settings, consumer, store
        self._on_stats, self._clock = on_stats, clock
        self._dedup = Dedup()
        self._assigned = Assigned(consumer, store, settings.topics, self._dedup)
        self._offsets: dict[Place, tuple[int, Pending]] = {}
        self._at_hand: dict[Place, Batch] = {}
        name = f"{settings.group}/{settings.instance}" if settings.instance else settings.group
        self._lag = LagWatch(consumer, settings.cluster, name, on_event)
        self._ledger = LedgerWatch(store, settings.topics.frames, clock)
        self._stop = threading.Event()
        self._pass = wait or self._stop.wait
        self._stop_by = self._stats_at = 0.0
        self._history, self._kafka = Outage("ClickHouse", clock), Outage("Kafka", clock)

    def stop(self) -> None:
        """Ask the loop to end; safe from a signal handler."""
        if not self._stop.is_set():
            self._stop_by = self._clock() + STOP_S
            self._stop.set()

    def run(self) -> None:
        """Work until `stop`; then the batch at hand is finished if ClickHouse answers in time."""
        while not self._stop.is_set():
            self.step()
        # Rollups for which there is no time are made by who reads their records again.
        with suppress(_Stopped):
            for part in list(self._assigned.open.values()):
                if self._clock() < self._stop_by:
                    self._roll(part)
        self._commit()
        self._report(now=True)

    def step(self) -> None:
        """One turn."""
        self._poll(min(POLL_S, self._settings.flush_s))
        self._open()
        try:
            self._store_due()
        except _Stopped:
            return
        self._ask_history()
        self._commit()
        self._report()

    def _ask_history(self) -> None:
        """While it is away everything is paused: where nothing is left to store, nobody else would find that it is back."""
        if not self._history.said or not self._history.may_try:
            return
        try:
            self._store.fits()
        except HistoryError as error:
            self._history.failed(error)
        else:
            self._history_answers()

    def _poll(self, timeout_s: float) -> None:
        try:
            records = self._consumer.poll(timeout_s)
            self._assigned.follow()
            self._assigned.take(records, self._clock())
        except KafkaAway as error:
            self._kafka.failed(error)
            self._pass(min(timeout_s, self._kafka.wait_s))
        else:
            self._kafka.over()

    def _open(self) -> None:
        if not self._assigned.waiting or not self._history.may_try or not self._kafka.may_try:
            return
        try:
            self._assigned.open_waiting()
        except HistoryError as error:
            self._history.failed(error)
        except KafkaAway as error:
            self._kafka.failed(error)
        else:
            self._history_answers()

    def _store_due(self) -> None:
        limit, now_s = self._settings.rows_max, self._clock()
        due = [
            (part.take(limit, self._kind(part.place[0])), part)
            for part in self._assigned.open.values()
            if part.due(now_s, self._flush_s(part.place[0]), limit)
        ]
        if not due:
            self._roll_due(now_s)
            return
        self._at_hand = {batch.place: batch for batch, _ in due}
        # Ranges to redo as well: under our generation they outlast what a former owner writes late.
        self._write_down(due)
        for batch, part in due:
            # Whoever has a partition that was taken away redoes the batch, or takes it as new.
            with suppress(_Lost):
                self._store_batch(batch, part)
        self._at_hand = {}
        self._roll_due(now_s)

    def _roll_due(self, now_s: float) -> None:
        """A piece of one partition's rollups: what is to be stored is not to wait for all of them."""
        s = self._settings
        parts = sorted(self._assigned.open.values(), key=lambda part: -part.later.rows)
        # When it is behind, what is gathered meanwhile must not grow without end.
        full = self._later_rows() >= ROLLUP_BATCHES * s.rows_max
        for part in parts:
            if part.later.closing is not None:
                self._feed(part, whole=full)
                return
        for part in parts:
            at_once = full or (part.later.redone and not part.redoing)
            if part.later.due(now_s, 0.0 if at_once else s.rollup_s):
                self._close(part)
                return

    def _later_rows(self) -> int:
        return sum(part.later.waiting_rows for part in self._assigned.open.values())

    def _roll(self, part: Pending) -> None:
        """Feed the rollups with all that is stored."""
        if part.later.closing is not None:
            self._feed(part, whole=True)
        if part.later.first is not None:
            self._close(part)
            self._feed(part, whole=True)

    def _close(self, part: Pending) -> None:
        self._write_down([(part.later.close(), part)])

    def _feed(self, part: Pending, *, whole: bool) -> None:
        """The next piece of a closed range, or what is left of it; after the last one the offset may go on."""
        batch = part.later.closing
        if batch is None:
            return
        with suppress(_Lost):
            for table, number, columns in part.later.pieces():
                token = batch.token(self._assigned.kafka, self._assigned.topic_ids[batch.topic], f"{table}/{number}")  # fmt: skip
                self._insert(table, columns, token, part)
                if not whole:
                    return
            self._note_fed(batch)
            self._offsets[part.place] = (batch.last + 1, part)
            part.later.done()

    def _note_fed(self, batch: Batch) -> None:
        """For who makes rollups anew (rebuild.py), and who waits if there is no note: it is tried once."""
        a, fed = self._assigned, replace(batch, kind=FED)
        self._try_insert(
            "sink_batches", intent_columns(a.kafka, a.topic_ids, a.generation, [fed]), None
        )

    def _kind(self, topic: str) -> str:
        """Of batches that nobody began before."""
        return LATER if topic == self._settings.topics.frames else AT_ONCE

    def _flush_s(self, topic: str) -> float:
        """How long records wait for company: those that people wait for are few."""
        topics, flush_s = self._settings.topics, self._settings.flush_s
        return min(flush_s, SOON_S) if topic in (topics.incidents, topics.actions) else flush_s

    def _write_down(self, due: list[tuple[Batch, Pending]]) -> None:
        """Intents of all batches at hand, in one insert; a repeated line changes nothing."""
        while due := [(batch, part) for batch, part in due if self._ours(part)]:
            batches = [batch for batch, _ in due]
            a = self._assigned
            columns = intent_columns(a.kafka, a.topic_ids, a.generation, batches)
            if self._try_insert("sink_batches", columns, None):
                self._fence(due)
                return
            self._wait()

    def _fence(self, due: list[tuple[Batch, Pending]]) -> None:
        """Ask Kafka whether the partitions are still ours, after the intents and before the inserts.

        If they are, whoever gets them later reads the intents. If they are not, the new owner may have
        cut other ranges, and nothing of ours must be stored; it tells ours by their generation.
        """
        # What waits for its rollups is to be read again if we die.
        while first := {
            part.place: batch.first if part.later.oldest is None else part.later.oldest
            for batch, part in due
            if self._ours(part)
        }:
            try:
                self._consumer.commit(first)
            except MembershipLost as error:
                log.warning("%s; what is not stored will be stored by another sink", error)
                self._assigned.forget()
            except KafkaAway as error:
                self._kafka.failed(error)
                self._wait()
            else:
                return

    def _store_batch(self, batch: Batch, part: Pending) -> None:
        if not self._ours(part):
            raise _Lost
        if batch.kind == AT_ONCE or part.later.whole:
            self._roll(part)
        s = self._settings
        prepared = prepare(batch, s.topics, s.cluster, Known(self._dedup, part.again), s.seals)
        kafka, topic_id = self._assigned.kafka, self._assigned.topic_ids[batch.topic]
        for table, columns in prepared.inserts:
            self._insert(table, columns, batch.token(kafka, topic_id, table), part)
        self._dedup.keep(prepared.identities)
        part.again -= prepared.identities
        if batch.kind == LATER:
            part.later.add(batch, prepared.samples, self._clock())
        else:
            self._offsets[batch.place] = (batch.last + 1, part)
        self._at_hand.pop(batch.place, None)
        self.stats.count(batch, prepared)

    def _insert(self, table: str, columns: Columns, token: str, part: Pending) -> None:
        """Until it is stored, or its partition is another's."""
        while self._ours(part):
            if self._try_insert(table, columns, token):
                return
            self._wait()
        raise _Lost

    def _ours(self, part: Pending) -> bool:
        return self._assigned.open.get(part.place) is part

    def _try_insert(self, table: str, columns: Columns, token: str | None) -> bool:
        try:
            self._store.insert(table, columns, token)
        except HistoryError as error:
            if not self._history.said:
                self._pause()
            self._history.failed(error)
            self.stats.retries += 1
            return False
        self._history_answers()
        return True

    def _pause(self) -> None:
        with suppress(KafkaAway):
            self._consumer.pause(self._assigned.open)

    def _history_answers(self) -> None:
        if self._history.said:
            with suppress(KafkaAway):
                self._consumer.resume(self._assigned.open)
        self._history.over()

    def _wait(self) -> None:
        """Back off, polling with everything paused, so that the group keeps us."""
        while True:
            if self._stop.is_set() and self._clock() >= self._stop_by:
                raise _Stopped
            self._report()
            self._poll(POLL_S)
            if self._history.may_try and self._kafka.may_try:
                return

    def _commit(self) -> None:
        # An offset of a partition that was taken away is no longer ours to set.
        done = {p: entry for p, entry in self._offsets.items() if self._ours(entry[1])}
        self._offsets = {}
        if not done:
            return
        try:
            self._consumer.commit({place: offset for place, (offset, _) in done.items()})
        except MembershipLost as error:
            log.warning("%s; what is not committed will be redone", error)
            self._assigned.forget()
        except KafkaAway as error:
            self._kafka.failed(error)
            # What is stored meanwhile has later offsets, which then replace these.
            self._offsets = done

    def _report(self, *, now: bool = False) -> None:
        at = self._clock()
        self.stats.waiting_for = (
            "clickhouse" if self._history.said else "kafka" if self._kafka.said else ""
        )
        self.stats.partitions = len(self._assigned.open)
        self.stats.later_rows = self._later_rows()
        if not self._kafka.said:
            self._lag.look(self._assigned.open.values(), self._at_hand, self.stats.waiting_for)
            self.stats.lag = self._lag.lag
        if not self._history.said:
            self._ledger.look(self._assigned.open)
            self.stats.ledger = self._ledger.ledger
        if self._on_stats is not None and (now or at >= self._stats_at):
            self._stats_at = at + STATS_S
            self._on_stats(self.stats.as_dict())
