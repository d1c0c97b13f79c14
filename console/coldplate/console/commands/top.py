"""`coldplate top`: this node's GPUs, live."""

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option


@click.command()
@click.option("--interval", "interval_s", default=1.0, show_default=True, metavar="S", type=click.FloatRange(0.1, 60.0), help="From one look to the next.")  # fmt: skip
@click.option("--once", is_flag=True, help="Look for three intervals, show the last, and stop.")
@click.option(
    "--recording", type=click.Path(exists=True, file_okay=False), metavar="DIR",
    help="Show the recording in this folder instead; no GPU is needed.",
)  # fmt: skip
@json_option
@pass_context
def top(
    context: Context, interval_s: float, once: bool, recording: str | None, as_json: bool
) -> None:
    """Watch this node's GPUs: power and its swings, temperatures, margin, cold plate, clocks, jobs, errors.

    Needs neither Kafka nor a running agent, and shows what cannot be read as `-`. R is the cold plate's thermal
    resistance, at steady power: against the coolant's supply where a CDU is read, otherwise against the GPU's own idle
    state, once it was seen idle for 20 s. `q` or Ctrl-C ends. With --json it looks once.
    """
    from coldplate.console.top.run import run

    run(context, interval_s, recording, once=once or as_json, as_json=as_json)
