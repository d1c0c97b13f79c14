"""`coldplate worker`: detect what is failing in the frames."""

from pathlib import Path
from typing import Any

import click

from coldplate.console.context import Context, pass_context


@click.command()
@click.option("--inventory", type=click.Path(dir_okay=False), help="Inventory (CSV or TOML).")
@click.option("--parameters", type=click.Path(dir_okay=False), help="Detectors' parameters (TOML).")  # fmt: skip
@click.option("--stats", type=click.Path(dir_okay=False), help="Write counts once a second.")
@pass_context
def worker(
    context: Context, inventory: str | None, parameters: str | None, stats: str | None
) -> None:
    """Read frames and events from Kafka with Faust, judge them, and publish anomalies and incidents.

    What detectors had learnt is read from ClickHouse, when one is named; without it they learn anew.

    Workers of one group share the topic's partitions. Start more of them for more racks; keep fewer than
    the topic has partitions.
    """
    import tempfile

    from coldplate.console.config import secret
    from coldplate.console.running import write_stats
    from coldplate.sinks.client import ClickHouseHistory
    from coldplate.streams.settings import WorkerSettings
    from coldplate.streams.worker import run_worker

    context.log_to_stderr()
    config, kafka = context.config, context.config.kafka
    known = context.inventory(inventory)
    settings = WorkerSettings(
        brokers=context.brokers, cluster=config.cluster, topics=context.topics,
        state_dir=Path(tempfile.gettempdir()) / "coldplate-faust",
        group=config.worker.group, instance=config.worker.instance or None,
        parameters=context.parameters(parameters, known), tail_s=config.worker.tail_s,
        security_protocol=kafka.security_protocol, sasl_mechanism=kafka.sasl_mechanism,
        sasl_user=kafka.sasl_user, sasl_password=secret(kafka.sasl_password_file),
        ca_file=kafka.ca_file or None, cert_file=kafka.cert_file or None, key_file=kafka.key_file or None,
    )  # fmt: skip

    def keep(values: dict[str, Any]) -> None:
        if stats:
            write_stats(Path(stats), values)

    history = None
    if context.config.clickhouse.url or context.local is not None:
        history = ClickHouseHistory(context.clickhouse("reader"))
    run_worker(settings, known, keep, history)
