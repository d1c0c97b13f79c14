"""Looks at Kafka from outside: what a topic gets from now on, and how far a group is behind. Joins no group."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

with warnings.catch_warnings():
    # kafka-python reads its schemas by a function that Python 3.11 alone calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
    from kafka.admin import OffsetSpec
    from kafka.errors import (
        CoordinatorNotAvailableError,
        KafkaError,
        UnknownTopicOrPartitionError,
        for_code,
    )

from coldplate.agents.settings import KafkaSettings
from coldplate.wire.refusal import reason, words

CALL_MS = 5_000
AGAIN_S = 0.1


class NotAnswering(RuntimeError):  # noqa: N818  the broker's state, not a fault of the caller
    """Kafka gave no answer; ask again later."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A record: where, when the broker appended it (Unix milliseconds), and its bytes."""

    topic: str
    timestamp_ms: int
    value: bytes


class Follower:
    """Reads topics from the moment it is made, or from an earlier one.

    Parameters
    ----------
    settings
        How to reach Kafka.
    topics
        Their names; they must exist.
    since_ms
        Unix milliseconds, by the broker's clock: records that it appended from then on come too.

    Raises
    ------
    NotAnswering
    """

    def __init__(
        self, settings: KafkaSettings, topics: Sequence[str], since_ms: int | None = None
    ) -> None:
        self._topics = ", ".join(topics)
        try:
            self._consumer: Any = KafkaConsumer(
                group_id=None, enable_auto_commit=False, bootstrap_timeout_ms=CALL_MS,
                fetch_max_wait_ms=100, allow_auto_create_topics=False, metrics_enabled=False,
                **settings.client_options(),
            )  # fmt: skip
            try:
                self._begin(topics, since_ms)
            except BaseException:
                self.close()
                raise
        except (KafkaError, OSError) as error:
            why = reason(error, settings.client_options(), self._topics)
            raise NotAnswering(f"Kafka at {settings.brokers}: {why}") from None

    def _begin(self, topics: Sequence[str], since_ms: int | None) -> None:
        places = []
        for topic in topics:
            partitions = self._consumer.partitions_for_topic(topic)
            if not partitions:
                # Or it would never be heard, and nobody would notice.
                raise UnknownTopicOrPartitionError(topic)
            places += [TopicPartition(topic, p) for p in sorted(partitions)]
        self._consumer.assign(places)
        # Positions are fixed now: what comes after this line is seen.
        begin = self._consumer.end_offsets(places, timeout_ms=CALL_MS)
        if since_ms is not None:
            found = self._consumer.offsets_for_times(
                dict.fromkeys(places, since_ms), timeout_ms=CALL_MS
            )
            begin |= {place: at.offset for place, at in found.items() if at is not None}
        for place, offset in begin.items():
            self._consumer.seek(place, offset)

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
            try:
                self._partitions = self._count_partitions()
            except BaseException:
                self.close()
                raise
        except (KafkaError, OSError) as error:
            why = reason(error, settings.client_options(), topic)
            raise NotAnswering(f"Kafka at {settings.brokers}: {why}") from None

    def _count_partitions(self) -> int:
        found = self._admin.describe_topics([self._topic])[0]
        if found["error_code"]:
            # A topic that is not there has no partitions, and of none nobody is ever behind.
            raise for_code(found["error_code"])(self._topic)
        return len(found["partitions"])

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
            committed = self._offsets()
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
            found = self._offsets()
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

    def first_since(self, at_ms: int) -> int | None:
        """When the brokers appended the topic's first record at or after a moment, Unix milliseconds; None: there is none.

        Raises
        ------
        NotAnswering
        """
        places = [TopicPartition(self._topic, p) for p in range(self._partitions)]
        try:
            found = self._admin.list_partition_offsets(
                dict.fromkeys(places, at_ms), timeout_ms=CALL_MS
            )
        except (KafkaError, OSError) as error:
            raise NotAnswering(words(error)) from None
        return min((int(at.timestamp) for at in found.values() if at.offset >= 0), default=None)

    def _offsets(self) -> dict[str, Any]:
        """A cluster that is asked for a group for the first time makes the topic of all groups' offsets first."""
        deadline_s = time.monotonic() + CALL_MS / 1000
        while True:
            try:
                return dict(self._admin.list_group_offsets(self._groups))
            except CoordinatorNotAvailableError:
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(AGAIN_S)

    def close(self) -> None:
        """Let go of the connection."""
        self._admin.close()
