"""Sends records with kafka-python: bounded in memory, never blocking who hands them over, re-sent until acknowledged.

kafka-python bounds nothing while brokers are away and drops a record after its delivery time-out, and `send` may block
on metadata. So records wait in a queue of our own (queue.py); a thread hands them to a producer, a bounded number at a
time. A producer that gave one up may be in a state that it cannot leave (an idempotent one after a broker lost its
data): it is abandoned, everything it held goes back to the queue at once, and what it still says is not listened to.
A record that it had delivered after all is sent twice, with the same bytes, so with the same identity.

A topic that is missing or forbidden is set aside for a while, and the others go on.
"""

import logging
import threading
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from coldplate.agents.queue import Record, RecordQueue
from coldplate.agents.settings import KafkaSettings

with warnings.catch_warnings():
    # kafka-python reads its schemas by a function that Python 3.11 alone calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaProducer
    from kafka.errors import (
        KafkaError,
        MessageSizeTooLargeError,
        RecordListTooLargeError,
        TopicAuthorizationFailedError,
        UnknownTopicOrPartitionError,
    )
    from kafka.net.compat import KafkaNetClient
    from kafka.net.inet import KafkaNetSocket

log = logging.getLogger(__name__)

logging.getLogger("kafka").setLevel(logging.CRITICAL)  # it repeats what this file says once

RETRY_S = 0.5
ASIDE_S = 5.0
TOPIC_MS = 500
"""How long the other topics wait for a look at one that may be missing."""

CLOSE_S = 0.5

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
_OF_TOPIC = (TopicAuthorizationFailedError, UnknownTopicOrPartitionError)


class KafkaPublisher:
    """Implements `coldplate.wire.ports.Publisher`.

    Parameters
    ----------
    settings
        How to reach Kafka.
    queue_bytes_max
        Bytes that wait at most, in queue and producer together; what gives way then, queue.py says.
    """

    def __init__(self, settings: KafkaSettings, *, queue_bytes_max: int = 64 << 20) -> None:
        self._settings = settings
        self._queue, self._bytes_max = RecordQueue(queue_bytes_max), queue_bytes_max
        self._full, self._dropped_told = False, 0
        self._changed = threading.Condition()
        self._producer: Any = None
        self._searching: Any = None
        self._aside_until_s: dict[str, float] = {}
        self._closing = False
        self._down = False
        self._thread = threading.Thread(target=self._send_all, name="publisher", daemon=True)
        self._thread.start()

    def publish(self, topic: str, key: bytes, value: bytes, *, urgent: bool = False) -> None:
        """Take a record for sending; never blocks."""
        with self._changed:
            self._queue.put(topic, key, value, urgent=urgent)
            if self._queue.counts["dropped_queue_full"] > self._dropped_told and not self._full:
                self._full = True
                log.warning(
                    "%d bytes wait for Kafka at %s, as many as may: the oldest are dropped from now on",
                    self._bytes_max, self._settings.brokers,
                )  # fmt: skip
            self._changed.notify_all()

    def flush(self, timeout_s: float) -> int:
        """Wait until everything taken is acknowledged; returns how many records are not yet."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue.pending == 0, timeout_s)
            return self._queue.pending

    def counts(self) -> Mapping[str, int]:
        """Records `taken`, `acknowledged`, `pending`, `in_flight`, `resent`, `set_aside`, `dropped_REASON`."""
        with self._changed:
            now = {"pending": self._queue.pending, "in_flight": self._queue.in_flight}
            return {**self._queue.counts, **now}

    def close(self, timeout_s: float) -> None:
        """Flush within the time given, then end."""
        left = self.flush(timeout_s)
        if left:
            log.warning("%d records were not acknowledged by %s", left, self._settings.brokers)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if (client := self._searching) is not None:
            with suppress(RuntimeError):  # it has just ended by itself
                client._manager.call_soon(client._manager.close)  # noqa: SLF001  ends the search
        self._thread.join(CLOSE_S)

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
        try:
            producer = KafkaProducer(**options | self._settings.client_options())
        except (KafkaError, OSError, ValueError, RuntimeError) as error:
            if self._searching is not None:
                # A producer whose making fails keeps its sockets.
                self._searching.close()
            self._say_down(error)
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
                aside = [t for t, until_s in self._aside_until_s.items() if now_s < until_s]
                if (record := self._queue.take(aside)) is not None:
                    return record
                self._changed.wait(RETRY_S)
        return None

    def _hand_over(self, producer: Any, record: Record) -> None:
        try:
            producer.partitions_for(record.topic)
        except (KafkaError, ValueError) as error:
            with self._changed:
                if producer is self._producer:
                    self._queue.give_back(record)
                    self._set_aside(producer, record.topic, error)
            return
        try:
            future = producer.send(record.topic, record.value, record.key)
        except MessageSizeTooLargeError:
            with self._changed:
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
            if producer is not self._producer:
                return
            self._queue.done(record, "acknowledged")
            if self._aside_until_s.pop(record.topic, None) is not None:
                log.warning("topic %s takes records again", record.topic)
            if self._down:
                self._down = False
                log.warning("Kafka at %s takes records again", self._settings.brokers)
            if self._full:
                dropped = self._queue.counts["dropped_queue_full"]
                log.warning("%d records were dropped, the oldest", dropped - self._dropped_told)
                self._full, self._dropped_told = False, dropped
            self._changed.notify_all()

    def _failed(self, producer: Any, record: Record, error: Exception) -> None:
        with self._changed:
            if producer is not self._producer:
                return
            self._producer = None
            _abandon(producer)
            if isinstance(error, _TOO_LARGE):
                self._drop_too_large(record)
            elif isinstance(error, _OF_TOPIC):
                self._set_aside(producer, record.topic, error)
            else:
                self._say_down(error)
            self._queue.counts["resent"] += self._queue.give_back_all()
            self._changed.notify_all()

    def _drop_too_large(self, record: Record) -> None:
        log.warning("a record of %d bytes is larger than Kafka takes", len(record.value))
        self._queue.done(record, "dropped_too_large")

    def _set_aside(self, producer: Any, topic: str, error: Exception) -> None:
        if topic not in self._aside_until_s:
            log.warning("topic %s does not take records (%s); they wait here", topic, error)
        self._aside_until_s[topic] = time.monotonic() + ASIDE_S
        self._queue.counts["set_aside"] += 1
        # A producer asks for a topic that is missing ten times a second, until it forgets it. The set
        # is not changed but replaced: the producer's own thread may be walking it.
        metadata = producer._metadata  # noqa: SLF001
        metadata._topics = metadata._topics - {topic}  # noqa: SLF001

    def _say_down(self, error: Exception) -> None:
        if not self._down and not self._closing:
            self._down = True
            log.warning(
                "Kafka at %s does not take records (%s); they wait here and are sent again",
                self._settings.brokers, error,
            )  # fmt: skip


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
