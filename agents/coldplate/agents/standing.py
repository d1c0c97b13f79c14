"""What a broker says of topics to whoever asks with his own rights; for `doctor`, which changes nothing."""

import warnings
from collections.abc import Sequence
from typing import Any

from coldplate.agents.settings import KafkaSettings
from coldplate.wire.refusal import reason, words

with warnings.catch_warnings():
    # kafka-python reads its schemas by a function that Python 3.11 alone calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError, for_code

CALL_MS = 5_000


class Unknown(RuntimeError):  # noqa: N818  the broker's state, not a fault of the caller
    """Kafka did not answer, or let nobody in; the message says which, and what to do."""


def partitions(settings: KafkaSettings, topics: Sequence[str]) -> dict[str, int | str]:
    """How many partitions each topic has, or why that is not known: it does not exist, or may not be seen.

    Raises
    ------
    Unknown
    """
    admin: Any = None
    try:
        options = settings.client_options()
    except OSError as error:
        raise Unknown(str(error)) from None
    try:
        admin = KafkaAdminClient(bootstrap_timeout_ms=CALL_MS, **options)
        described = admin.describe_topics(list(topics))
    except (KafkaError, OSError) as error:
        raise Unknown(reason(error, options)) from None
    finally:
        if admin is not None:
            admin.close()
    found = {of["name"]: _found(of) for of in described}
    return {topic: found.get(topic, "Kafka says nothing of it") for topic in topics}


def _found(described: dict[str, Any]) -> int | str:
    if described["error_code"] == 0:
        return len(described["partitions"])
    error = for_code(described["error_code"])()
    missing = type(error).__name__ == "UnknownTopicOrPartitionError"
    return "does not exist" if missing else words(error, described["name"])
