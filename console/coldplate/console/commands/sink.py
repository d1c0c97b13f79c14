"""`coldplate sink`: write what Kafka has to ClickHouse, exactly once."""

from typing import TYPE_CHECKING

import click

from coldplate.console.context import Context, pass_context

if TYPE_CHECKING:
    from coldplate.sinks.settings import SinkSettings

CLOSE_S = 1.0


@click.command()
@click.option("--stats", type=click.Path(dir_okay=False), help="Write counts once a second.")
@pass_context
def sink(context: Context, stats: str | None) -> None:
    """Write samples, events, anomalies and incidents to ClickHouse; offsets follow the rows.

    The schema must be there (`coldplate migrate`). While ClickHouse or Kafka is away it waits and goes on.
    SIGHUP reads the configuration again.
    """
    from coldplate.console.reloading import Reloading
    from coldplate.console.sending import publisher_of
    from coldplate.console.vitals.part import Vitals
    from coldplate.sinks.sink import run_sink
    from coldplate.wire.codec import encode
    from coldplate.wire.event import Event
    from coldplate.wire.topic import rack_key

    context.log_to_stderr()
    settings = _settings(context)

    with Reloading(context, _settings) as reloading:
        publisher = publisher_of(context)

        def tell(event: Event) -> None:
            publisher.publish(context.topics.events, rack_key(event.rack), encode(event))

        try:
            with Vitals("sink", context.config.sink.local, stats, reloading.counts) as vitals:
                run_sink(settings, vitals.take, tell)
        finally:
            publisher.close(CLOSE_S)


def _settings(context: Context) -> "SinkSettings":
    """What the configuration says of it, read as a whole; Failure says what of it cannot be used."""
    from coldplate.console.keys import seals_of, signer_of
    from coldplate.sinks.settings import SinkSettings

    config, kafka = context.config, context.kafka
    signer_of(context)
    return SinkSettings(
        brokers=tuple(b.strip() for b in context.brokers.split(",")), cluster=config.cluster, topics=context.topics,
        clickhouse=context.clickhouse("writer"), group=config.sink.group,
        instance=config.sink.instance or None, flush_s=config.sink.flush_s, rollup_s=config.sink.rollup_s,
        security_protocol=kafka.security_protocol, sasl_mechanism=kafka.sasl_mechanism,
        sasl_user=kafka.sasl_user or None, sasl_password=kafka.sasl_password or None,
        ca_file=kafka.ca_file or None, cert_file=kafka.cert_file or None, key_file=kafka.key_file or None,
        seals=seals_of(context),
    )  # fmt: skip
