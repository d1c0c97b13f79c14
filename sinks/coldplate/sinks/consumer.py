"""The one place that talks to Kafka: a member of the sink's group with manual commits."""

import logging
import time
import warnings
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from coldplate.sinks.batch import Place, Record
from coldplate.sinks.errors import KafkaAway, MembershipLost
from coldplate.sinks.settings import SinkSettings
from coldplate.wire.refusal import reason
from coldplate.wire.signature import signature_of
from coldplate.wire.tls import tls_context

with warnings.catch_warnings():
    # kafka-python reads its schemas by a function that Python 3.11 alone calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
    from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
    from kafka.errors import (
        CommitFailedError,
        FencedInstanceIdError,
        IllegalGenerationError,
        KafkaError,
        RebalanceInProgressError,
        TopicAuthorizationFailedError,
        UnknownMemberIdError,
    )
    from kafka.structs import OffsetAndMetadata

CALL_MS = 5000
JOIN_MS = 3000
PROBE_MS = 2000
PROBE_S = 5.0
_RETENTION = "retention.ms"
_GONE = (
    CommitFailedError, FencedInstanceIdError, IllegalGenerationError, RebalanceInProgressError,
    UnknownMemberIdError,
)  # fmt: skip

# Whoever uses this says once that Kafka is away; the library says it several times a second.
logging.getLogger("kafka").setLevel(logging.CRITICAL)
log = logging.getLogger(__name__)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes what changed; the loop acts on it after `poll` returned."""

    def __init__(self) -> None:
        self.lost: set[Place] = set()
        self.gained: set[Place] = set()

    def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        places = {(tp.topic, tp.partition) for tp in revoked}
        self.lost |= places
        self.gained -= places

    def on_partitions_lost(self, lost: Iterable[Any]) -> None:
        self.on_partitions_revoked(lost)

    def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        self.gained |= {(tp.topic, tp.partition) for tp in assigned}


class KafkaReader:
    """`coldplate.sinks.ports.Consumer` over kafka-python; connects when first polled.

    Parameters
    ----------
    settings
        Brokers, group, topics.
    """

    def __init__(self, settings: SinkSettings) -> None:
        self._settings = settings
        self._consumer: Any = None
        self._listener = _Listener()
        self._heard_at = time.monotonic()

    def poll(self, timeout_s: float) -> list[Record]:
        """Records that are there within the time; see `Consumer`."""
        consumer = self._connected()
        try:
            polled = consumer.poll(timeout_ms=int(timeout_s * 1000))
            self._end_what_began(consumer)
        except KafkaError as error:
            raise self._away(error) from None
        now_s = time.monotonic()
        if polled:
            self._heard_at = now_s
        elif now_s - self._heard_at > PROBE_S:
            # Kafka away and nothing to read give the same empty answer.
            self._probe()
        return [
            Record(
                r.topic, r.partition, r.offset, r.timestamp, r.value or b"", signature_of(r.headers)
            )
            for records in polled.values()
            for r in records
        ]

    def changes(self) -> tuple[set[Place], set[Place]]:
        """Partitions taken away and given; see `Consumer`."""
        out = (self._listener.lost, self._listener.gained)
        self._listener.lost, self._listener.gained = set(), set()
        return out

    def kafka_id(self) -> str:
        """Kafka's cluster id."""
        found = self._connected()._cluster.cluster_id  # noqa: SLF001
        if not found:
            raise KafkaAway("Kafka's metadata is not here yet")
        return str(found)

    def generation(self) -> int:
        """The group's generation we are of."""
        return int(self._ask("group_metadata").generation_id)

    def topic_id(self, topic: str) -> str:
        """Kafka's id of a topic; brokers before 2.8 have none, and it is the name."""
        consumer = self._connected()
        found = consumer._cluster.topic_id(topic)  # noqa: SLF001
        if found is not None and found.int:
            return str(found)
        if consumer.config["api_version"] >= (2, 8):
            # A token must not be made of the name now and of the id later.
            raise KafkaAway(f"Kafka's metadata of {topic} is not here yet")
        return topic

    def committed(self, place: Place) -> int | None:
        """The group's next offset."""
        return self._ask("committed", TopicPartition(*place), timeout_ms=CALL_MS)  # type: ignore[no-any-return]

    def seek(self, place: Place, offset: int | None) -> None:
        """Go on reading here."""
        at = TopicPartition(*place)
        if offset is None:
            offset = self._ask("beginning_offsets", [at], timeout_ms=CALL_MS)[at]
        self._ask("seek", at, offset)

    def position(self, place: Place) -> int | None:
        """Offset after what `poll` gave."""
        return self._ask("position", TopicPartition(*place), timeout_ms=CALL_MS)  # type: ignore[no-any-return]

    def pause(self, places: Iterable[Place]) -> None:
        """Give no records of these."""
        self._ask("pause", *self._mine(places))

    def resume(self, places: Iterable[Place]) -> None:
        """Give records of these again."""
        self._ask("resume", *self._mine(places))

    def ends(self, places: Iterable[Place]) -> dict[Place, int]:
        """Offset after the newest record of each."""
        wanted = [TopicPartition(*place) for place in places]
        found = self._ask("end_offsets", wanted, timeout_ms=PROBE_MS) if wanted else {}
        return {(tp.topic, tp.partition): int(offset) for tp, offset in found.items()}

    def retention_s(self, topic: str) -> float | None:
        """How long the topic keeps a record; None for ever, or where we may not ask."""
        asked = ConfigResource(ConfigResourceType.TOPIC, topic, {_RETENTION: None})
        try:
            with closing(KafkaAdminClient(**_connection(self._settings))) as admin:
                found = admin.describe_configs([asked], config_filter="all")
        except TopicAuthorizationFailedError:
            log.warning("no right to see how long %s keeps records (DescribeConfigs): nobody is told when they run out", topic)  # fmt: skip
            return None
        except (KafkaError, OSError) as error:
            raise self._away(error) from None
        said = found.get("topic", {}).get(topic, {}).get(_RETENTION, {}).get("value")
        return int(said) / 1000 if said is not None and int(said) >= 0 else None

    def commit(self, offsets: Mapping[Place, int]) -> None:
        """Set the group's next offsets; see `Consumer`."""
        given = {TopicPartition(*p): OffsetAndMetadata(o, "", -1) for p, o in offsets.items()}
        try:
            self._connected().commit(given, timeout_ms=CALL_MS)
        except _GONE:
            raise MembershipLost("the group has moved on") from None
        except KafkaError as error:
            raise self._away(error) from None

    def close(self) -> None:
        """Leave; a static member's partitions wait for its return."""
        if self._consumer is not None:
            self._consumer.close(autocommit=False, timeout_ms=CALL_MS)
            self._consumer = None

    def _away(self, error: BaseException) -> KafkaAway:
        # The next empty poll probes, and so tells whether it is back.
        self._heard_at = -PROBE_S
        try:
            why = reason(error, _connection(self._settings))
        except OSError as unusable:
            why = str(unusable)
        return KafkaAway(f"Kafka at {','.join(self._settings.brokers)}: {why}")

    def _end_what_began(self, consumer: Any) -> None:
        """Wait for the group's answer when the time of a poll was over while we were joining it.

        kafka-python 3.0.12 reads that answer only in the poll in which it comes: later it joins anew, or, when it
        was new metadata that made it join, not at all. The group then counts us in, and we have no partition.
        """
        coordinator = consumer._coordinator  # noqa: SLF001  nothing public tells
        if coordinator.rejoining:
            coordinator.request_rejoin()
            coordinator.ensure_active_group(timeout_ms=JOIN_MS)

    def _mine(self, places: Iterable[Place]) -> list[Any]:
        mine = self._connected().assignment()
        return [tp for p in places if (tp := TopicPartition(*p)) in mine]

    def _ask(self, method: str, *args: Any, **options: Any) -> Any:
        try:
            return getattr(self._connected(), method)(*args, **options)
        except (KafkaError, ValueError) as error:
            # ValueError: no longer ours, which the next poll will say.
            raise self._away(error) from None

    def _probe(self) -> None:
        # Asked of any partition: while the group waits for a member that died, we have none.
        self._ask(
            "end_offsets", [TopicPartition(self._settings.topics.frames, 0)], timeout_ms=PROBE_MS
        )
        self._heard_at = time.monotonic()

    def _connected(self) -> Any:
        if self._consumer is None:
            # In two steps, because one whose making fails keeps its sockets unless it is told.
            consumer = KafkaConsumer.__new__(KafkaConsumer)
            try:
                consumer.__init__(**_options(self._settings))
            except (KafkaError, OSError) as error:
                if (client := getattr(consumer, "_client", None)) is not None:
                    client.close()
                raise self._away(error) from None
            t = self._settings.topics
            topics = (t.frames, t.events, t.anomalies, t.incidents, t.actions, t.baselines)
            consumer.subscribe(topics=topics, listener=self._listener)
            self._consumer = consumer
        return self._consumer


def _options(s: SinkSettings) -> dict[str, Any]:
    return {
        **_connection(s), "group_id": s.group,
        "group_instance_id": s.instance, "enable_auto_commit": False,
        "auto_offset_reset": "earliest", "allow_auto_create_topics": False,
        # A broker gathers for a moment: an answer of a few records costs nearly what one of many does.
        "fetch_max_wait_ms": 100, "fetch_min_bytes": 1 << 20, "max_poll_records": 5000,
        "max_partition_fetch_bytes": 4 << 20, "session_timeout_ms": 10_000,
        # New topics and partitions, and a topic made anew, are seen within this time.
        "metadata_max_age_ms": 30_000, "metrics_enabled": False,
    }  # fmt: skip


def _connection(s: SinkSettings) -> dict[str, Any]:
    encrypted = s.security_protocol.endswith("SSL")
    return {
        "bootstrap_servers": list(s.brokers), "client_id": "coldplate-sink", "bootstrap_timeout_ms": CALL_MS,
        "reconnect_backoff_max_ms": 1000,
        "security_protocol": s.security_protocol, "sasl_mechanism": s.sasl_mechanism,
        "sasl_plain_username": s.sasl_user, "sasl_plain_password": s.sasl_password,
        "ssl_context": tls_context(s.ca_file or "", s.cert_file or "", s.key_file or "") if encrypted else None,
    }  # fmt: skip
