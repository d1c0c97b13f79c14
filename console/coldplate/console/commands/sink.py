"""`coldplate sink`: write what Kafka has to ClickHouse, exactly once."""

from pathlib import Path
from typing import Any

import click

from coldplate.console.context import Context, pass_context

CLOSE_S = 1.0


@click.command()
@click.option("--stats", type=click.Path(dir_okay=False), help="Write counts once a second.")
@pass_context
def sink(context: Context, stats: str | None) -> None:
    """Write samples, events, anomalies and incidents to ClickHouse; offsets follow the rows.

    The schema must be there (`coldplate migrate`). While ClickHouse or Kafka is away it waits and goes on.
    """
    from coldplate.console.config import secret
    from coldplate.console.running import write_stats
    from coldplate.console.sending import publisher_of
    from coldplate.sinks.settings import SinkSettings
    from coldplate.sinks.sink import run_sink
    from coldplate.wire.codec import encode
    from coldplate.wire.event import Event
    from coldplate.wire.topic import rack_key

    context.log_to_stderr()
    config, kafka = context.config, context.config.kafka
    settings = SinkSettings(
        brokers=tuple(b.strip() for b in context.brokers.split(",")), cluster=config.cluster, topics=context.topics,
        clickhouse=context.clickhouse("writer"), group=config.sink.group,
        instance=config.sink.instance or None, flush_s=config.sink.flush_s,
        security_protocol=kafka.security_protocol, sasl_mechanism=kafka.sasl_mechanism,
        sasl_user=kafka.sasl_user or None, sasl_password=secret(kafka.sasl_password_file) or None,
        ca_file=kafka.ca_file or None, cert_file=kafka.cert_file or None, key_file=kafka.key_file or None,
    )  # fmt: skip

    def keep(values: dict[str, Any]) -> None:
        if stats:
            write_stats(Path(stats), values)

    publisher = publisher_of(context)

    def tell(event: Event) -> None:
        publisher.publish(context.topics.events, rack_key(event.rack), encode(event))

    try:
        run_sink(settings, keep, tell)
    finally:
        publisher.close(CLOSE_S)
