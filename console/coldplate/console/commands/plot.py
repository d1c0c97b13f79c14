"""`coldplate plot`: draw the history of a GPU, a rack or a hall."""

from pathlib import Path

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import json_option, print_json


@click.command()
@click.argument("kind", type=click.Choice(["gpu", "rack", "hall"]))
@click.argument("subject")
@click.option("--from", "begin", default="-24h", show_default=True, metavar="TIME", help="Begin: 2026-11-27T14:30:00Z, 2026-11-27 14:30 (UTC), or -6h.")  # fmt: skip
@click.option("--to", "end", default="now", show_default=True, metavar="TIME", help="End, likewise.")  # fmt: skip
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="F.png", help="The picture: .png, .svg or .pdf.")  # fmt: skip
@json_option
@pass_context
def plot(
    context: Context, kind: str, subject: str, begin: str, end: str, out: Path, as_json: bool
) -> None:
    """Draw temperatures, water and power of SUBJECT, with its incidents marked.

    \b
    coldplate plot gpu rack-0003/node-5/gpu-2 --from -7d --out gpu.png
    coldplate plot rack rack-0003 --from "2026-11-27 13:30" --to "2026-11-27 15:00" --out rack.png
    """  # noqa: D301  \b is click's
    from coldplate.console.moments import span
    from coldplate.console.plotting import draw, past
    from coldplate.console.querying import Asking

    if out.suffix not in (".png", ".svg", ".pdf"):
        raise Failure(f"--out {out}: a name that ends in .png, .svg or .pdf", BAD_INPUT)
    first, last = span(begin, end)
    asking = Asking(context)
    try:
        seen = past(asking, kind, subject, first, last)
    finally:
        asking.close()
    try:
        draw(seen, out)
    except OSError as error:
        raise Failure(f"{out}: {error.strerror or error}", BAD_INPUT) from None
    if as_json:
        print_json({"out": str(out), "points": len(seen.gpus), "incidents": len(seen.incidents)})
    else:
        click.echo(f"{out}: {len(seen.gpus)} points, {len(seen.incidents)} incidents marked")
