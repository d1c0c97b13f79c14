"""The one place of the alerter that talks to Kafka: reads topics whole, from offsets that the alerter keeps itself.

No group: what was read up to an offset is in the alerter's own books, written in one step with what followed from it.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from coldplate.sinks.batch import Record
from coldplate.sinks.errors import KafkaAway
from coldplate.wire.refusal import reason

with warnings.catch_warnings():
    # kafka-python reads its schemas by a function that Python 3.11 alone calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaConsumer, TopicPartition
    from kafka.errors import KafkaError

CALL_MS = 5_000
Offsets = Mapping[tuple[str, int], int]
"""Next offset by (topic's id, partition): a topic made anew under its name has another id, and is read from its beginning."""


class Place(NamedTuple):
    """A partition, and the id of its topic."""

    topic: str
    partition: int
    topic_id: str


class TopicReader:
    """Reads topics; connects when first polled, and anew after a failure.

    Parameters
    ----------
    options
        Of kafka-python's clients: brokers, security.
    topics
        Their names; they must exist.
    offsets
        Where to go on; what is not there is read from its oldest record.
    """

    def __init__(self, options: Mapping[str, Any], topics: Sequence[str], offsets: Offsets) -> None:
        self._options, self._topics = dict(options), tuple(topics)
        self._next = dict(offsets)
        self._consumer: Any = None
        self._places: dict[tuple[str, int], Place] = {}

    @property
    def offsets(self) -> Offsets:
        """After what `poll` gave."""
        return dict(self._next)

    def poll(self, timeout_s: float) -> list[Record]:
        """Records that are there within the time, in the order of each partition.

        Raises
        ------
        KafkaAway
        """
        try:
            polled = self._connected().poll(timeout_ms=int(timeout_s * 1000))
        except (KafkaError, OSError) as error:
            self.close()
            raise KafkaAway(self._why(error)) from None
        out: list[Record] = []
        for tp, records in polled.items():
            place = self._places[tp.topic, tp.partition]
            out += [Record(r.topic, r.partition, r.offset, r.timestamp, r.value or b"") for r in records]  # fmt: skip
            self._next[place.topic_id, place.partition] = records[-1].offset + 1
        return out

    def behind(self) -> int:
        """How many records are there that `poll` has not given.

        Raises
        ------
        KafkaAway
        """
        try:
            places = [TopicPartition(p.topic, p.partition) for p in self._assigned()]
            ends = self._connected().end_offsets(places, timeout_ms=CALL_MS)
            begins = self._connected().beginning_offsets(places, timeout_ms=CALL_MS)
        except (KafkaError, OSError) as error:
            self.close()
            raise KafkaAway(self._why(error)) from None
        left = 0
        for place in self._places.values():
            tp = TopicPartition(place.topic, place.partition)
            at = self._next.get((place.topic_id, place.partition), begins[tp])
            left += max(0, ends[tp] - max(at, begins[tp]))
        return left

    def close(self) -> None:
        """Let go of the connection."""
        if self._consumer is not None:
            self._consumer.close(autocommit=False, timeout_ms=CALL_MS)
            self._consumer = None

    def _assigned(self) -> list[Place]:
        self._connected()
        return list(self._places.values())

    def _connected(self) -> Any:
        if self._consumer is not None:
            return self._consumer
        # In two steps, because one whose making fails keeps its sockets unless it is told.
        consumer: Any = KafkaConsumer.__new__(KafkaConsumer)
        try:
            consumer.__init__(
                group_id=None, enable_auto_commit=False, auto_offset_reset="earliest",
                allow_auto_create_topics=False, fetch_max_wait_ms=100, metrics_enabled=False,
                bootstrap_timeout_ms=CALL_MS, reconnect_backoff_max_ms=1000, **self._options,
            )  # fmt: skip
            self._assign(consumer)
        except (KafkaError, OSError, KafkaAway):
            if getattr(consumer, "_client", None) is not None:
                consumer.close(autocommit=False, timeout_ms=CALL_MS)
            raise
        self._consumer = consumer
        return consumer

    def _assign(self, consumer: Any) -> None:
        places: dict[tuple[str, int], Place] = {}
        for topic in self._topics:
            partitions = consumer.partitions_for_topic(topic)
            if not partitions:
                raise KafkaAway(
                    f"no topic {topic}, or no right to it: `coldplate topics create` makes it,"
                    " `coldplate topics acls` lists what each part needs"
                )
            found = consumer._cluster.topic_id(topic)  # noqa: SLF001  nothing public tells
            topic_id = str(found) if found is not None and found.int else topic
            places |= {(topic, p): Place(topic, p, topic_id) for p in sorted(partitions)}
        consumer.assign([TopicPartition(*tp) for tp in places])
        for tp, place in places.items():
            at = self._next.get((place.topic_id, place.partition))
            if at is None:
                consumer.seek_to_beginning(TopicPartition(*tp))
            else:
                consumer.seek(TopicPartition(*tp), at)
        self._places = places

    def _why(self, error: BaseException) -> str:
        if isinstance(error, KafkaAway):
            return str(error)
        brokers = ",".join(self._options["bootstrap_servers"])
        return f"Kafka at {brokers}: {reason(error, self._options, ', '.join(self._topics))}"
