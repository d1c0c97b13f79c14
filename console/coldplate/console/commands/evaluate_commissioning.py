"""`coldplate evaluate commissioning`: how well an acceptance finds what is wrong with new racks."""

from pathlib import Path
from typing import Any

import click

from coldplate.console.output import json_option, print_json, print_table


@click.command()
@click.option(
    "--racks",
    default=200,
    show_default=True,
    type=click.IntRange(1, 2000),
    metavar="N",
    help="Of the hall, 64 GPUs each.",
)
@click.option(
    "--seed",
    default=1,
    show_default=True,
    type=click.IntRange(0),
    metavar="N",
    help="Of the hall and its defects.",
)
@click.option(
    "--mild",
    is_flag=True,
    help="Also defects within the limits of acceptance, from barely visible on.",
)
@click.option(
    "--limits",
    "limits_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Other limits (TOML, [commission]).",
)
@json_option
def commissioning(
    racks: int, seed: int, mild: bool, limits_file: Path | None, as_json: bool
) -> None:  # fmt: skip
    """A hall of the twin with seeded defects, brought up rack by rack through the procedure of `coldplate commission`."""
    from coldplate.console.benching.progress import Progress
    from coldplate.console.commission.evaluating import evaluate_commissioning
    from coldplate.console.commission.limits import load_limits

    with Progress() as progress:
        figures = evaluate_commissioning(racks, seed, load_limits(limits_file), progress.show, mild=mild)  # fmt: skip
    if as_json:
        print_json(figures)
        return
    _show(figures)


def _show(figures: dict[str, Any]) -> None:
    columns = ("n", "found", "cause_right", "found_by_power")
    rows = [(kind, *(of[c] for c in columns)) for kind, of in figures["kinds"].items()]
    print_table(("kind", *columns), rows)
    click.echo(
        f"{figures['found']} of {figures['defects']} defects found, cause right in {figures['cause_correct_ratio'] or 0:.1%}; "
        f"{figures['wrongly_held_ratio'] or 0:.3%} of healthy GPUs held; a power test would have found {figures['dcgm_like_recall'] or 0:.1%}"
    )
    for line in figures["missed"]:
        click.echo(f"missed: {line}")
    for line in figures["groundless"]:
        click.echo(f"groundless: {line}")
