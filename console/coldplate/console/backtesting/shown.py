"""A backtest for a person: both settings side by side, and where they differ."""

from collections.abc import Sequence
from typing import Any

import click

from coldplate.console.output import print_table

ROWS = (
    ("precision", "confirmed pages of those that were marked"),
    ("recall", "confirmed incidents that paged"),
    ("lead_time_p50_s", "earlier than recorded"),
    ("pages", ""),
    ("pages_per_week", ""),
    ("confirmed", ""),
    ("false", ""),
    ("missed", "confirmed, and no page"),
    ("unmarked", "nobody said what it was"),
    ("new", "the history has no such incident"),
    ("further", "more pages of the same"),
)

DIFFERENCE = ("incident", "subject", "kind", "current", "proposed", "outcome")


def show(result: dict[str, Any]) -> None:
    """Print it."""
    click.echo(
        f"{result['from']} to {result['to']}: {result['gpu_days']:g} GPU-days in {result['seconds']:g} s"
    )
    if result["parameters"]:
        _table(("detector", "parameter", "place", "old", "new"), result["parameters"])
    current, proposed = result["current"], result["proposed"]
    print_table(
        ("", "current", "proposed", "meaning"),
        [(name, current[name], proposed[name], meaning) for name, meaning in ROWS],
    )
    if result["differences"]:
        click.echo("when each opened that is not the same:")
        _table(DIFFERENCE, result["differences"])
    else:
        click.echo("both tell the same incidents at the same times")
    for kind, names in result["missing"].items():
        if names:
            click.echo(f"no {kind} told {', '.join(names)}")
    for note in result["notes"]:
        click.echo(f"note: {note}")


def _table(columns: Sequence[str], lines: Sequence[dict[str, Any]]) -> None:
    print_table(columns, [tuple(line[c] for c in columns) for line in lines])
