"""The worker's way of a record: a batch to the pipeline, effects to Kafka, then the offset.

Events first: they are few and urgent. Frames are gathered for `TAKE_WITHIN_S`, because a batch costs something of its
own, whatever its size. Between batches the loop breathes, and heartbeats with it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet

from aiokafka.errors import KafkaError

from coldplate.streams.ending import or_end
from coldplate.streams.membership import Membership
from coldplate.streams.pipeline import Effects, Pipeline, Record
from coldplate.streams.settings import WorkerSettings

log = logging.getLogger(__name__)

TAKE_MAX = 2000
TAKE_WITHIN_S = 0.4
POLL_S = 0.1
COMMIT_S = 1.0
AGAIN_S = 1.0
STOP_S = 1.0

Publish = Callable[[Effects], Awaitable[None]]
Restore = Callable[[AbstractSet[int]], Awaitable[None]]
Leave = Callable[[AbstractSet[int], int], None]


class Reader:
    """Reads frames and events of the worker's partitions.

    Parameters
    ----------
    settings
        Of the worker.
    pipeline
        Takes the records.
    restore
        Brings the pipeline to where partitions stand that were not ours; may be ended at any await.
    leave
        Partitions, of so many, are another worker's now.
    """

    def __init__(
        self, settings: WorkerSettings, pipeline: Pipeline, restore: Restore, leave: Leave
    ) -> None:
        self._settings, self._pipeline = settings, pipeline
        self._restore, self._leave = restore, leave
        self.membership = Membership(settings)
        self.ready = False
        """What was before is known of all partitions: what is missing now is missing."""
        self.done = 0
        """Records."""
        self._known: set[int] = set()
        self._frames: list[Record] = []
        self._frames_turn, self._since_s, self._committed_s = -1, 0.0, 0.0
        self._over = asyncio.Event()
        self._away = False
        self._running: asyncio.Task[None] | None = None

    async def run(self, publish: Publish) -> None:
        """Read until `stop`."""
        self._running = asyncio.current_task()
        while not self._over.is_set():
            with or_end():
                await self._say_when_away(lambda: self._turn(publish))
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Finish the batch, commit it, leave the group; takes at most three times `STOP_S`."""
        self._over.set()
        running, self._running = self._running, None
        if running is not None and not running.done():
            done, _ = await asyncio.wait([running], timeout=STOP_S)
            if not done:
                running.cancel()
                await asyncio.wait([running], timeout=STOP_S)
        await self.membership.stop()

    def behind(self) -> list[int]:
        """Of each partition that it reads: records that are not done."""
        return self.membership.behind()

    async def _say_when_away(self, step: Callable[[], Awaitable[None]]) -> None:
        """Try again until Kafka is there; a consumer that cannot go on is made anew."""
        while not self._over.is_set():
            try:
                await step()
            except (KafkaError, OSError) as error:
                if not self._away:
                    log.warning("Kafka lets us read nothing (%r); waiting", error)
                self._away = True
                self._frames = []
                self.membership.rewind()
                await asyncio.sleep(AGAIN_S)
                if not getattr(error, "retriable", True):
                    await self.membership.stop()
            else:
                if self._away:
                    log.warning("Kafka lets us read again")
                self._away = False
                return

    async def _turn(self, publish: Publish) -> None:
        if not self.membership.started:
            await self.membership.start()
        if self.membership.changed:
            await self._change()
            return
        polled = await self.membership.poll(POLL_S, TAKE_MAX - len(self._frames))
        now_s = time.monotonic()
        if polled.turn != self._frames_turn or not self._frames:
            self._frames, self._frames_turn, self._since_s = [], polled.turn, now_s
        self._frames += polled.frames
        await self._answer(publish, polled.turn, polled.events)
        if len(self._frames) >= TAKE_MAX or (
            self._frames and now_s - self._since_s >= TAKE_WITHIN_S
        ):
            more = await self.membership.poll_events(TAKE_MAX)
            await self._answer(publish, more.turn, more.events)
            frames, self._frames = self._frames, []
            await self._judge(publish, self._frames_turn, frames)
        if now_s - self._committed_s >= COMMIT_S:
            self._committed_s = now_s
            self.membership.commit_soon()

    async def _answer(self, publish: Publish, turn: int, events: list[Record]) -> None:
        if not events:
            return
        async with self.membership.lock:
            if turn == self.membership.turn:
                await publish(self._pipeline.events(events))
                self._did(events)

    async def _judge(self, publish: Publish, turn: int, frames: list[Record]) -> None:
        async with self.membership.lock:
            if turn != self.membership.turn:
                return
            await publish(self._pipeline.frames(frames, time.time_ns() // 1_000_000))
            self._did(frames)
            now_ms = time.time_ns() // 1_000_000
            for record in frames:
                self._pipeline.delays.add((now_ms - record.timestamp_ms) / 1000)

    def _did(self, records: list[Record]) -> None:
        self.membership.did(records)
        self.done += len(records)

    async def _change(self) -> None:
        """Take over the partitions that were given, unless the group shares them out anew meanwhile."""
        membership = self.membership
        turn, assigned = membership.turn, set(membership.assigned)
        if lost := self._known - assigned:
            self._leave(lost, membership.partitions)
            self._known -= lost
        if gained := assigned - self._known:
            self.ready = False
            taken = asyncio.create_task(membership.taken.wait())
            restoring = asyncio.ensure_future(self._restore(gained))
            try:
                await asyncio.wait([restoring, taken], return_when=asyncio.FIRST_COMPLETED)
                if turn != membership.turn:
                    return
                await restoring
            finally:
                taken.cancel()
                restoring.cancel()
            self._known |= gained
        await membership.settle()
        if turn == membership.turn:
            self.ready = True
