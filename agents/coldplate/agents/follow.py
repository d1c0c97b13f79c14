"""Looks at Kafka from outside: what a topic gets from now on, and how far a group is behind. Joins no group."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

with warnings.catch_warnings():
    # kafka-python reads its schemas by a function that Python 3.11 alone calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
    from kafka.admin import OffsetSpec
    from kafka.errors import KafkaError

from coldplate.agents.settings import KafkaSettings
from coldplate.wire.refusal import reason, words

CALL_MS = 5_000


class NotAnswering(RuntimeError):  # noqa: N818  the broker's state, not a fault of the caller
    """Kafka gave no answer; ask again later."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A record: where, when the broker appended it (Unix milliseconds), and its bytes."""

    topic: str
    timestamp_ms: int
    value: bytes


class Follower:
    """Reads topics from the moment it is made.

    Parameters
    ----------
    settings
        How to reach Kafka.
    topics
        Their names; they must exist.

    Raises
    ------
    NotAnswering
    """

    def __init__(self, settings: KafkaSettings, topics: Sequence[str]) -> None:
        self._topics = ", ".join(topics)
        try:
            self._consumer: Any = KafkaConsumer(
                group_id=None, enable_auto_commit=False, bootstrap_timeout_ms=CALL_MS,
                fetch_max_wait_ms=100, allow_auto_create_topics=False, metrics_enabled=False,
                **settings.client_options(),
            )  # fmt: skip
            places = [
                TopicPartition(topic, p)
                for topic in topics
                for p in sorted(self._consumer.partitions_for_topic(topic) or ())
            ]
            self._consumer.assign(places)
            # Positions are fixed now: what comes after this line is seen.
            for place, offset in self._consumer.end_offsets(places, timeout_ms=CALL_MS).items():
                self._consumer.seek(place, offset)
        except (KafkaError, OSError) as error:
            why = reason(error, settings.client_options())
            raise NotAnswering(f"Kafka at {settings.brokers}: {why}") from None

    def poll(self, timeout_s: float) -> list[Seen]:
        """Records that came within the time.

        Raises
        ------
        NotAnswering
        """
        try:
            polled = self._consumer.poll(timeout_ms=int(1000 * timeout_s))
        except (KafkaError, OSError) as error:
            raise NotAnswering(words(error, self._topics)) from None
        return [
            Seen(r.topic, r.timestamp, r.value or b"")
            for records in polled.values()
            for r in records
        ]

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close(timeout_ms=CALL_MS)


class Lag:
    """How many records of a topic each of some groups has not committed yet.

    Parameters
    ----------
    settings
        How to reach Kafka.
    topic
        Which.
    groups
        Their ids.

    Raises
    ------
    NotAnswering
    """

    def __init__(self, settings: KafkaSettings, topic: str, groups: Sequence[str]) -> None:
        self._topic, self._groups = topic, list(groups)
        try:
            self._admin: Any = KafkaAdminClient(
                bootstrap_timeout_ms=CALL_MS, **settings.client_options()
            )
            self._partitions = len(self._admin.describe_topics([topic])[0]["partitions"])
        except LookupError:
            raise NotAnswering(f"Kafka at {settings.brokers} has no topic {topic}") from None
        except (KafkaError, OSError) as error:
            why = reason(error, settings.client_options(), topic)
            raise NotAnswering(f"Kafka at {settings.brokers}: {why}") from None

    def records(self) -> dict[str, int]:
        """By group; a group that has committed nothing yet is behind by everything.

        Raises
        ------
        NotAnswering
        """
        places = [TopicPartition(self._topic, p) for p in range(self._partitions)]
        try:
            ends = self._admin.list_partition_offsets(
                dict.fromkeys(places, OffsetSpec.LATEST), timeout_ms=CALL_MS
            )
            starts = self._admin.list_partition_offsets(
                dict.fromkeys(places, OffsetSpec.EARLIEST), timeout_ms=CALL_MS
            )
            committed = self._admin.list_group_offsets(self._groups)
        except (KafkaError, OSError) as error:
            raise NotAnswering(words(error)) from None
        out = {}
        for group in self._groups:
            at = committed.get(group, {})
            out[group] = sum(
                max(0, ends[p].offset - (at[p].offset if p in at else starts[p].offset))
                for p in places
            )
        return out

    def committed(self) -> dict[str, int]:
        """By group: the sum of its committed offsets, which grows while it works.

        Raises
        ------
        NotAnswering
        """
        try:
            found = self._admin.list_group_offsets(self._groups)
        except (KafkaError, OSError) as error:
            raise NotAnswering(words(error)) from None
        return {
            group: sum(
                at.offset
                for place, at in found.get(group, {}).items()
                if place.topic == self._topic
            )
            for group in self._groups
        }

    def close(self) -> None:
        """Let go of the connection."""
        self._admin.close()
