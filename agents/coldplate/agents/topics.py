"""Makes the topics, as `coldplate topics create` and the local stack do; nothing else ever creates one.

And what else is done to a broker before parts may use it: rights and passwords, where they are not made by other means.
"""

import logging
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from coldplate.agents.settings import KafkaSettings
from coldplate.wire.refusal import reason, words
from coldplate.wire.rights import Right
from coldplate.wire.topic import TopicSpec

with warnings.catch_warnings():
    # kafka-python reads its schemas by a function that Python 3.11 alone calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient
    from kafka.admin import (
        ACL,
        ACLOperation,
        ACLPermissionType,
        ACLResourcePatternType,
        NewTopic,
        ResourcePattern,
        ResourceType,
        ScramMechanism,
        UserScramCredentialUpsertion,
    )
    from kafka.errors import KafkaError, TopicAlreadyExistsError, TopicAuthorizationFailedError

logging.getLogger("kafka").setLevel(logging.CRITICAL)  # the error that is raised says it

SHOWN_WITHIN_S = 30.0
SHOWN_AGAIN_S = 0.05


class TopicsError(RuntimeError):
    """Kafka did not answer, or refused; the message says which, and what to do."""


def create_topics(
    settings: KafkaSettings, specs: Sequence[TopicSpec], *, replicas: int = 1
) -> dict[str, str]:
    """What became of each topic: `created` or `exists`.

    The broker stamps records as it appends them (LogAppendTime): readers judge ages by one clock, and a
    repeat of a reading comes to the same verdict. When it returns, the broker that was asked tells readers of all of them:
    a controller has made a topic some time before brokers know of it, and who looks in between sees none.

    Raises
    ------
    TopicsError
        When no broker answers, rights are missing, or a topic has no leader after `SHOWN_WITHIN_S`.
    """
    with _admin(settings, "to create") as admin:
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
        _await_shown(admin, list(out))
        return out


def _await_shown(admin: Any, topics: Sequence[str]) -> None:
    deadline_s = time.monotonic() + SHOWN_WITHIN_S
    while waiting := [t["name"] for t in admin.describe_topics(topics) if not _is_shown(t)]:
        if time.monotonic() > deadline_s:
            raise TopicsError(
                f"no leader of {', '.join(waiting)} after {SHOWN_WITHIN_S:g} s: are enough brokers up?"
            )
        time.sleep(SHOWN_AGAIN_S)


def _is_shown(topic: Mapping[str, Any]) -> bool:
    """Or one that we may make and not see: nothing is to be awaited."""
    partitions = topic["partitions"]
    if topic["error_code"] == TopicAuthorizationFailedError.errno:
        return True
    return bool(partitions) and all(p["leader_id"] >= 0 for p in partitions)


def grant(settings: KafkaSettings, rights: Mapping[str, Sequence[Right]]) -> int:
    """Let users do things; how many rights that were.

    Parameters
    ----------
    settings
        Of one who may alter the cluster.
    rights
        By the user's name, without `User:`.

    Raises
    ------
    TopicsError
        When no broker answers or rights are missing.
    """
    rules = [_acl(user, right, o) for user, of in rights.items() for right in of for o in right.operations]  # fmt: skip
    with _admin(settings) as admin:
        if failed := admin.create_acls(rules)["failed"]:
            raise TopicsError(f"{len(failed)} of {len(rules)} rights: {words(failed[0]())}")
    return len(rules)


def set_password(settings: KafkaSettings, user: str, password: str) -> None:
    """Give a user of SCRAM-SHA-512 another password.

    Raises
    ------
    TopicsError
        When no broker answers or rights are missing.
    """
    change = UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password=password)
    with _admin(settings) as admin:
        admin.alter_user_scram_credentials([change])


def _acl(user: str, right: Right, operation: str) -> Any:
    kind = ResourceType.TOPIC if right.resource == "topic" else ResourceType.GROUP
    form = ACLResourcePatternType.PREFIXED if right.prefixed else ACLResourcePatternType.LITERAL
    name = "DESCRIBE_CONFIGS" if operation == "DescribeConfigs" else operation.upper()
    return ACL(
        f"User:{user}", "*", ACLOperation[name], ACLPermissionType.ALLOW,
        ResourcePattern(kind, right.name, form),
    )  # fmt: skip


@contextmanager
def _admin(settings: KafkaSettings, topic: str = "") -> Iterator[Any]:
    """A client for a few requests; what it raises becomes a `TopicsError`."""
    try:
        options = settings.client_options()
    except OSError as error:
        raise TopicsError(str(error)) from None
    admin: Any = None
    try:
        admin = KafkaAdminClient(bootstrap_timeout_ms=5_000, **options)
        yield admin
    except (KafkaError, OSError) as error:
        raise TopicsError(reason(error, options, topic)) from None
    finally:
        if admin is not None:
            admin.close()


def broker_version(settings: KafkaSettings) -> str:
    """What kafka-python concludes of the broker's version; for `doctor`.

    Raises
    ------
    TopicsError
        When no broker answers, or lets us in.
    """
    with _admin(settings) as admin:
        return f"protocol of Kafka {'.'.join(map(str, admin._manager.broker_version))}"  # noqa: SLF001  no public name
