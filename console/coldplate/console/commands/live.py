"""`coldplate live`: the hall in a terminal."""

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option

COLOURS = ("margin", "temperature", "power", "flow", "incident")


@click.command()
@click.option("--every", default="1s", show_default=True, metavar="TIME", help="From one look to the next: 1s, 500ms, 2m.")  # fmt: skip
@click.option("--colour", "--color", default="margin", show_default=True, type=click.Choice(COLOURS), help="What racks are coloured by at first; `c` changes it.")  # fmt: skip
@click.option("--once", is_flag=True, help="Print one picture as text, and stop.")
@json_option
@pass_context
def live(context: Context, every: str, colour: str, once: bool, as_json: bool) -> None:
    """Watch the hall: a map of its racks, open incidents, and on enter a rack and a GPU.

    Needs the history alone (the reader's ClickHouse); an incident is acknowledged through Kafka. `?` shows the keys, `q`
    ends. Without a terminal: --once prints one picture, --json the same as one JSON object.
    """
    from coldplate.console.live.run import run
    from coldplate.console.live.span import seconds

    run(context, seconds(every), colour, once=once, as_json=as_json)
