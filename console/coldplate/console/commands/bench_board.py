"""`coldplate bench board`."""

import click

from coldplate.console.commands.bench_shown import print_result
from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option


@click.command()
@click.option("--racks", default=1563, show_default=True, type=click.IntRange(10, 20_000), help="Of the hall, of 64 GPUs each.")  # fmt: skip
@click.option("--testing", default=200, show_default=True, type=click.IntRange(1, 5000), help="Of them, racks that are in test at once; each changes its step every ten seconds.")  # fmt: skip
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(5), help="To measure.")  # fmt: skip
@json_option
@pass_context
def board(context: Context, racks: int, testing: int, seconds: float, as_json: bool) -> None:
    """How soon a rack's change of state is on the board, and what the live board costs.

    A ClickHouse of its own is started and stopped; a process writes changes, another shows the board as a terminal would.
    """
    from coldplate.console.benching.board import measure
    from coldplate.console.fetching import fetch_with_progress, stack_errors

    fetch_with_progress(context)
    try:
        with stack_errors():
            result = measure(racks, min(testing, racks), seconds)
    except KeyboardInterrupt:
        raise click.Abort from None
    print_result(result, as_json)
