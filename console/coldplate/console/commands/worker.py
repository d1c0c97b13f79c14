"""`coldplate worker`: detect what is failing in the frames."""

from typing import TYPE_CHECKING

import click

from coldplate.console.context import Context, pass_context

if TYPE_CHECKING:
    from coldplate.sinks.settings import ClickHouseSettings
    from coldplate.streams.settings import WorkerSettings
    from coldplate.wire.inventory import Inventory


@click.command()
@click.option("--inventory", type=click.Path(dir_okay=False), help="Inventory (CSV or TOML).")
@click.option("--parameters", type=click.Path(dir_okay=False), help="Detectors' parameters (TOML).")  # fmt: skip
@click.option("--stats", type=click.Path(dir_okay=False), help="Write counts once a second.")
@pass_context
def worker(
    context: Context, inventory: str | None, parameters: str | None, stats: str | None
) -> None:
    """As a Faust app, read frames and events from Kafka, judge them, and publish anomalies and incidents.

    What detectors had learnt is read from ClickHouse, when one is named; without it they learn anew. Where they had learnt
    nothing yet, they begin with what the acceptance of a rack measured.

    Workers of one group share the topic's partitions. Start more of them for more racks; keep fewer than
    the topic has partitions. With `worker.joined`, what they find goes to `coldplate cluster-detector`, which makes
    one incident of what several of them see of one cause. SIGHUP reads configuration, parameters and inventory again.
    """
    from coldplate.console.commission.recalled import Certified
    from coldplate.console.reloading import Reloading
    from coldplate.console.vitals.part import Vitals
    from coldplate.sinks.client import ClickHouseHistory
    from coldplate.streams.worker import run_worker

    def settings(
        of: Context,
    ) -> "tuple[WorkerSettings, Inventory | None, ClickHouseSettings | None]":
        return _settings(of, inventory, parameters)

    context.log_to_stderr()
    known, devices, clickhouse = settings(context)
    history = None if clickhouse is None else Certified(ClickHouseHistory(clickhouse))
    with (
        Reloading(context, settings) as reloading,
        Vitals("worker", context.config.worker.local, stats, reloading.counts) as vitals,
    ):
        run_worker(known, devices, vitals.take, history)


def _settings(
    context: Context, inventory: str | None, parameters: str | None
) -> "tuple[WorkerSettings, Inventory | None, ClickHouseSettings | None]":
    """What the configuration says of it, read as a whole; Failure says what of it cannot be used."""
    from coldplate.console.keys import seals_of
    from coldplate.console.working import worker_settings

    config = context.config
    devices = context.inventory(inventory)
    known = worker_settings(
        context, config.worker.group, config.worker.instance,
        parameters=context.parameters(parameters, devices), tail_s=config.worker.tail_s,
        joined=config.worker.joined, seals=seals_of(context),
    )  # fmt: skip
    has_history = config.clickhouse.url or context.local is not None
    return known, devices, context.clickhouse("reader") if has_history else None
