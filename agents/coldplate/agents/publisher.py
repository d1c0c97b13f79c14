"""Sends records with kafka-python: bounded in memory, never blocking who hands them over, re-sent until acknowledged.

kafka-python bounds nothing while brokers are away and drops a record after its delivery time-out, and `send` may block
on metadata. So records wait in a queue of our own, bounded in bytes; a thread of its own hands them to the producer, no
more at a time than a bound; and what the producer gives up comes back to the head of the queue with the same bytes, so
with the same identity.
"""

import logging
import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError

from coldplate.agents.settings import KafkaSettings

log = logging.getLogger(__name__)

logging.getLogger("kafka").setLevel(logging.CRITICAL)  # it repeats what this file says once

IN_FLIGHT_MAX = 4000
"""Records handed to the producer and not yet acknowledged."""

RETRY_S = 0.5


@dataclass(slots=True, eq=False)
class _Item:
    number: int
    topic: str
    key: bytes
    value: bytes
    urgent: bool


class KafkaPublisher:
    """Implements `coldplate.wire.ports.Publisher`.

    Parameters
    ----------
    settings
        How to reach Kafka.
    queue_bytes_max
        Bytes that wait at most, in queue and producer together; beyond it the oldest are dropped and counted.
    """

    def __init__(self, settings: KafkaSettings, *, queue_bytes_max: int = 64 << 20) -> None:
        self._settings, self._bytes_max = settings, queue_bytes_max
        self._queues: dict[bool, deque[_Item]] = {True: deque(), False: deque()}
        self._in_flight: dict[_Item, None] = {}
        self._returned: list[_Item] = []
        self._bytes = 0
        self._counts: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._closing = False
        self._ended = False
        self._down = False
        self._spoilt = False
        self._thread = threading.Thread(target=self._send_all, name="publisher", daemon=True)
        self._thread.start()

    def publish(self, topic: str, key: bytes, value: bytes, *, urgent: bool = False) -> None:
        """Take a record for sending; never blocks."""
        with self._changed:
            self._queues[urgent].append(_Item(self._counts["taken"], topic, key, value, urgent))
            self._bytes += len(value)
            self._counts["taken"] += 1
            while self._bytes > self._bytes_max and (old := self._oldest()) is not None:
                self._bytes -= len(old.value)
                self._counts["dropped_queue_full"] += 1
            self._changed.notify_all()

    def flush(self, timeout_s: float) -> int:
        """Wait until everything taken is acknowledged; returns how many records are not yet."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending() == 0, timeout_s)
            return self._pending()

    def counts(self) -> Mapping[str, int]:
        """Records `taken`, `acknowledged`, `pending`, `resent`, `dropped_REASON`."""
        with self._changed:
            return {**self._counts, "pending": self._pending()}

    def close(self, timeout_s: float) -> None:
        """Flush within the time given, then end."""
        left = self.flush(timeout_s)
        if left:
            log.warning("%d records were not acknowledged by %s", left, self._settings.brokers)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout=10.0)

    def _pending(self) -> int:
        queued = sum(len(q) for q in self._queues.values())
        return queued + len(self._in_flight) + len(self._returned)

    def _oldest(self) -> _Item | None:
        """What is given up first: the oldest ordinary record, then the oldest urgent one."""
        self._put_back()
        for urgent in (False, True):
            if self._queues[urgent]:
                return self._queues[urgent].popleft()
        return None

    def _put_back(self) -> None:
        """What the producer gave up goes to the heads of the queues, in the order it was taken."""
        for item in sorted(self._returned, key=lambda i: -i.number):
            self._queues[item.urgent].appendleft(item)
        self._returned.clear()

    def _send_all(self) -> None:
        producer: Any = None
        while (item := self._next()) is not None:
            while not self._closing:
                if producer is None or self._spoilt:
                    producer = self._renewed(producer)
                if producer is not None and self._hand_over(producer, item):
                    break
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, RETRY_S)
        if producer is not None:
            producer.close(timeout=1.0)

    def _next(self) -> _Item | None:
        """The next record, urgent ones first; it counts as in flight. None when closing."""
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._closing
                    or (
                        len(self._in_flight) < IN_FLIGHT_MAX
                        and (self._returned or any(self._queues.values()))
                    )
                )
            )
            if self._closing:
                return None
            self._put_back()
            item = (self._queues[True] or self._queues[False]).popleft()
            self._in_flight[item] = None
            return item

    def _renewed(self, old: Any) -> Any:
        """A new producer, None while no broker answers; the old one's records come back through their futures."""
        self._spoilt = False
        if old is not None:
            old.close(timeout=0)
        compression = self._settings.compression
        try:
            return KafkaProducer(
                compression_type=None if compression == "none" else compression,
                linger_ms=20, batch_size=256 << 10, max_block_ms=5_000, bootstrap_timeout_ms=5_000,
                reconnect_backoff_max_ms=1_000, allow_auto_create_topics=False,
                **self._settings.client_options(),
            )  # fmt: skip
        except (KafkaError, OSError) as error:
            self._say_down(error)
            return None

    def _hand_over(self, producer: Any, item: _Item) -> bool:
        """Whether the producer took it, or it can never be sent."""
        try:
            future = producer.send(item.topic, item.value, item.key)
        except MessageSizeTooLargeError:
            log.exception("a record of %d bytes is larger than Kafka takes", len(item.value))
            self._done(item, "dropped_too_large")
            return True
        except (KafkaError, OSError) as error:
            self._say_down(error)
            return False
        future.add_callback(lambda _: self._acknowledged(item))
        future.add_errback(lambda error: self._failed(item, error))
        return True

    def _acknowledged(self, item: _Item) -> None:
        if self._down:
            self._down = False
            log.warning("Kafka at %s takes records again", self._settings.brokers)
        self._done(item, "acknowledged")

    def _failed(self, item: _Item, error: Exception) -> None:
        if isinstance(error, MessageSizeTooLargeError):
            self._done(item, "dropped_too_large")
            return
        self._say_down(error)
        with self._changed:
            if self._in_flight.pop(item, item) is item:
                return
            self._returned.append(item)
            self._counts["resent"] += 1
            # A producer that failed a record may be in a state it cannot leave (an idempotent one
            # after a broker lost its data): start over.
            self._spoilt = True
            self._changed.notify_all()

    def _done(self, item: _Item, count: str) -> None:
        with self._changed:
            if item in self._in_flight:
                del self._in_flight[item]
                self._bytes -= len(item.value)
                self._counts[count] += 1
            self._changed.notify_all()

    def _say_down(self, error: Exception) -> None:
        if not self._down:
            self._down = True
            log.warning(
                "Kafka at %s does not take records (%s); they wait here and are sent again",
                self._settings.brokers, error,
            )  # fmt: skip
