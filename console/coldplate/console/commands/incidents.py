"""`coldplate incidents`: list incidents."""

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json, print_table

_COLUMNS = (
    "id",
    "state",
    "severity",
    "kind",
    "subject",
    "opened_at",
    "closed_at",
    "affected",
    "cause",
)


@click.command()
@click.option("--all", "everything", is_flag=True, help="Closed ones too.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many at most.")  # fmt: skip
@json_option
@pass_context
def incidents(context: Context, everything: bool, limit: int, as_json: bool) -> None:
    """List incidents: open ones, the worst and newest first."""
    from coldplate.console.asking import ask

    where = "" if everything else "WHERE state = 'open'"
    columns, rows = ask(
        context,
        "SELECT id, state, severity, kind, subject, opened_at, closed_at, length(affected) AS affected, cause"
        f" FROM incidents_now {where}"
        " ORDER BY state = 'open' DESC, opened_at DESC LIMIT %(limit)s",
        {"limit": limit},
    )
    if as_json:
        print_json({"incidents": [dict(zip(columns, row, strict=True)) for row in rows]})
    elif rows:
        print_table(_COLUMNS, rows)
    else:
        click.echo("no incidents" if everything else "no open incidents")
