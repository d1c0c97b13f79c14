"""`coldplate gpu`: how a GPU is, now or in the past, with nothing but ClickHouse."""

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json


@click.command()
@click.argument("gpu")
@click.option("--at", metavar="TIME", help="How it was then: 2026-11-27T14:30:00Z, 2026-11-27 14:30 (UTC), or -6h.")  # fmt: skip
@json_option
@pass_context
def gpu(context: Context, gpu: str, at: str | None, as_json: bool) -> None:
    """Show GPU as it is now: every metric, its thermal resistance against its rack, the past hour, incidents, jobs, its node.

    What is older than 15 s is said to be stale.
    """
    from coldplate.console.looking import Looking
    from coldplate.console.moments import moment
    from coldplate.console.querying import Asking
    from coldplate.console.shown import gpu_lines

    at_ms = None if at is None else round(moment(at, "--at").timestamp() * 1000)
    asking = Asking(context)
    try:
        seen = Looking(asking, at_ms).gpu(gpu)
    finally:
        asking.close()
    if as_json:
        print_json(seen.told())
    else:
        click.echo("\n".join(gpu_lines(seen)))
