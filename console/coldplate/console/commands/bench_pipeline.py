"""`coldplate bench pipeline`: the whole way of a frame, measured on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from coldplate.console.commands.bench_shown import print_result
from coldplate.console.context import Context, pass_context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import json_option
from coldplate.sinks.settings import ROLLUP_S_MAX

if TYPE_CHECKING:
    from coldplate.console.benching.load import Mode


@click.command()
@click.option(
    "--gpus", default=100_000, show_default=True, type=click.IntRange(1, 1_000_000), help="Of the hall.",
)  # fmt: skip
@click.option(
    "--racks", type=click.IntRange(1, 20_000), help="[default: one for 8 nodes of 8 GPUs]"
)
@click.option(
    "--seconds", default=60.0, show_default=True, type=click.FloatRange(1), help="To measure."
)
@click.option(
    "--ticks-per-frame", "ticks", default=5, show_default=True, type=click.IntRange(1, 60),
    help="Of one second each.",
)  # fmt: skip
@click.option(
    "--metrics", default="full", show_default=True, type=click.Choice(["fast", "full"]),
    help="full: the slow metrics too, every 10th tick, as an agent reads them.",
)  # fmt: skip
@click.option(
    "--sinks", type=click.IntRange(1, 4), help="Likewise of sinks; 1 unless told otherwise, 2 for 30,000 GPUs and more.",
)  # fmt: skip
@click.option(
    "--flush-s", type=click.FloatRange(0.1, 60), help="sink.flush_s; as configured by default, 5 for 10,000 GPUs and more.",
)  # fmt: skip
@click.option(
    "--rollup-s", type=click.FloatRange(0, ROLLUP_S_MAX), help="sink.rollup_s; likewise, 120 for 10,000 GPUs and more.",
)  # fmt: skip
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 4), help="Processes that share the partitions.",
)  # fmt: skip
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(0), help="Of which rack has which fault when.",
)  # fmt: skip
@click.option(
    "--storm", is_flag=True,
    help="After the warm-up the whole hall loses its facility water, and every source sends short frames.",
)  # fmt: skip
@click.option(
    "--burst", default=0.0, type=click.FloatRange(0), metavar="SECONDS",
    help="After the warm-up workers and sink are away for so long while production goes on; measured is from their return on.",
)  # fmt: skip
@click.option(
    "--state", type=click.Path(file_okay=False), metavar="DIR",
    help="Empty folder for the servers' data; it is kept.  [default: a temporary one]",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(file_okay=False), metavar="DIR",
    help="Keep the ledger of what was sent, the rows read back, incidents, counts and logs here.",
)  # fmt: skip
@json_option
@pass_context
def pipeline(
    context: Context, gpus: int, racks: int | None, seconds: float, ticks: int, metrics: str, workers: int, sinks: int | None,
    flush_s: float | None, rollup_s: float | None, seed: int, storm: bool, burst: float, state: str | None, out: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Send the frames of a hall through real Kafka, workers, sink and ClickHouse, and count everything.

    Some racks have faults meanwhile, which are to be found and nothing else: at most half of them, and fewer in a short
    run. Servers of its own are started and stopped. Exit 1 when a frame or an event was lost or stored twice.
    """
    from coldplate.console.benching.measuring import Interrupted
    from coldplate.console.benching.pipeline import Sinks, measure, plan
    from coldplate.console.fetching import fetch_with_progress, stack_errors

    if storm and burst:
        raise Failure("--storm and --burst are two runs: give one of them", BAD_INPUT)
    fetch_with_progress(context)
    mode: Mode = "storm" if storm else "burst" if burst else "faults"
    load = plan(gpus, racks, ticks, metrics, seconds, mode=mode, seed=seed, pause_s=burst)
    try:
        with stack_errors():
            result = measure(
                load,
                Sinks.of(load.gpus, sinks, flush_s, rollup_s),
                Path(state) if state else None,
                Path(out) if out else None,
                workers=workers,
            )
    except Interrupted:
        raise click.Abort from None
    print_result(result, as_json)
    names = ("lost", "duplicated", "events_lost", "events_duplicated")
    if any(result[name] for name in names):
        raise Failure(", ".join(f"{name} {result[name]}" for name in names))
