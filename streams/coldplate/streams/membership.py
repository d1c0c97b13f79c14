"""The worker's place in its group: which partitions it reads, how far it is with each, and what it commits.

An aiokafka consumer of our own, because Faust costs per record (docs/adr/0009). Both topics are read in one group with
the range assignor: while they have equally many partitions, the same numbers of both come to one worker, so that a
rack's events meet its frames.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from coldplate.streams.connection import client_options
from coldplate.streams.pipeline import Record
from coldplate.streams.settings import WorkerSettings
from coldplate.wire.signature import signature_of

log = logging.getLogger(__name__)

# Once a second, what this program says once.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

FETCH_WAIT_MS = 100
"""A broker gathers for so long, unless it has `FETCH_BYTES` earlier: answers of ten records cost ten times as much."""

FETCH_BYTES = 1 << 20

UNREAD_WAIT_MS = 50
"""Partitions that were read up are fetched again after this while others still lie unread: events overtake a backlog."""

ASSIGNORS = (RangePartitionAssignor,)
"""One, and no second: aiokafka asks to join once for each (its pull request 1168), and each asking has the group share out anew, for
ever where there are a few members."""

ANSWER_WAIT_S = 5.0
CLOSE_WAIT_S = 1.0


@dataclass(slots=True)
class Polled:
    """What came at once, in the partitions' order.

    Parameters
    ----------
    turn
        The membership's when it came.
    """

    turn: int
    events: list[Record] = field(default_factory=list)
    frames: list[Record] = field(default_factory=list)


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]
    """A member of the workers' group that commits what it was told is done, and nothing else.

    Parameters
    ----------
    settings
        Brokers, group, topics.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._consumer: Any = None
        self.lock = asyncio.Lock()
        """Held while a batch is worked on: partitions are given away between batches only."""
        self.turn = 0
        """Another one with each change of partitions; what was polled in an earlier one is no longer ours."""
        self.assigned: set[int] = set()
        """Partitions whose frames are ours."""
        self.changed = False
        """Partitions were given, and are not read before `settle`."""
        self.taken = asyncio.Event()
        """The group shares partitions out anew: none is ours until it has."""
        self._next: dict[Any, int] = {}
        self._committed: dict[Any, int] = {}
        self._ends: dict[Any, int] = {}
        self._committing: asyncio.Task[None] | None = None
        self._away = False

    @property
    def started(self) -> bool:
        """Whether it is, or asks to be, in the group."""
        return self._consumer is not None

    async def start(self) -> None:
        """Connect and ask for a place in the group; partitions come later.

        Raises
        ------
        KafkaError
            Kafka is not there.
        """
        s = self._settings
        consumer = AIOKafkaConsumer(
            **client_options(s), client_id="coldplate-worker",
            group_id=s.group, group_instance_id=s.instance,
            enable_auto_commit=False, auto_offset_reset="earliest",
            partition_assignment_strategy=ASSIGNORS,
            session_timeout_ms=int(1000 * s.session_s), heartbeat_interval_ms=int(1000 * s.session_s / 5),
            rebalance_timeout_ms=60_000, max_poll_interval_ms=1_000_000, metadata_max_age_ms=30_000,
            fetch_max_wait_ms=FETCH_WAIT_MS, fetch_min_bytes=FETCH_BYTES, consumer_timeout_ms=UNREAD_WAIT_MS,
        )  # fmt: skip
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        consumer.subscribe([s.topics.frames, s.topics.events], listener=self)
        self._consumer = consumer

    async def stop(self) -> None:
        """Commit what is done and leave; a static member's partitions wait for its return."""
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        await self._commit_last(consumer, CLOSE_WAIT_S)
        self._give_back()
        with suppress(KafkaError, TimeoutError):
            await asyncio.wait_for(consumer.stop(), CLOSE_WAIT_S)

    @property
    def partitions(self) -> int:
        """How many the frames' topic has; 0: not known."""
        found = self._consumer.partitions_for_topic(self._settings.topics.frames)
        return len(found or ())

    async def poll(self, timeout_s: float, records_max: int) -> Polled:
        """Records that are there within the time; waits longer while the group shares partitions out anew."""
        got = await self._consumer.getmany(
            timeout_ms=int(1000 * timeout_s), max_records=records_max
        )
        return self._sorted(got)

    async def poll_events(self, records_max: int) -> Polled:
        """Events that are there now."""
        topic = self._settings.topics.events
        events = [tp for tp in self._consumer.assignment() if tp.topic == topic]
        if not events:
            return Polled(self.turn)
        return self._sorted(await self._consumer.getmany(*events, max_records=records_max))

    def did(self, records: Iterable[Record]) -> None:
        """The effects of records are in Kafka."""
        for record in records:
            self._next[TopicPartition(record.topic, record.partition)] = record.offset + 1

    def commit_soon(self) -> None:
        """Commit what is done, beside everything else."""
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit(self._consumer, ANSWER_WAIT_S))

    async def settle(self) -> None:
        """Begin to read the partitions that were given, each where the group is with it."""
        turn, assigned = self.turn, self._consumer.assignment()
        with suppress(IllegalStateError):  # taken in this moment, for which `turn` is another
            at = {tp: await self._consumer.position(tp) for tp in assigned}
            if turn == self.turn:
                self._next, self._committed, self.changed = at, dict(at), False
                self._consumer.resume(*assigned)

    def rewind(self) -> None:
        """Read again from where we are: an error of one partition loses what was polled of others with it."""
        for tp, at in self._next.items():
            self._consumer.seek(tp, at)

    async def look_at_ends(self) -> None:
        """Ask the brokers for the partitions' ends: a consumer that stands still does not hear of new records."""
        if self._consumer is None or not (assigned := self._consumer.assignment()):
            return
        try:
            async with asyncio.timeout(ANSWER_WAIT_S):
                self._ends = await self._consumer.end_offsets(list(assigned))
        except (KafkaError, TimeoutError) as error:
            self._heard(error)
        else:
            self._heard(None)

    def behind(self) -> list[int]:
        """Of each partition that it reads: records that are not done; may be called from another thread."""
        return [max(0, self._end(tp) - at) for tp, at in list(self._next.items())]

    def reads(self) -> int:
        """Of how many partitions it reads the frames; may be called from another thread."""
        topic = self._settings.topics.frames
        return sum(tp.topic == topic for tp in list(self._next))

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """Let the batch that is worked on be finished, and commit."""
        async with self.lock:
            if revoked and self._consumer is not None:
                await self._commit_last(self._consumer, ANSWER_WAIT_S)
            self._give_back()

    def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Nothing is read until `settle`: first comes what was before."""
        assigned = set(assigned)
        self._consumer.pause(*assigned)
        topic = self._settings.topics.frames
        self.assigned = {tp.partition for tp in assigned if tp.topic == topic}
        self.turn, self.changed = self.turn + 1, True
        self.taken.clear()

    def _give_back(self) -> None:
        self.turn, self.changed = self.turn + 1, False
        self.assigned = set()
        self._next, self._committed, self._ends = {}, {}, {}
        self.taken.set()

    async def _commit_last(self, consumer: Any, within_s: float) -> None:
        if self._committing is not None:
            # It might be tried again when partitions are another's, and set him back.
            self._committing.cancel()
        await self._commit(consumer, within_s)

    async def _commit(self, consumer: Any, within_s: float) -> None:
        turn = self.turn
        due = {tp: at for tp, at in self._next.items() if self._committed.get(tp) != at}
        if not due:
            return
        try:
            async with asyncio.timeout(within_s):
                await consumer.commit(due)
        except (CommitFailedError, IllegalStateError):
            log.info(
                "the group has moved on; %d partitions are read again by who has them", len(due)
            )
        except (KafkaError, TimeoutError) as error:
            self._heard(error)
        else:
            if turn == self.turn:
                self._committed |= due
            self._heard(None)

    def _heard(self, error: Exception | None) -> None:
        """Say once that Kafka is away, and once that it is back: aiokafka waits in silence."""
        if error is not None and not self._away:
            log.warning("Kafka does not answer (%r); waiting", error)
        elif error is None and self._away:
            log.warning("Kafka answers again")
        self._away = error is not None

    def _sorted(self, got: dict[Any, list[Any]]) -> Polled:
        out = Polled(self.turn)
        for tp, messages in got.items():
            to = out.events if tp.topic == self._settings.topics.events else out.frames
            to += [
                Record(
                    tp.topic,
                    tp.partition,
                    m.offset,
                    m.timestamp,
                    m.value or b"",
                    signature_of(m.headers),
                )
                for m in messages
            ]
        return out

    def _end(self, tp: Any) -> int:
        try:
            heard = self._consumer.highwater(tp)
        except (AttributeError, AssertionError, IllegalStateError):
            heard = None  # taken from us, or we are leaving, in this moment
        return max(heard or 0, self._ends.get(tp, 0))
