"""`coldplate cluster-detector`: one incident of what several workers see."""

from typing import TYPE_CHECKING

import click

from coldplate.console.context import Context, pass_context

if TYPE_CHECKING:
    from coldplate.streams.settings import WorkerSettings
    from coldplate.wire.inventory import Inventory


@click.command("cluster-detector")
@click.option("--inventory", type=click.Path(dir_okay=False), help="Inventory (CSV or TOML).")
@click.option("--stats", type=click.Path(dir_okay=False), help="Write counts once a second.")
@pass_context
def cluster_detector(context: Context, inventory: str | None, stats: str | None) -> None:
    """Make incidents of the cluster out of what its workers find in their racks.

    Needed where more than one worker runs, with `worker.joined = true` for all of them: a hall without water is then
    one incident, however many workers see it. It also adds the racks' power up and watches the sum.

    One of them is at work; start a second one, and it stands by. SIGHUP reads configuration and inventory again.
    """
    from coldplate.console.reloading import Reloading
    from coldplate.console.vitals.part import Vitals
    from coldplate.console.working import worker_settings
    from coldplate.streams.cluster.service import run_cluster_detector

    def known(of: Context) -> "tuple[WorkerSettings, Inventory | None]":
        config = of.config.cluster_detector
        return worker_settings(of, config.group, config.instance), of.inventory(inventory)

    context.log_to_stderr()
    settings, devices = known(context)
    with (
        Reloading(context, known) as reloading,
        Vitals(
            "cluster-detector", context.config.cluster_detector.local, stats, reloading.counts
        ) as vitals,
    ):
        run_cluster_detector(settings, devices, vitals.take)
