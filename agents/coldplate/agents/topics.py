"""Makes the topics, as `coldplate topics create` and the local stack do; nothing else ever creates one."""

import logging
import warnings
from collections.abc import Sequence
from typing import Any

from coldplate.agents.settings import KafkaSettings
from coldplate.wire.topic import TopicSpec

with warnings.catch_warnings():
    # kafka-python reads its schemas by a function that Python 3.11 alone calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient
    from kafka.admin import NewTopic
    from kafka.errors import KafkaError, TopicAlreadyExistsError

logging.getLogger("kafka").setLevel(logging.CRITICAL)  # the error that is raised says it


class TopicsError(RuntimeError):
    """Kafka did not answer, or refused; the message says which."""


def create_topics(
    settings: KafkaSettings, specs: Sequence[TopicSpec], *, replicas: int = 1
) -> dict[str, str]:
    """What became of each topic: `created` or `exists`.

    The broker stamps records as it appends them (LogAppendTime): readers judge ages by one clock, and a
    repeat of a reading comes to the same verdict.

    Raises
    ------
    TopicsError
        When no broker answers or rights are missing.
    """
    try:
        return _create(settings, specs, replicas)
    except (KafkaError, OSError) as error:
        raise TopicsError(str(error)) from None


def _create(settings: KafkaSettings, specs: Sequence[TopicSpec], replicas: int) -> dict[str, str]:
    admin: Any = KafkaAdminClient(bootstrap_timeout_ms=5_000, **settings.client_options())
    try:
        there = set(admin.list_topics())
        out = {}
        for spec in specs:
            if spec.name in there:
                out[spec.name] = "exists"
                continue
            configs = {
                "retention.ms": str(spec.retention_ms),
                "cleanup.policy": "delete",
                "message.timestamp.type": "LogAppendTime",
            }
            if replicas >= 3:
                configs["min.insync.replicas"] = "2"
            topic = NewTopic(spec.name, spec.partitions, replicas, topic_configs=configs)
            try:
                admin.create_topics([topic])
                out[spec.name] = "created"
            except TopicAlreadyExistsError:
                out[spec.name] = "exists"
        return out
    finally:
        admin.close()


def broker_version(settings: KafkaSettings) -> str:
    """What kafka-python concludes of the broker's version; for `doctor`.

    Raises
    ------
    kafka.errors.KafkaError
        When no broker answers.
    """
    admin: Any = KafkaAdminClient(bootstrap_timeout_ms=5_000, **settings.client_options())
    try:
        return f"protocol of Kafka {'.'.join(map(str, admin._manager.broker_version))}"  # noqa: SLF001  no public name
    finally:
        admin.close()
