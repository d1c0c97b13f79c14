"""`coldplate silence`: keep alerts back for a while, for a reason."""

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json, print_table

_COLUMNS = ("id", "state", "about", "times", "who", "reason")


@click.group()
def silence() -> None:
    """Keep alerts back: incidents go on, messages wait. What still holds at the end is sent then.

    An ID may be cut to a beginning of 4 or more that is of one silence only.
    """


@silence.command()
@click.argument("subject", required=False, default="")
@click.option("--kind", default="", help="Kind or family of fault.")
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="NAME=VALUE",
    help="A label and its value; may be given again.",
)
@click.option(
    "--for",
    "lasting",
    metavar="DURATION",
    help="How long: 90s, 30m, 2h, 7d; with --cron, how long each window.",
)
@click.option(
    "--until", metavar="TIME", help="Until when, as 2026-11-27T14:30:00Z or 2026-11-27 14:30 (UTC)."
)
@click.option(
    "--from", "begin", default="now", show_default=True, metavar="TIME", help="From when, likewise."
)
@click.option(
    "--cron",
    default="",
    metavar="FIELDS",
    help="Windows that recur: minute, hour, day, month, weekday at which each begins.",
)
@click.option(
    "--zone", default="UTC", show_default=True, help="Whose clock --cron means, as Europe/Oslo."
)
@click.option("--reason", required=True, help="Why, for others.")
@click.option("--who", help="Who does it. Default: this machine's user.")
@json_option
@pass_context
def add(
    context: Context, subject: str, kind: str, labels: tuple[str, ...], lasting: str | None, until: str | None,
    begin: str, cron: str, zone: str, reason: str, who: str | None, as_json: bool,
) -> None:  # fmt: skip
    r"""Keep back what is about SUBJECT (a device, with all below it), a kind, labels: all that is given must match.

    \b
    coldplate silence add rack-0003 --for 2h --reason "pump swap"
    coldplate silence add --kind leak --label row=row-2 --until "2026-11-28 06:00" --reason "rope test"
    coldplate silence add row-1 --cron "0 3 * * 1" --for 2h --zone Europe/Oslo --reason "weekly flush"
    """
    from coldplate.console.acting import act, person
    from coldplate.console.silencing import Asked, Made, about, row_of, silence_of, times
    from coldplate.wire.action import Verb

    asked = Asked(subject, kind, labels, lasting, until, begin, cron, zone, reason)
    made = silence_of(context, asked, person(who))
    act(context, Verb.SILENCE, who, text=reason, silence=made)
    if as_json:
        print_json({"silence": row_of(Made(made), _now_ms())})
    else:
        click.echo(f"silence {made.id}: {about(made)}, {times(made)}")


@silence.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that are past or were ended.")
@json_option
@pass_context
def list_(context: Context, everything: bool, as_json: bool) -> None:
    """List silences, the newest first."""
    from coldplate.console.silencing import about, row_of, silences, times

    now_ms = _now_ms()
    found = [
        made
        for made in silences(context)
        if everything or made.state(now_ms) not in ("ended", "past")
    ]
    if as_json:
        print_json({"silences": [row_of(made, now_ms) for made in found]})
    elif found:
        print_table(
            _COLUMNS,
            [
                (m.silence.id, m.state(now_ms), about(m.silence), times(m.silence), m.silence.who, m.silence.reason)
                for m in found
            ],
        )  # fmt: skip
    else:
        click.echo("no silences")


@silence.command()
@click.argument("id_", metavar="ID")
@click.option("--who", help="Who does it. Default: this machine's user.")
@json_option
@pass_context
def end(context: Context, id_: str, who: str | None, as_json: bool) -> None:
    """End a silence now: what it kept back and still holds is sent."""
    from coldplate.console.acting import act
    from coldplate.console.failure import Failure
    from coldplate.console.silencing import about, found
    from coldplate.wire.action import Verb

    made = found(context, id_)
    state = made.state(_now_ms())
    if state in ("ended", "past"):
        by = f" by {made.ended_by}" if made.ended_by else ""
        raise Failure(f"silence {made.silence.id} is {state}{by}")
    done = act(context, Verb.UNSILENCE, who, silence=made.silence)
    if as_json:
        print_json({"ended": made.silence.id, "who": done.who})
    else:
        click.echo(f"silence {made.silence.id} ({about(made.silence)}): ended by {done.who}")


@silence.command()
@click.argument("id_", metavar="ID")
@json_option
@pass_context
def show(context: Context, id_: str, as_json: bool) -> None:
    """Show a silence, and which incidents it kept something back of."""
    from coldplate.console.asking import ask
    from coldplate.console.silencing import about, found, row_of, times

    made, now_ms = found(context, id_), _now_ms()
    s = made.silence
    _, rows = ask(
        context,
        "SELECT DISTINCT incident FROM actions WHERE verb = 'held' AND silence_id = %(id)s ORDER BY incident",
        {"id": s.id},
    )
    held = [str(incident) for (incident,) in rows]
    if as_json:
        print_json({"silence": row_of(made, now_ms), "held": held})
        return
    click.echo(f"silence {s.id}: {made.state(now_ms)}\n  {about(s)}, {times(s)}")
    click.echo(f"  {'planned' if s.planned else 'made'} by {s.who}: {s.reason}")
    if made.ended_by:
        click.echo(f"  ended by {made.ended_by} at {made.ended_at:%Y-%m-%d %H:%M:%S} UTC")
    click.echo(f"  kept back: {', '.join(held) or 'nothing'}")


def _now_ms() -> int:
    import time

    return time.time_ns() // 1_000_000
