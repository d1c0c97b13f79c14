"""`coldplate alerts`: who is told of incidents, and what became of the telling."""

from typing import Any

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json, print_table

file_argument = click.argument("file", required=False, type=click.Path(dir_okay=False))


@click.group()
def alerts() -> None:
    """Tell people of incidents: run the alerter, check its configuration, look after what was not taken."""


@alerts.command()
@file_argument
@click.option("--stats", type=click.Path(dir_okay=False), help="Write counts once a second.")
@pass_context
def run(context: Context, file: str | None, stats: str | None) -> None:
    """Send alerts until stopped, by the receivers and routes in FILE (or alerts.file).

    What is to be sent is on disk before it is sent, and is sent until it is taken. One alerter has a state folder.
    SIGHUP reads receivers, routes and configuration again.
    """
    from coldplate.console.alerting import run_alerter

    context.log_to_stderr()
    run_alerter(context, file, stats)


@alerts.command()
@file_argument
@json_option
@pass_context
def check(context: Context, file: str | None, as_json: bool) -> None:
    """Check receivers and routes; all that is wrong is told with file and line. Exit 2 when it cannot be used.

    Nothing is sent, and nobody is asked for an address.
    """
    from coldplate.console.alerting import alerts_file
    from coldplate.console.failure import BAD_INPUT
    from coldplate.sinks.webhooks.load import AlertsError, loaded

    path = alerts_file(context, file)
    faults: tuple[str, ...] = ()
    receivers = routes = 0
    try:
        found = loaded(path)
        warnings = found.warnings
        receivers, routes = len(found.alerts.receivers), len(found.alerts.routes)
    except AlertsError as error:
        faults, warnings = error.faults, error.warnings
    if as_json:
        print_json({
            "file": str(path), "ok": not faults, "faults": faults, "warnings": warnings,
            "receivers": receivers, "routes": routes,
        })  # fmt: skip
    else:
        for line in warnings:
            click.echo(f"warning: {line}", err=True)
        for line in faults:
            click.echo(line, err=True)
        if not faults:
            click.echo(f"{path}: {receivers} receivers, {routes} routes")
    if faults:
        raise click.exceptions.Exit(BAD_INPUT)


@alerts.command()
@click.argument("route")
@click.option("--file", type=click.Path(dir_okay=False), help="Instead of alerts.file.")
@click.option("--severity", default="warning", show_default=True, type=click.Choice(["info", "ticket", "warning", "critical"]), help="Of the test.")  # fmt: skip
@json_option
@pass_context
def test(context: Context, route: str, file: str | None, severity: str, as_json: bool) -> None:
    """Send a message that is marked as a test to every receiver of ROUTE, at once and past the queue.

    Exit 1 when one of them did not take it.
    """
    from coldplate.console.alert_testing import send_test
    from coldplate.console.alerting import configured

    replies = send_test(context, configured(context, file), route, severity)
    rows = [(r.receiver, r.verdict, r.said, r.seconds) for r in replies]
    names = ("receiver", "verdict", "said", "seconds")
    if as_json:
        print_json(
            {"route": route, "replies": [dict(zip(names, row, strict=True)) for row in rows]}
        )
    else:
        print_table(names, rows)
    if any(r.verdict != "taken" for r in replies):
        raise click.exceptions.Exit(1)


@alerts.command()
@click.option("--receiver", default="", help="Of this one only.")
@json_option
@pass_context
def dead(context: Context, receiver: str, as_json: bool) -> None:
    """List dead letters: messages that were given up, newest first, and why."""
    from coldplate.console.alerting import outbox_of

    outbox = outbox_of(context, alone=False)
    try:
        letters = outbox.dead_letters(receiver)
    finally:
        outbox.close()
    rows: list[dict[str, Any]] = [
        {
            "id": x.id, "receiver": x.receiver, "dead_ms": x.dead_ms, "said": x.said,
            "title": x.message.told[0].text.title if x.message and x.message.told else "",
        }
        for x in letters
    ]  # fmt: skip
    if as_json:
        print_json({"dead": rows})
    elif rows:
        names = ("id", "receiver", "dead_ms", "said", "title")
        print_table(names, [tuple(row[n] for n in names) for row in rows])
    else:
        click.echo("no dead letters")


@alerts.command()
@click.argument("ids", nargs=-1)
@click.option("--receiver", default="", help="All of this one.")
@click.option("--all", "everything", is_flag=True, help="All there are.")
@json_option
@pass_context
def resend(context: Context, ids: tuple[str, ...], receiver: str, everything: bool, as_json: bool) -> None:  # fmt: skip
    """Send dead letters again, under their ids: those named, a receiver's, or all."""
    from coldplate.console.alerting import outbox_of
    from coldplate.console.failure import BAD_INPUT, Failure

    if not (ids or receiver or everything):
        raise Failure("name dead letters, or --receiver NAME, or --all; `coldplate alerts dead` lists them", BAD_INPUT)  # fmt: skip
    outbox = outbox_of(context, alone=False)
    try:
        known = {x.id for x in outbox.dead_letters(receiver, limit=1_000_000)}
        if missing := sorted(set(ids) - known):
            raise Failure(f"no dead letter is called {', '.join(missing)}; `coldplate alerts dead` lists them", BAD_INPUT)  # fmt: skip
        again = outbox.resend(ids, receiver)
    finally:
        outbox.close()
    if as_json:
        print_json({"resent": again})
    else:
        click.echo(f"{again} wait to be sent again")


@alerts.command()
@json_option
@pass_context
def queue(context: Context, as_json: bool) -> None:
    """Show how much waits for each receiver, since when, and how many were given up."""
    from coldplate.console.alerting import outbox_of

    outbox = outbox_of(context, alone=False)
    try:
        lengths = outbox.lengths()
    finally:
        outbox.close()
    names = ("receiver", "pending", "dead", "oldest_ms")
    rows = [(name, x.pending, x.dead, x.oldest_ms) for name, x in lengths.items()]
    if as_json:
        print_json({"receivers": [dict(zip(names, row, strict=True)) for row in rows]})
    elif rows:
        print_table(names, rows)
    else:
        click.echo("nothing waits")
