"""The partitions a sink has: opened with what an earlier run left to redo, closed when taken away."""

import logging
from collections.abc import Iterable

from coldplate.sinks.batch import LATER, ROLLUPS, Place, Record
from coldplate.sinks.dedup import Dedup
from coldplate.sinks.later import Later
from coldplate.sinks.pending import Pending
from coldplate.sinks.ports import Consumer
from coldplate.sinks.store import Store
from coldplate.wire.frame import Identity
from coldplate.wire.topic import Topics

log = logging.getLogger(__name__)

FRAME_ROW_BYTES, BASELINE_ROW_BYTES = 45, 16
"""Bytes of a record a row that it makes: counts rows before anything is decoded."""


class Assigned:
    """Partitions of this member.

    Parameters
    ----------
    consumer, store
        Both sides.
    topics
        Their names; of frames it is read which are stored.
    dedup
        Where they go.
    """

    def __init__(self, consumer: Consumer, store: Store, topics: Topics, dedup: Dedup) -> None:
        self._consumer, self._store = consumer, store
        self._frames_topic, self._dedup = topics.frames, dedup
        self._row_bytes = {topics.frames: FRAME_ROW_BYTES, topics.baselines: BASELINE_ROW_BYTES}
        self.open: dict[Place, Pending] = {}
        self.waiting: set[Place] = set()
        self.topic_ids: dict[str, str] = {}
        self.kafka = ""
        self.generation = 0

    def follow(self) -> None:
        """Take in what the group has changed. Records of what was taken away are forgotten."""
        lost, gained = self._consumer.changes()
        for place in lost:
            self.open.pop(place, None)
            self.waiting.discard(place)
        for place in gained:
            self.open.pop(place, None)
            self.waiting.add(place)
        if gained:
            # Nothing of these is read before it is known where to begin.
            self._consumer.pause(gained)

    def forget(self) -> None:
        """The group no longer counts us in: nothing is ours until it gives us partitions again."""
        self.open.clear()
        self.waiting.clear()

    def take(self, records: Iterable[Record], now_s: float) -> None:
        """Records that were polled; those of partitions that are not open yet are read again later."""
        for record in records:
            part = self.open.get((record.topic, record.partition))
            if part is not None:
                of_row = self._row_bytes.get(record.topic)
                rows = 1 if of_row is None else 1 + len(record.value) // of_row
                part.add(record, rows, now_s)
        for place, part in self.open.items():
            if part.redoing and (position := self._consumer.position(place)) is not None:
                part.passed(position)

    def open_waiting(self) -> None:
        """Find out for each new partition where to begin and what to redo, then read it.

        Raises
        ------
        HistoryDown, HistoryRefused, KafkaAway
            Those not opened stay waiting.
        """
        self._store.fits()
        if any(topic == self._frames_topic for topic, _ in self.waiting):
            # Another sink may have stored frames since; those known already stay known.
            self._dedup.load(self._store.stored_frames())
        self.kafka = self._consumer.kafka_id()
        self.generation = self._consumer.generation()
        for place in sorted(self.waiting):
            self._open(place)

    def _open(self, place: Place) -> None:
        topic, partition = place
        topic_id = self.topic_ids[topic] = self._consumer.topic_id(topic)
        committed = self._consumer.committed(place)
        # Without a committed offset (it expires) the newest range still tells where the sink was,
        # because a range is written down only when those before it are stored.
        written = self._store.intents(self.kafka, topic_id, partition, committed)
        plan = [span for span in written if span.kind != ROLLUPS]
        again: set[Identity] = set()
        if committed is not None and any(span.kind == LATER for span in plan):
            found = self._store.frames_since(f"{topic}/{partition}", committed)
            again = {(source, boot, seq) for source, boot, seq, _ in found}
        starts = [span.first for span in plan] + ([] if committed is None else [committed])
        self._consumer.seek(place, min(starts, default=None))
        rollups = [span for span in written if span.kind == ROLLUPS]
        self.open[place] = Pending(place, plan, Later(place, rollups), again)
        self.waiting.discard(place)
        self._consumer.resume([place])
        if plan:
            log.info("%s/%d: redoing %d batches of an earlier run", topic, partition, len(plan))
