"""`coldplate maintenance`: what is planned, so that it does not count as an outage."""

from typing import Any

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json, print_table

KINDS = ("hall", "row", "rack", "node", "gpu", "cdu")


@click.group()
def maintenance() -> None:
    """Planned work: minutes in it are left out of availability."""


@maintenance.command()
@click.argument("subject")
@click.option("--from", "begin", required=True, metavar="TIME", help="Begin, as 2026-11-27T14:30:00Z or 2026-11-27 14:30 (UTC).")  # fmt: skip
@click.option("--to", "end", required=True, metavar="TIME", help="End, likewise.")
@click.option("--text", default="", help="What is done, for people.")
@pass_context
def add(context: Context, subject: str, begin: str, end: str, text: str) -> None:
    """Plan work on SUBJECT (a hall, row, rack, node, GPU or CDU); the same begin again replaces."""
    from coldplate.console.asking import history_errors
    from coldplate.console.failure import BAD_INPUT, Failure
    from coldplate.console.moments import moment
    from coldplate.sinks.client import Client

    first, last = moment(begin, "--from"), moment(end, "--to")
    if first >= last:
        raise Failure(
            "--from is not before --to: swap them, and mind that times without an offset are UTC",
            BAD_INPUT,
        )
    with history_errors(), Client(context.clickhouse("writer")) as client:
        if not client.execute("SELECT 1 FROM inventory WHERE id = %(s)s LIMIT 1", {"s": subject}):
            raise Failure(
                f"the inventory has no {subject!r}; `coldplate inventory show` lists it", BAD_INPUT
            )
        columns: dict[str, list[Any]] = {
            "subject": [subject], "since": [round(first.timestamp() * 1000)],
            "until": [round(last.timestamp() * 1000)], "text": [text],
        }  # fmt: skip
        client.insert("maintenance", columns, None)
    click.echo(f"{subject}: planned from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC")


@maintenance.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what is over.")
@json_option
@pass_context
def list_(context: Context, everything: bool, as_json: bool) -> None:
    """List what is planned, the next first."""
    from coldplate.console.asking import ask

    where = "1" if everything else "until > now64(3)"
    columns, rows = ask(
        context,
        f"SELECT subject, since, until, text FROM maintenance FINAL WHERE {where} ORDER BY since",
    )
    if as_json:
        print_json({"maintenance": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        print_table(columns, rows)
