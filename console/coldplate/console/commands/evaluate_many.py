"""`coldplate evaluate soak` and `page`: many runs, kept one by one, so that they can be stopped and go on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import json_option, print_json

F = TypeVar("F", bound=Callable[..., Any])


def kept_options(command: F) -> F:
    """Where finished runs are kept, and how many go on at the same time."""
    keep = click.option(
        "--keep", type=click.Path(file_okay=False, path_type=Path), default=Path("build/evaluate"),
        show_default=True, metavar="DIR", help="Finished runs lie here and are not run again with the same parameters.",
    )  # fmt: skip
    processes = click.option(
        "--processes", default=1, show_default=True, type=click.IntRange(1, 1024), metavar="N",
        help="Runs at the same time.",
    )  # fmt: skip
    return keep(processes(command))


@click.command()
@click.option("--gpu-days", default=1000.0, show_default=True, type=click.FloatRange(0, min_open=True), metavar="N", help="Run whole halls until there are so many.")  # fmt: skip
@click.option("--racks", default=256, show_default=True, type=click.IntRange(1, 20_000), metavar="N", help="Of each hall.")  # fmt: skip
@click.option("--minutes", default=60.0, show_default=True, type=click.FloatRange(1), help="Of each hall.")  # fmt: skip
@click.option("--first-seed", default=1, show_default=True, type=int, metavar="N", help="Halls have seeds from here on.")  # fmt: skip
@kept_options
@json_option
def soak(
    gpu_days: float, racks: int, minutes: float, first_seed: int, processes: int, keep: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Healthy halls at work, with all that only looks like a fault: each page is a false one."""
    from coldplate.console.benching.progress import Progress
    from coldplate.console.evaluating.shown import false_pages
    from coldplate.console.evaluating.soak import pooled, works

    runs = works(gpu_days, racks, 60.0 * minutes, first_seed)
    with Progress() as progress:
        figures = pooled(
            keep, runs, processes,
            lambda done: progress.show(f"{done} of {len(runs)} halls judged", done / len(runs)),
        )  # fmt: skip
    if as_json:
        print_json(figures)
        return
    click.echo(false_pages(figures))
    for page in figures["pages"]:
        click.echo(f"  {page['kind']} {page['subject']} seed {page['seed']} at {page['at_s']:g} s")


@click.command()
@click.option("--scenario", "scenarios", multiple=True, default=("everything", "pump-day"), show_default=True, metavar="S", help="Names of `twin list` or TOML files; several may be given.")  # fmt: skip
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), metavar="N", help="How many seeds of each.")  # fmt: skip
@click.option("--first-seed", default=9001, show_default=True, type=int, metavar="N", help="Seeds from here on; none of them is used elsewhere.")  # fmt: skip
@click.option("--page", "path", default=Path("docs/evaluation.md"), show_default=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE", help="Its results are written anew, pictures beside it.")  # fmt: skip
@click.option("--family", "families", multiple=True, metavar="F", help="Draw these families of faults only; several may be given.  [default: all]")  # fmt: skip
@kept_options
@json_option
def page(
    scenarios: tuple[str, ...], seeds: int, first_seed: int, path: Path, families: tuple[str, ...],
    processes: int, keep: Path, as_json: bool,
) -> None:  # fmt: skip
    """Scenarios over seeds, the rules of today beside: tables and pictures for docs/evaluation.md."""
    from coldplate.console.benching.progress import Progress
    from coldplate.console.commands.twin import said_plainly
    from coldplate.console.evaluating.page import works, write

    command = " ".join((
        "coldplate evaluate page", *(f"--scenario {s}" for s in scenarios),
        f"--seeds {seeds} --first-seed {first_seed}",
    ))  # fmt: skip
    with said_plainly(), Progress() as progress:
        runs = works(scenarios, range(first_seed, first_seed + seeds))
        try:
            figures = write(path, keep, runs, processes, command, progress.show, families)
        except ValueError as error:
            raise Failure(str(error), BAD_INPUT) from None
    if as_json:
        print_json(figures)
    else:
        click.echo(f"{path}: {figures['found']} of {figures['n']} faults found")
