"""Reads and writes the lease's log, `coldplate.plant`, with kafka-python. Joins no group and commits nothing.

What is written counts only when it is read again, so a record that is not acknowledged is not sent anew: the next one
says the same. kafka-python's own retries would let a claim of long ago into the log.
"""

import logging
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

# Importing it makes `closing://` known, by which a socket that cannot connect is closed.
from coldplate.agents import publisher as publisher  # noqa: PLC0414
from coldplate.agents.follow import NotAnswering
from coldplate.agents.settings import KafkaSettings
from coldplate.wire.errors import WireError
from coldplate.wire.lease import LeaseRecord, decode_lease, encode_lease
from coldplate.wire.refusal import reason, words

with warnings.catch_warnings():
    # kafka-python reads its schemas by a function that Python 3.11 alone calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition
    from kafka.errors import KafkaError
    from kafka.net.compat import KafkaNetClient

log = logging.getLogger(__name__)

CALL_MS = 1_000
START_MS = 2_000

BACK_S = 48 * 3600
"""How far back is read at the start: as far as ticks may still be spooled, for readers refuse older ones."""

_LOG_APPEND_TIME = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A record of the plant's members; `offset` and `at_ms` are the broker's."""

    offset: int
    at_ms: int
    record: LeaseRecord


class LeaseLog:
    """The log of one plant.

    Parameters
    ----------
    settings
        How to reach Kafka.
    topic
        Its name; it must exist, have one partition, and be stamped by the broker.
    plant
        Records of others are passed over.

    Raises
    ------
    NotAnswering
        When no broker answers or the topic is missing.
    """

    def __init__(self, settings: KafkaSettings, topic: str, plant: str) -> None:
        self._topic, self._plant = topic, plant
        self._place = TopicPartition(topic, 0)
        self._clients: list[Any] = []
        shared = {
            "bootstrap_timeout_ms": START_MS, "reconnect_backoff_max_ms": 1_000,
            "allow_auto_create_topics": False, "metrics_enabled": False,
            "proxy_url": "closing://", "kafka_client": self._client,
        } | settings.client_options()  # fmt: skip
        self._consumer: Any = None
        self._producer: Any = None
        try:
            self._consumer = KafkaConsumer(
                group_id=None, enable_auto_commit=False, auto_offset_reset="none",
                fetch_max_wait_ms=500, request_timeout_ms=5_000, **shared,
            )  # fmt: skip
            self._producer = KafkaProducer(
                acks="all", enable_idempotence=False, retries=0, linger_ms=0, max_block_ms=500,
                max_in_flight_requests_per_connection=1, request_timeout_ms=2_000,
                delivery_timeout_ms=3_000, **shared,
            )  # fmt: skip
            self.whole = self._seek()
        except (KafkaError, OSError, ValueError, RuntimeError) as error:
            self.close()
            why = reason(error, settings.client_options(), topic)
            raise NotAnswering(f"Kafka at {settings.brokers}: {why}") from None

    def poll(self, timeout_s: float) -> Sequence[Entry]:
        """Records that came within the time.

        Raises
        ------
        NotAnswering
            When the log is not the one that was read before, or cannot be read; open it anew.
        """
        try:
            polled = self._consumer.poll(timeout_ms=int(1000 * timeout_s))
        except (KafkaError, OSError) as error:
            raise NotAnswering(f"{self._topic}: {words(error, self._topic)}") from None
        out = []
        for record in polled.get(self._place, ()):
            if record.timestamp_type != _LOG_APPEND_TIME:
                raise NotAnswering(
                    f"{self._topic} is stamped by its writers; set its message.timestamp.type to LogAppendTime"
                )
            if record.key != self._plant.encode():
                continue
            try:
                out.append(
                    Entry(record.offset, record.timestamp, decode_lease(record.value or b""))
                )
            except WireError as error:
                log.warning("%s offset %d is passed over: %s", self._topic, record.offset, error)
        return out

    def at_end(self) -> bool:
        """Whether the broker answers just now, and has nothing that was not read.

        Raises
        ------
        NotAnswering
            When the log is shorter than what was read of it.
        """
        with suppress(KafkaError, OSError):
            end = self._consumer.end_offsets([self._place], timeout_ms=CALL_MS)[self._place]
            position = self._consumer.position(self._place, timeout_ms=CALL_MS)
            if position is None:
                return False
            if end < position:
                raise NotAnswering(f"{self._topic} was made anew")
            return bool(end == position)
        return False

    def write(self, record: LeaseRecord) -> None:
        """Hand a record over; whether it counts shows when it is read."""
        with suppress(KafkaError, ValueError):
            self._producer.send(
                self._topic, encode_lease(record), self._plant.encode(), partition=0
            )

    def close(self) -> None:
        """Let go of the connections; may be called twice."""
        if self._producer is not None:
            self._producer._sender.force_close()  # noqa: SLF001  its own close waits for what Kafka does not answer
            with suppress(KafkaError, OSError, RuntimeError):
                self._producer.close(timeout=1)
        if self._consumer is not None:
            with suppress(KafkaError, OSError, RuntimeError):
                self._consumer.close(timeout_ms=CALL_MS)
        for client in self._clients:
            # One whose making fails keeps its sockets.
            with suppress(KafkaError, OSError, RuntimeError):
                client.close()
        self._clients = []

    def _client(self, **options: Any) -> Any:
        self._clients.append(KafkaNetClient(**options))
        return self._clients[-1]

    def _seek(self) -> bool:
        """Go to where reading begins; whether that is the very beginning of the log."""
        places = [self._place]
        partitions = self._consumer.partitions_for_topic(self._topic)
        if partitions != {0}:
            raise ValueError(
                f"topic {self._topic} must exist and have one partition: `coldplate topics create` makes it, `coldplate topics acls`"
                " lists who needs a right to it"
            )
        self._consumer.assign(places)
        first = self._consumer.beginning_offsets(places, timeout_ms=START_MS)[self._place]
        back_ms = int(1000 * (time.time() - BACK_S))
        found = self._consumer.offsets_for_times({self._place: back_ms}, timeout_ms=START_MS)
        at = found.get(self._place)
        end = self._consumer.end_offsets(places, timeout_ms=START_MS)[self._place]
        start = end if at is None else at.offset
        self._consumer.seek(self._place, start)
        return bool(first == 0 and start == 0)
