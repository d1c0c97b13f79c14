"""Sends records with kafka-python: bounded, never blocking who hands them over, re-sent until acknowledged.

kafka-python bounds nothing while brokers are away and drops a record after its delivery time-out, and `send` may block
on metadata. So records wait in memory (queue.py) or on disk (spool/); a thread hands them to a producer, a bounded
number at a time. A producer that gave one up may be in a state that it cannot leave (an idempotent one after a broker lost its
data): it is abandoned, everything it held goes back to the queue at once, and what it still says is not listened to.
A record that it had delivered after all is sent twice, with the same bytes, so with the same identity.

A topic that is missing or forbidden is set aside for a while, and the others go on. A record that Kafka refuses for what
it is would be refused for ever: after the first refusal records go one by one, so that it is known which one it is, and
after the third it is dropped and counted.

A gate may keep a record back, or have it dropped, by its event time (gate.py).
"""

import logging
import threading
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from coldplate.agents.gate import Gate, Verdict
from coldplate.agents.queue import Record, RecordQueue, Waiting
from coldplate.agents.settings import KafkaSettings
from coldplate.wire.refusal import may_write_nothing, reason, words
from coldplate.wire.signature import Signer

with warnings.catch_warnings():
    # kafka-python reads its schemas by a function that Python 3.11 alone calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaProducer
    from kafka.errors import (
        CorruptRecordError,
        InvalidRecordError,
        InvalidTimestampError,
        KafkaError,
        MessageSizeTooLargeError,
        PolicyViolationError,
        RecordListTooLargeError,
        TopicAuthorizationFailedError,
        UnknownTopicOrPartitionError,
        UnsupportedForMessageFormatError,
    )
    from kafka.net.compat import KafkaNetClient
    from kafka.net.inet import KafkaNetSocket

log = logging.getLogger(__name__)

logging.getLogger("kafka").setLevel(logging.CRITICAL)  # it repeats what this file says once

RETRY_S = 0.5
ASIDE_S = 5.0
HOLD_S = 1.0
"""After so long a gate that said "hold" is asked again, though it did not say that it has changed."""

REFUSALS_MAX = 3

TOPIC_MS = 500
"""How long the other topics wait for a look at one that may be missing."""

CLOSE_S = 0.5

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
_OF_TOPIC = (TopicAuthorizationFailedError, UnknownTopicOrPartitionError)
_REFUSALS = (
    CorruptRecordError,
    InvalidRecordError,
    InvalidTimestampError,
    PolicyViolationError,
    UnsupportedForMessageFormatError,
)


class KafkaPublisher:
    """Implements `coldplate.wire.ports.Publisher`.

    Parameters
    ----------
    settings
        How to reach Kafka.
    queue_bytes_max
        Bytes that wait at most, in queue and producer together; what gives way then, queue.py says.
    waiting
        Where records wait instead of such a queue; is closed with this.
    gate
        Asked about each record, frame or event, before it is sent; None lets all pass. It is asked under this
        publisher's lock, so it may take none that is held by whoever calls `gate_changed`.
    signer
        Writes beside a record that it is its source's own; None leaves that out.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        queue_bytes_max: int = 64 << 20,
        waiting: Waiting | None = None,
        gate: Gate | None = None,
        signer: Signer | None = None,
    ) -> None:
        self._settings, self._signer = settings, signer
        self._queue: Waiting = RecordQueue(queue_bytes_max) if waiting is None else waiting
        self._gate = gate
        self._full, self._dropped_told = False, 0
        self._changed = threading.Condition()
        self._producer: Any = None
        self._searching: Any = None
        self._aside_until_s: dict[str, float] = {}
        self._aside_said: dict[str, set[str]] = {}
        self._held_until_s: dict[str, float] = {}
        self._one_by_one = 0
        self._closing = self._closed = False
        self._down = self._known = False
        self._thread = threading.Thread(target=self._send_all, name="publisher", daemon=True)
        self._thread.start()

    def publish(
        self, topic: str, key: bytes, value: bytes, *, urgent: bool = False,
        first_ms: int | None = None,
    ) -> None:  # fmt: skip
        """Take a record for sending; never waits for Kafka."""
        first_ms = time.time_ns() // 1_000_000 if first_ms is None else first_ms
        with self._changed:
            self._queue.put(topic, key, value, urgent=urgent, first_ms=first_ms)
            if self._overflown() > self._dropped_told and not self._full:
                self._full = True
                log.warning(
                    "as much waits for Kafka at %s as may: the oldest are dropped from now on",
                    self._settings.brokers,
                )
            self._changed.notify_all()

    def gate_changed(self) -> None:
        """The gate may say something else about records that it held."""
        with self._changed:
            self._held_until_s.clear()
            self._changed.notify_all()

    def flush(self, timeout_s: float) -> int:
        """Wait until everything taken is acknowledged; returns how many records are not yet."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue.pending == 0, timeout_s)
            return self._queue.pending

    def counts(self) -> Mapping[str, int]:
        """Records `taken`, `acknowledged`, `pending`, `in_flight`, `resent`, `set_aside`, `dropped_REASON`, `unsaved`.

        `unsaved` are those of the pending ones that would be lost if the process ended now. What is on disk adds
        `spool_records` and `spool_bytes`, and `spool_errors`, `spool_bad_segments`, `spool_torn_tails` since the start.
        """
        with self._changed:
            return {**self._queue.counts, **self._queue.now()}

    def close(self, timeout_s: float) -> None:
        """Flush within the time given, then end; what is on disk waits there for the next start."""
        self.flush(timeout_s)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if (client := self._searching) is not None:
            with suppress(RuntimeError):  # it has just ended by itself
                client._manager.call_soon(client._manager.close)  # noqa: SLF001  ends the search
        self._thread.join(CLOSE_S)
        with self._changed:
            self._closed = True
            self._queue.close()
            now = self._queue.now()
        if now["unsaved"]:
            log.warning(
                "%d records were not acknowledged by %s", now["unsaved"], self._settings.brokers
            )
        if saved := now["pending"] - now["unsaved"]:
            log.warning("%d records wait on disk for the next start", saved)

    def _send_all(self) -> None:
        while not self._closing:
            if (producer := self._connected()) is not None:
                while (record := self._next(producer)) is not None:
                    self._hand_over(producer, record)
            with self._changed:
                self._changed.wait_for(lambda: self._closing, RETRY_S)
        with self._changed:
            producer, self._producer = self._producer, None
        if producer is not None:
            _abandon(producer)
            producer._sender.join(CLOSE_S)  # noqa: SLF001  it closes the sockets

    def _connected(self) -> Any:
        """A new producer; None when no broker answers."""

        def client(**options: Any) -> Any:
            self._searching = KafkaNetClient(**options)
            return self._searching

        compression = self._settings.compression
        options = {
            "compression_type": None if compression == "none" else compression, "linger_ms": 20,
            "batch_size": 256 << 10, "max_block_ms": TOPIC_MS, "bootstrap_timeout_ms": 5_000,
            "reconnect_backoff_max_ms": 1_000, "allow_auto_create_topics": False,
            "metrics_enabled": False, "kafka_client": client, "proxy_url": "closing://",
        }  # fmt: skip
        reached: dict[str, Any] = {}
        try:
            reached = self._settings.client_options()
            producer = KafkaProducer(**options | reached)
        except (KafkaError, OSError, ValueError, RuntimeError) as error:
            if self._searching is not None:
                # A producer whose making fails keeps its sockets.
                self._searching.close()
            if not self._closing:
                self._say_down(reason(error, reached) if reached else str(error), known=True)
            return None
        finally:
            self._searching = None
        with self._changed:
            self._producer = producer
        return producer

    def _next(self, producer: Any) -> Record | None:
        """Wait for a record that may be sent; None when closing or the producer was abandoned."""
        with self._changed:
            while producer is self._producer and not self._closing:
                now_s = time.monotonic()
                until_s = {**self._held_until_s, **self._aside_until_s}
                without = {topic: s for topic, s in until_s.items() if now_s < s}
                alone = self._one_by_one > 0 and self._queue.in_flight > 0
                if not alone and (record := self._queue.take(without)) is not None:
                    if self._passes(record):
                        return record
                    continue
                # Nothing is looked at again before something happens, or one of these times has come.
                waits_s = [s - now_s for s in without.values()]
                if not alone and (wait_s := self._queue.wait_s()) is not None:
                    waits_s.append(wait_s)
                self._changed.wait(min(waits_s, default=None))
        return None

    def _passes(self, record: Record) -> bool:
        """Whether the gate lets a record through; otherwise it is dealt with."""
        verdict = Verdict.SEND if self._gate is None else self._gate(record.first_ms)
        if verdict is Verdict.HOLD:
            self._queue.give_back(record)
            self._held_until_s[record.topic] = time.monotonic() + HOLD_S
        elif verdict is Verdict.DROP:
            self._queue.done(record, "dropped_led_by_other")
            self._changed.notify_all()
        return verdict is Verdict.SEND

    def _hand_over(self, producer: Any, record: Record) -> None:
        try:
            producer.partitions_for(record.topic)
        except (KafkaError, ValueError) as error:
            with self._changed:
                if producer is self._producer and not self._closed:
                    self._queue.give_back(record)
                    self._set_aside(producer, record.topic, error)
            return
        try:
            headers = self._signer.headers(record.topic, record.value) if self._signer else []
            future = producer.send(record.topic, record.value, record.key, headers=headers)
        except MessageSizeTooLargeError:
            with self._changed:
                if not self._closed:
                    self._drop_too_large(record)
                self._changed.notify_all()
            return
        except (KafkaError, ValueError) as error:
            self._failed(producer, record, error)
            return
        future.add_callback(lambda _: self._acknowledged(producer, record))
        future.add_errback(lambda error: self._failed(producer, record, error))

    def _acknowledged(self, producer: Any, record: Record) -> None:
        with self._changed:
            if self._closed or producer is not self._producer:
                return
            self._queue.done(record, "acknowledged")
            self._one_by_one = max(0, self._one_by_one - 1)
            if self._aside_until_s.pop(record.topic, None) is not None:
                self._aside_said.pop(record.topic, None)
                log.warning("topic %s takes records again", record.topic)
            if self._down:
                self._down = False
                log.warning("Kafka at %s takes records again", self._settings.brokers)
            if self._full:
                dropped = self._overflown()
                log.warning("%d records were dropped, the oldest", dropped - self._dropped_told)
                self._full, self._dropped_told = False, dropped
            self._changed.notify_all()

    def _failed(self, producer: Any, record: Record, error: Exception) -> None:
        with self._changed:
            if self._closed or producer is not self._producer:
                return
            self._producer = None
            _abandon(producer)
            if isinstance(error, _TOO_LARGE):
                self._drop_too_large(record)
            elif isinstance(error, _OF_TOPIC):
                self._set_aside(producer, record.topic, error)
            elif may_write_nothing(error):
                self._say_down(words(error), known=True)
            elif isinstance(error, _REFUSALS) or type(error) is KafkaError:
                self._refused(record, error)
            else:
                self._say_down(words(error))
            self._queue.counts["resent"] += self._queue.give_back_all()
            self._changed.notify_all()

    def _overflown(self) -> int:
        return self._queue.counts["dropped_queue_full"] + self._queue.counts["dropped_spool_full"]

    def _drop_too_large(self, record: Record) -> None:
        log.warning("a record of %d bytes is larger than Kafka takes", len(record.value))
        self._queue.done(record, "dropped_too_large")

    def _refused(self, record: Record, error: Exception) -> None:
        # Those that were with it in a batch are refused for its sake; the broker has some of them told apart by an
        # error of no kind, and what is said first of a batch is what is heard.
        self._one_by_one = max(self._one_by_one, self._queue.in_flight)
        record.refusals += isinstance(error, _REFUSALS)
        if record.refusals >= REFUSALS_MAX:
            log.warning(
                "topic %s refuses a record for good (%s); it is dropped", record.topic, words(error)
            )
            self._queue.done(record, "dropped_refused")
            self._one_by_one -= 1

    def _set_aside(self, producer: Any, topic: str, error: Exception) -> None:
        # Each reason once: what was late to answer at first may then say that there is no right.
        why, said = words(error, topic), self._aside_said.setdefault(topic, set())
        if why not in said:
            said.add(why)
            log.warning("topic %s does not take records (%s); they wait here", topic, why)
        self._aside_until_s[topic] = time.monotonic() + ASIDE_S
        self._queue.counts["set_aside"] += 1
        # A producer asks for a topic that is missing ten times a second, until it forgets it. The set
        # is not changed but replaced: the producer's own thread may be walking it.
        metadata = producer._metadata  # noqa: SLF001
        metadata._topics = metadata._topics - {topic}  # noqa: SLF001

    def _say_down(self, why: str, *, known: bool = False) -> None:
        # Once, and once more when it is known why: what a producer gave up says no more than that its time was over.
        if not self._closing and (not self._down or (known and not self._known)):
            log.warning(
                "Kafka at %s does not take records (%s); they wait here and are sent again",
                self._settings.brokers, why,
            )  # fmt: skip
            self._down, self._known = True, known


class _Closing(KafkaNetSocket):  # type: ignore[misc]
    """How `closing://` connects: directly, but what cannot connect is closed.

    kafka-python leaves it to the collector of garbage: a descriptor a second while a broker is away.
    """

    SCHEMES = ("closing",)

    async def sock_connect(self, net: Any, sock: Any, *args: Any, **options: Any) -> Any:
        try:
            return await super().sock_connect(net, sock, *args, **options)
        except BaseException:
            sock.close()
            raise


def _abandon(producer: Any) -> None:
    """End a producer without waiting, from any thread.

    Its own `close` waits for every record, and raises without ending anything when one is not acknowledged.
    """
    producer._sender.force_close()  # noqa: SLF001
    producer._closed = True  # noqa: SLF001
    producer.close()
