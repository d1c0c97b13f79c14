"""The cluster detector's process: findings of all workers in, incidents of the cluster out.

One of its group is at work, the one that has the topic's only partition; others stand by. What was published before is
read when the partition is given (joining.py says how the rest follows from that); effects are in Kafka before the offset
is committed.
"""

import asyncio
import contextlib
import logging
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from coldplate.streams.cluster.joining import REPLAY_MS, Joiner
from coldplate.streams.cluster.sums import Sums
from coldplate.streams.connection import client_options
from coldplate.streams.ending import or_end
from coldplate.streams.looking_back import between, last_of_each, partitions_of, reading
from coldplate.streams.settings import WorkerSettings
from coldplate.wire.codec import decode, encode
from coldplate.wire.delays import Delays
from coldplate.wire.errors import Reason, WireError
from coldplate.wire.incident import Anomaly, Incident
from coldplate.wire.inventory import Inventory
from coldplate.wire.refusal import reason
from coldplate.wire.totals import Totals

log = logging.getLogger(__name__)

POLL_S = 0.2
AGAIN_S = 1.0
TELL_S = 1.0


def run_cluster_detector(
    settings: WorkerSettings,
    inventory: Inventory | None = None,
    on_stats: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Run until SIGTERM or SIGINT.

    Parameters
    ----------
    settings
        As a worker's; the group is the cluster detectors'.
    inventory
        Says what stands in what.
    on_stats
        Called about once a second with counts.
    """
    asyncio.run(_run(ClusterDetector(settings, inventory), on_stats))


async def _run(
    detector: "ClusterDetector", on_stats: Callable[[dict[str, Any]], None] | None
) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, detector.stop)

    async def tell() -> None:
        while True:
            if on_stats is not None:
                on_stats(detector.stats())
            await asyncio.sleep(TELL_S)

    telling = asyncio.create_task(tell())
    try:
        await detector.run()
    finally:
        telling.cancel()


class ClusterDetector(ConsumerRebalanceListener):  # type: ignore[misc]
    """Reads findings and racks' sums, publishes incidents.

    Parameters
    ----------
    settings, inventory
        See `run_cluster_detector`.
    """

    def __init__(self, settings: WorkerSettings, inventory: Inventory | None) -> None:
        self._settings, self._inventory = settings, inventory
        self._consumer: Any = None
        self._producer: Any = None
        self._over = asyncio.Event()
        self._known = False
        """Whether what was published before is known; not while the partition is another's."""
        self._given = False
        """Whether the findings are ours to work on; nothing of them is read before `_known`."""
        self._lock = asyncio.Lock()
        self._away = False
        self.rejected: Counter[str] = Counter()
        self.joiner, self.sums = Joiner(inventory), Sums(settings.cluster, inventory)
        self.delays = Delays()

    def stop(self) -> None:
        """End after what is worked on."""
        self._over.set()

    def stats(self) -> dict[str, Any]:
        """Counts as one flat object."""
        counts = self.joiner.counts
        return {
            "findings": counts["findings"], "repeated": counts["repeated"], "joined": counts["joined"],
            "open_incidents": self.joiner.open_incidents, "sums": self.sums.count,
            "workers": self.sums.workers, "rejected": dict(self.rejected),
            "at_work": int(self._known), "delay": self.delays.as_dict(),
        }  # fmt: skip

    async def run(self) -> None:
        """Work until `stop`, whatever Kafka does meanwhile."""
        with or_end():
            while not self._over.is_set():
                try:
                    await self._connect()
                    while not self._over.is_set():
                        await self._turn()
                except (KafkaError, OSError) as error:
                    await self._wait_for_kafka(error)
        await self._disconnect()

    async def _wait_for_kafka(self, error: Exception) -> None:
        if not self._away:
            why = await asyncio.to_thread(reason, error, client_options(self._settings))
            log.warning("Kafka at %s does not answer (%s); waiting", self._settings.brokers, why)
        self._away = True
        await self._disconnect()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), AGAIN_S)

    async def _connect(self) -> None:
        s = self._settings
        self._producer = AIOKafkaProducer(
            **client_options(s), acks="all", enable_idempotence=True, compression_type="lz4"
        )
        await self._producer.start()
        self._consumer = AIOKafkaConsumer(
            **client_options(s), client_id="coldplate-cluster", group_id=s.group, group_instance_id=s.instance,
            enable_auto_commit=False, auto_offset_reset="earliest",
            session_timeout_ms=int(1000 * s.session_s), heartbeat_interval_ms=int(200 * s.session_s),
        )  # fmt: skip
        await self._consumer.start()
        self._consumer.subscribe([s.topics.findings, s.topics.racks], listener=self)
        if self._away:
            log.warning("Kafka answers again")
        self._away = False

    async def _disconnect(self) -> None:
        self._given = self._known = False
        for client in (self._consumer, self._producer):
            if client is not None:
                with contextlib.suppress(KafkaError, OSError, TimeoutError):
                    await asyncio.wait_for(client.stop(), 2.0)
        self._consumer = self._producer = None

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """What is worked on is finished first; then another may be at work."""
        async with self._lock:
            if revoked:
                self._given = self._known = False

    def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Nothing is read before what was published by who was at work before us: see `_restore`."""
        assigned = set(assigned)
        self._consumer.pause(*assigned)
        self._given = any(tp.topic == self._settings.topics.findings for tp in assigned)

    async def _restore(self) -> None:
        """Where who was at work before us stood; then read on from what he committed."""
        async with self._lock:
            if not self._given or self._known:
                return
            joiner = Joiner(self._inventory)
            async with reading(self._settings) as consumer:
                joiner.know(await last_of_each(consumer, self._settings.topics.incidents))
                joiner.replay(await self._published(consumer))
            joiner.counts = self.joiner.counts
            self.joiner, self._known = joiner, True
            self._consumer.resume(*self._consumer.assignment())
        log.info("at work; %d incidents are open", joiner.open_incidents)

    async def _published(self, consumer: AIOKafkaConsumer) -> list[Incident]:
        """Findings before the offset that is committed, of the last hours."""
        topic, out = self._settings.topics.findings, []
        since_ms = time.time_ns() // 1_000_000 - REPLAY_MS
        for partition in sorted(await partitions_of(consumer, topic)):
            tp = TopicPartition(topic, partition)
            committed = await consumer.committed(tp)
            found = (await consumer.offsets_for_times({tp: since_ms}))[tp]
            if committed is None or found is None:
                continue
            async for message in between(consumer, tp, found.offset, committed):
                with contextlib.suppress(WireError):
                    out.append(decode(Incident, message.value or b""))
        return out

    async def _turn(self) -> None:
        await self._restore()
        got = await self._consumer.getmany(timeout_ms=int(1000 * POLL_S), max_records=500)
        if not got:
            return
        async with self._lock:
            if not self._known:
                return
            for tp, messages in got.items():
                for message in messages:
                    await self._work(tp.topic, message)
            done = {tp: messages[-1].offset + 1 for tp, messages in got.items() if messages}
            try:
                await self._consumer.commit(done)
            except (CommitFailedError, IllegalStateError):
                log.info("another is at work now; what was read last is read again")

    async def _work(self, topic: str, message: Any) -> None:
        """One record, and its effects into Kafka."""
        findings = topic == self._settings.topics.findings
        anomalies: list[Anomaly] = []
        try:
            if findings:
                found = [_ours(decode(Incident, message.value or b""), self._settings.cluster)]
            else:
                anomalies, found = self.sums.take(decode(Totals, message.value or b""))
        except WireError as error:
            self.rejected[error.reason.value] += 1
            return
        topics = self._settings.topics
        sends = [(topics.anomalies, b"", encode(a)) for a in anomalies]
        for finding in found:
            sends += [(topics.incidents, i.id.encode(), encode(i)) for i in self.joiner.take(finding)]  # fmt: skip
        handed = [await self._producer.send(t, value=v, key=k or None) for t, k, v in sends]
        if handed:
            await asyncio.gather(*handed)
        if findings:
            self.delays.add((time.time_ns() // 1_000_000 - message.timestamp) / 1000)


def _ours(finding: Incident, cluster: str) -> Incident:
    """The finding, of our cluster.

    Raises
    ------
    WireError
        It is of another.
    """
    if finding.cluster != cluster:
        raise WireError(Reason.WRONG_CLUSTER, f"a finding of cluster {finding.cluster!r}")
    return finding
