"""`coldplate web`: the live hall in a browser."""

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option


@click.command()
@click.option("--address", metavar="ADDRESS", help="Where it listens. Default: web.address of the configuration.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), help="Its port; 0 takes a free one. Default: web.port of the configuration.")  # fmt: skip
@click.option("--stats", type=click.Path(dir_okay=False), help="Write where it listens into this file.")  # fmt: skip
@json_option
@pass_context
def web(
    context: Context, address: str | None, port: int | None, stats: str | None, as_json: bool
) -> None:
    """Offer the live hall to browsers: a map of all GPUs, racks, incidents, and any past hour again.

    Needs the history alone (the reader's ClickHouse). Prints the address, and stays until Ctrl-C. Beyond this machine it
    needs a token or a proxy that lets people in: docs/web.md. SIGHUP reads the configuration again.
    """
    from coldplate.console.web.run import run

    context.log_to_stderr()
    given = {n: v for n, v in (("address", address), ("port", port)) if v is not None}
    run(context, given, as_json=as_json, stats=stats)
