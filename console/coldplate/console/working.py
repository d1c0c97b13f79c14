"""Settings of those that read what agents or workers write, from the configuration."""

import tempfile
from pathlib import Path
from typing import Any

from coldplate.console.context import Context
from coldplate.streams.settings import WorkerSettings


def worker_settings(context: Context, group: str, instance: str, **others: Any) -> WorkerSettings:
    """How one of a consumer group reaches Kafka; `others` as `WorkerSettings` has them."""
    kafka = context.kafka
    return WorkerSettings(
        brokers=context.brokers, cluster=context.config.cluster, topics=context.topics,
        state_dir=Path(tempfile.gettempdir()) / "coldplate-faust", group=group, instance=instance or None,
        security_protocol=kafka.security_protocol, sasl_mechanism=kafka.sasl_mechanism,
        sasl_user=kafka.sasl_user, sasl_password=kafka.sasl_password,
        ca_file=kafka.ca_file or None, cert_file=kafka.cert_file or None, key_file=kafka.key_file or None,
        **others,
    )  # fmt: skip
