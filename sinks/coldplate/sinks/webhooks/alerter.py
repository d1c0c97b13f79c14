"""The alerter: reads what detection and people say, decides, writes down, and only then sends.

One turn is: records of Kafka, the policy's decisions, one transaction with messages, memory and offsets. A process that
dies before the transaction does the turn again; one that dies after it sends what is written down. Nothing is told
while the past is still being read: an incident that is over by then is nobody's page.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import msgspec

from coldplate.sinks.batch import Record
from coldplate.sinks.errors import KafkaAway
from coldplate.sinks.outage import Outage
from coldplate.sinks.webhooks.config import Heartbeat
from coldplate.sinks.webhooks.message import Message
from coldplate.sinks.webhooks.outbox_file import OutboxError
from coldplate.sinks.webhooks.pulse import Pulse
from coldplate.sinks.webhooks.stopped import Stopped
from coldplate.sinks.webhooks.turn import Turn
from coldplate.wire.action import Action
from coldplate.wire.codec import decode
from coldplate.wire.errors import WireError
from coldplate.wire.incident import Incident
from coldplate.wire.topic import Topics

log = logging.getLogger(__name__)

POLL_S = 0.2
CATCH_UP_S = 30.0
"""So long the past is read before anybody is told; then what is known so far is told of: rather twice than not."""

BOOK_S = 5.0
"""Offsets that nothing followed from are written down so often."""

STOPPED_KEY = "stopped"


class Reader(Protocol):
    """Kafka; see reader.py."""

    @property
    def offsets(self) -> Mapping[tuple[str, int], int]:
        """After what `poll` gave."""

    def poll(self, timeout_s: float) -> list[Record]:
        """Records; KafkaAway."""

    def behind(self) -> int:
        """How many wait; KafkaAway."""


class Policy(Protocol):
    """Decides; see policy.py."""

    def restore(self, states: Iterable[tuple[str, bytes]]) -> None:
        """What it knew."""

    def take(self, record: Incident | Action, now_ms: int) -> None:
        """A record."""

    def due(self, now_ms: int) -> Turn:
        """What follows."""

    def next_ms(self) -> int | None:
        """When something follows if nothing comes."""


class Outbox(Protocol):
    """Keeps; see outbox.py."""

    def commit(self, turn: Turn) -> None:
        """All of it or nothing."""

    def publishable(self) -> Sequence[Action]:
        """Actions that Kafka has not."""

    def published(self, ids: Sequence[str]) -> None:
        """Kafka has them."""


class Sender(Protocol):
    """Sends what the outbox has; see deliver.py."""

    async def run(self) -> None:
        """Until stopped."""

    def wake(self) -> None:
        """There is something new."""

    async def stop(self) -> None:
        """Finish what is under way."""


class Publisher(Protocol):
    """Sends records to Kafka."""

    def publish(self, record: Incident | Action) -> None:
        """Take a record; never waits."""

    def acknowledged(self) -> bool:
        """Whether Kafka has all that was taken."""


class Alerter:
    """One process's work.

    Parameters
    ----------
    cluster, topics
        Whose records, and where they are.
    reader, policy, outbox, sender
        See their files.
    publisher
        To Kafka.
    states
        What the outbox kept.
    heartbeat, pulse
        The dead man's switch; None where there is none to look at.
    clock
        Unix seconds.
    """

    def __init__(
        self, cluster: str, topics: Topics, reader: Reader, policy: Policy, outbox: Outbox,
        sender: Sender, publisher: Publisher, states: Iterable[tuple[str, bytes]], heartbeat: Heartbeat,
        pulse: Pulse | None, clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._cluster, self._topics, self._reader = cluster, topics, reader
        self._policy, self._outbox, self._sender = policy, outbox, sender
        self._publisher, self._heartbeat, self._pulse, self._clock = (
            publisher,
            heartbeat,
            pulse,
            clock,
        )
        kept = dict(states)
        self._stopped = Stopped(cluster, kept.pop(STOPPED_KEY, b""))
        policy.restore(kept.items())
        self._kafka = Outage("Kafka", time.monotonic)
        self._file = Outage("the disk", time.monotonic)
        self._ending = asyncio.Event()
        self._booked: Mapping[tuple[str, int], int] = reader.offsets
        self._book_at_s = 0.0
        self._own: dict[str, bytes | None] = {}
        self._beats: list[Message] = []
        self._handed: list[str] = []
        self.counts: Counter[str] = Counter()
        """`incidents`, `actions`, `turns`, `beats`, `beats_missed`, and `rejected_REASON` of records not understood."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to end; what is under way then gets a few seconds."""
        self._ending = stop
        if self._stopped.last is not None:
            self._publisher.publish(self._stopped.last)
        tasks = [asyncio.create_task(self._sender.run())]
        if self._pulse is not None:
            tasks.append(asyncio.create_task(self._beat(self._pulse)))
        try:
            await self._catch_up(stop)
            while not stop.is_set():
                self._take(await self._poll(self._wait_s()))
                await self._turn()
                for task in tasks:
                    if task.done():
                        task.result()
            await self._turn()
        finally:
            await self._sender.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(OutboxError):
                self._hand_over()

    async def _catch_up(self, stop: asyncio.Event) -> None:
        until_s = time.monotonic() + CATCH_UP_S
        while not stop.is_set() and time.monotonic() < until_s:
            records = await self._poll(POLL_S)
            self._take(records)
            if not records and not self._kafka.said:
                try:
                    if not await asyncio.to_thread(self._reader.behind):
                        return
                except KafkaAway as error:
                    self._kafka.failed(error)

    def _wait_s(self) -> float:
        due_ms = self._policy.next_ms()
        if due_ms is None:
            return POLL_S
        return min(POLL_S, max(0.001, due_ms / 1000 - self._clock()))

    async def _poll(self, timeout_s: float) -> list[Record]:
        if not self._kafka.may_try:
            await asyncio.sleep(timeout_s)
            return []
        try:
            records = await asyncio.to_thread(self._reader.poll, timeout_s)
        except KafkaAway as error:
            self._kafka.failed(error)
            return []
        self._kafka.over()
        return records

    def _take(self, records: Sequence[Record]) -> None:
        now_ms = int(self._clock() * 1000)
        for record in records:
            try:
                known = self._decoded(record)
            except WireError as error:
                self.counts[f"rejected_{error.reason.value}"] += 1
                log.warning("%s offset %d: %s", record.topic, record.offset, error)
                continue
            if known.cluster != self._cluster:
                self.counts["rejected_wrong-cluster"] += 1
                continue
            self.counts["incidents" if isinstance(known, Incident) else "actions"] += 1
            self._policy.take(known, now_ms)

    def _decoded(self, record: Record) -> Incident | Action:
        if record.topic == self._topics.incidents:
            return decode(Incident, record.value)
        return decode(Action, record.value)

    async def _turn(self) -> None:
        """Decide, write down, wake who sends."""
        turn = self._policy.due(int(self._clock() * 1000))
        if self._beats or self._own:
            turn = msgspec.structs.replace(
                turn, messages=[*turn.messages, *self._beats], states={**turn.states, **self._own}
            )
            self._beats, self._own = [], {}
        offsets = self._reader.offsets
        says = bool(turn.messages or turn.actions or turn.states)
        if says or (offsets != self._booked and time.monotonic() >= self._book_at_s):
            await self._commit(msgspec.structs.replace(turn, offsets=offsets))
            self._booked, self._book_at_s = offsets, time.monotonic() + BOOK_S
            self.counts["turns"] += 1
        if turn.messages:
            self._sender.wake()
        await asyncio.to_thread(self._hand_over)

    async def _commit(self, turn: Turn) -> None:
        """Write a turn down, however long the disk takes to have room: meanwhile Kafka keeps what comes."""
        while True:
            try:
                await asyncio.to_thread(self._outbox.commit, turn)
            except OutboxError as error:
                self._file.failed(error)
                if self._ending.is_set():
                    # Neither the turn nor its offsets are written down: the next start does it again.
                    raise
                await asyncio.sleep(self._file.wait_s)
            else:
                self._file.over()
                return

    def _hand_over(self) -> None:
        """Actions to Kafka; they are forgotten when Kafka has them, and one that is sent twice has the same id."""
        if self._handed:
            if not self._publisher.acknowledged():
                return
            self._outbox.published(self._handed)
            self._handed = []
        actions = self._outbox.publishable()
        for action in actions:
            self._publisher.publish(action)
        self._handed = [a.id for a in actions]

    async def _beat(self, pulse: Pulse) -> None:
        passed = True
        while True:
            now_s = self._clock()
            beat = await asyncio.to_thread(pulse.look, now_s)
            if beat.passes:
                self.counts["beats"] += 1
                self._beats += [self._message(name, now_s) for name in self._heartbeat.to]
            else:
                self.counts["beats_missed"] += 1
                if passed:
                    log.warning("no heartbeat: %s", beat.why)
            if beat.passes and not passed:
                log.warning("frames pass from end to end: the heartbeat goes on")
            passed = beat.passes
            before = self._stopped.state
            if (incident := self._stopped.take(beat, int(now_s * 1000))) is not None:
                self._policy.take(incident, int(now_s * 1000))
                self._publisher.publish(incident)
            if self._stopped.state != before:
                self._own[STOPPED_KEY] = self._stopped.state
            await asyncio.sleep(self._heartbeat.every_s)

    def _message(self, receiver: str, now_s: float) -> Message:
        return Message(
            id=f"beat-{self._cluster}-{receiver}-{int(now_s)}", cluster=self._cluster,
            receiver=receiver, route="heartbeat", group="heartbeat", number=int(now_s * 1000),
            t_ms=int(now_s * 1000), told=(),
        )  # fmt: skip
