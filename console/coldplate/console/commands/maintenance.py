"""`coldplate maintenance`: what is planned, so that it does not count as an outage."""

from typing import Any

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json, print_table

KINDS = ("hall", "row", "rack", "node", "gpu", "cdu")


@click.group()
def maintenance() -> None:
    """Planned work: minutes in it are left out of availability, and alerts about it are kept back."""


@maintenance.command()
@click.argument("subject")
@click.option("--from", "begin", required=True, metavar="TIME", help="Begin, as 2026-11-27T14:30:00Z or 2026-11-27 14:30 (UTC).")  # fmt: skip
@click.option("--to", "end", required=True, metavar="TIME", help="End, likewise.")
@click.option("--text", default="", help="What is done, for people.")
@click.option("--who", help="Who plans it. Default: this machine's user.")
@json_option
@pass_context
def add(
    context: Context, subject: str, begin: str, end: str, text: str, who: str | None, as_json: bool
) -> None:
    """Plan work on SUBJECT (a hall, row, rack, node, GPU or CDU); the same begin again replaces.

    Alerts about SUBJECT and all below it are kept back meanwhile: a planned silence, which `coldplate silence list` shows.
    """
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
    silence = _keep_alerts_back(context, columns, who)
    if as_json:
        print_json({
            "maintenance": {"subject": subject, "since": first, "until": last, "text": text}, "silence": silence,
        })  # fmt: skip
    else:
        click.echo(f"{subject}: planned from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC")


def _keep_alerts_back(context: Context, row: dict[str, list[Any]], who: str | None) -> str | None:
    """Make the silence; its id, None where no Kafka is named."""
    from coldplate.console.acting import act, person
    from coldplate.console.failure import NOT_THERE, Failure
    from coldplate.console.silencing import planned
    from coldplate.wire.action import Verb

    try:
        context.brokers  # noqa: B018  it fails where none is named
    except Failure:
        click.echo("no Kafka is named, so no alerts are kept back: set COLDPLATE_KAFKA", err=True)
        return None
    subject, since_ms, until_ms, text = (
        row[name][0] for name in ("subject", "since", "until", "text")
    )
    silence = planned(context.config.cluster, subject, since_ms, until_ms, text, person(who))
    try:
        act(context, Verb.SILENCE, who, text=silence.reason, silence=silence)
    except Failure as error:
        raise Failure(
            f"the work is planned, but alerts are not kept back: {error}", NOT_THERE
        ) from None
    return silence.id


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
