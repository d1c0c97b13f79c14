"""`coldplate incidents`: list incidents, show one, say what is done about it."""

from collections.abc import Callable
from typing import Any

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json, print_table

_SEVERITIES = ("info", "ticket", "warning", "critical")
_OUTCOMES = ("confirmed", "false", "fixed-by")
_OPTIONS = (
    click.option("--all", "everything", is_flag=True, help="Closed ones too."),
    click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many at most."),
    click.option("--severity", type=click.Choice(_SEVERITIES), help="This or worse."),
    click.option("--kind", help="Kind or family of fault."),
    click.option("--subject", metavar="ID", help="A device: that, and all below it."),
    click.option("--since", metavar="TIME", help="Opened since then: -6h, 2026-11-27 14:30 (UTC)."),
    json_option,
)  # fmt: skip


def _list_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _doer_options(command: Callable[..., None]) -> Callable[..., None]:
    who = click.option("--who", help="Who does it. Default: this machine's user.")
    return who(json_option(command))


@click.group(invoke_without_command=True)
@_list_options
@click.pass_context
def incidents(ctx: click.Context, /, **options: Any) -> None:
    """List incidents: open ones, the worst and newest first; or show one, and say what is done about it.

    An ID may be cut to a beginning of 4 or more that is of one incident only.
    """
    if ctx.invoked_subcommand is None:
        _list(ctx.ensure_object(Context), **options)


@incidents.command("list")
@_list_options
@pass_context
def list_(context: Context, /, **options: Any) -> None:
    """List incidents: open ones, the worst and newest first."""
    _list(context, **options)


def _list(
    context: Context, *, everything: bool, limit: int, severity: str | None, kind: str | None,
    subject: str | None, since: str | None, as_json: bool,
) -> None:  # fmt: skip
    from coldplate.console.moments import moment
    from coldplate.console.reviewing import LISTED, Filter, listed
    from coldplate.wire.incident import Severity

    which = Filter(
        closed=everything, severity=Severity(severity) if severity else None, kind=kind,
        subject=subject, since=moment(since, "--since") if since else None,
    )  # fmt: skip
    rows = listed(context, which, limit)
    if as_json:
        print_json({"incidents": [dict(zip(LISTED, row, strict=True)) for row in rows]})
    elif rows:
        print_table(LISTED, rows)
    else:
        click.echo("no incidents" if everything else "no open incidents")


@incidents.command()
@click.argument("id_", metavar="ID")
@json_option
@pass_context
def show(context: Context, id_: str, as_json: bool) -> None:
    """Show all that is known of an incident: cause, evidence, who suffers, and who did what when."""
    from coldplate.console.reviewing import as_text, found, in_full, timeline

    incident = found(context, id_)
    lines = timeline(context, incident["id"])
    if as_json:
        print_json({"incident": in_full(incident), "timeline": lines})
    else:
        click.echo(as_text(incident, lines))


@incidents.command()
@click.argument("id_", metavar="ID")
@click.option("--text", default="", help="What is being done, for others.")
@_doer_options
@pass_context
def ack(context: Context, id_: str, text: str, who: str | None, as_json: bool) -> None:
    """Take care of an incident: nobody is reminded of it any more."""
    _act(context, "ack", id_, who, as_json, text=text)


@incidents.command()
@click.argument("id_", metavar="ID")
@click.option("--text", default="", help="Why it is over.")
@_doer_options
@pass_context
def close(context: Context, id_: str, text: str, who: str | None, as_json: bool) -> None:
    """Say that an incident is over; it opens again when it becomes worse."""
    _act(context, "close", id_, who, as_json, text=text)


@incidents.command()
@click.argument("id_", metavar="ID")
@click.option("--outcome", required=True, type=click.Choice(_OUTCOMES), help="What it turned out to be.")  # fmt: skip
@click.option("--text", default="", help="Details; with fixed-by, what mended it.")
@_doer_options
@pass_context
def mark(
    context: Context, id_: str, outcome: str, text: str, who: str | None, as_json: bool
) -> None:
    """Say what an incident was: real, false, or mended by something."""
    from coldplate.console.failure import BAD_INPUT, Failure
    from coldplate.wire.action import Outcome

    if outcome == "fixed-by" and not text.strip():
        raise Failure("--outcome fixed-by: say with --text what mended it", BAD_INPUT)
    _act(context, "mark", id_, who, as_json, text=text, outcome=Outcome(outcome))


@incidents.command()
@click.argument("id_", metavar="ID")
@click.argument("text")
@_doer_options
@pass_context
def note(context: Context, id_: str, text: str, who: str | None, as_json: bool) -> None:
    """Add a remark to an incident's timeline."""
    from coldplate.console.failure import BAD_INPUT, Failure

    if not text.strip():
        raise Failure("a note needs words", BAD_INPUT)
    _act(context, "note", id_, who, as_json, text=text)


def _act(
    context: Context, verb: str, prefix: str, who: str | None, as_json: bool, **more: Any
) -> None:
    from coldplate.console.acting import act
    from coldplate.console.failure import Failure
    from coldplate.console.reviewing import found
    from coldplate.wire.action import Verb

    incident = found(context, prefix)
    if verb in ("ack", "close") and incident["state"] != "open":
        raise Failure(f"incident {incident['id']} is closed already")
    done = act(
        context, Verb(verb), who, incident=incident["id"], step=incident["step"], **more
    )  # fmt: skip
    if as_json:
        what = {"verb": verb, "incident": done.incident, "who": done.who, "id": done.id}
        print_json({"action": what | {k: str(v) for k, v in more.items() if v}})
    else:
        about = f"{incident['kind']} on {incident['subject']}"
        click.echo(f"{done.incident} ({about}): {verb} by {done.who}")


@incidents.command()
@click.option("--for", "lasting", metavar="DURATION", help="End after so long: 90s, 30m, 2h. Default: Ctrl-C.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="A line of JSON a change.")
@pass_context
def watch(context: Context, lasting: str | None, as_json: bool) -> None:
    """Follow incidents: those that are open, then a line a change, within a second of the history having it."""
    from coldplate.console.following import follow
    from coldplate.console.moments import lasting_s
    from coldplate.console.reviewing import change

    for_s = lasting_s(lasting, "--for") if lasting else None
    for row in follow(context, for_s, lambda text: click.echo(text, err=True)):
        if as_json:
            print_json(row)
        else:
            click.echo(change(row))
