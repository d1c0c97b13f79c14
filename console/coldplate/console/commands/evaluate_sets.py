"""`coldplate evaluate skab|nab|hydraulic`: the general methods on public labelled sets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import json_option, print_json, print_table

F = TypeVar("F", bound=Callable[..., Any])


def data_option(command: F) -> F:
    """Where the set lies; it does not come with the product."""
    return click.option(
        "--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
        metavar="DIR", help="The set's folder, files as published or with .gz.",
    )(command)  # fmt: skip


@click.command()
@data_option
@json_option
def skab(data: Path, as_json: bool) -> None:
    """Faults and change points of a water circulation rig (SKAB)."""
    from coldplate.console.evaluating.sets import evaluate_skab

    figures = _judged(evaluate_skab, data)
    if as_json:
        print_json(figures)
        return
    columns = ("f1", "far", "mar", "nab_standard", "missed", "fault_free_alarm_share")
    rows = [[name, *(of.get(c) for c in columns)] for name, of in figures["per_file"].items()]
    print_table(("file", *columns), [*rows, ["all", *(figures[c] for c in columns)]])


@click.command()
@data_option
@click.option(
    "--threshold", type=click.FloatRange(0, 1), metavar="T",
    help="For all three profiles.  [default: the corpus' best for each, as the protocol has it]",
)  # fmt: skip
@json_option
def nab(data: Path, threshold: float | None, as_json: bool) -> None:
    """Single-metric series of operations (NAB)."""
    from coldplate.console.evaluating.sets import evaluate_nab

    _show(_judged(lambda folder: evaluate_nab(folder, threshold), data), as_json)


@click.command()
@data_option
@json_option
def hydraulic(data: Path, as_json: bool) -> None:
    """A cooler that changes while pump, valve and accumulator change too (hydraulic rig)."""
    from coldplate.console.evaluating.sets import evaluate_hydraulic

    _show(_judged(evaluate_hydraulic, data), as_json)


def _judged(evaluate: Callable[[Path], dict[str, Any]], data: Path) -> dict[str, Any]:
    from coldplate.streams.evaluate.sets.skab import SetError

    try:
        return evaluate(data)
    except SetError as error:
        raise Failure(str(error), BAD_INPUT) from None


def _show(figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(figures)
        return
    plain = {k: v for k, v in figures.items() if not isinstance(v, dict)}
    print_table(tuple(plain), [list(plain.values())])
