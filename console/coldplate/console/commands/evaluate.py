"""`coldplate evaluate`: how well faults are found, on the twin and on recordings."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from coldplate.console.commands import evaluate_commissioning, evaluate_many, evaluate_sets
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import json_option

if TYPE_CHECKING:
    from coldplate.wire.baseline import Baselines

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def evaluate() -> None:
    """How well faults are found: recall, delay, cause, pages per fault, false pages."""


def out_option(command: F) -> F:
    """Where incidents and matching are left."""
    return click.option(
        "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
        help="Leave incidents.jsonl and matching.jsonl there, so that anyone can count again.",
    )(command)  # fmt: skip


def baseline_option(command: F) -> F:
    """A peer to compare with."""
    return click.option(
        "--baseline", type=click.Choice(["rules"]),
        help="Also the alert rules that people use today, on the same data: key `baseline`.",
    )(command)  # fmt: skip


def parameters_option(command: F) -> F:
    """Other parameters than the detectors' own."""
    return click.option(
        "--parameters", "parameters_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE", help="Parameters of detectors (`coldplate detectors --toml`).  [default: their own]",
    )(command)  # fmt: skip


@evaluate.command()
@click.option("--scenario", default="everything", show_default=True, metavar="S", help="A name of `twin list`, or a TOML file.")  # fmt: skip
@click.option("--seed", type=int, help="Another seed than the scenario's.")
@click.option("--gpus", type=click.IntRange(1, 1_280_000), metavar="N", help="Whole racks for so many GPUs.")  # fmt: skip
@click.option("--hours", type=click.FloatRange(0, min_open=True), help="Length.  [default: the scenario's]")  # fmt: skip
@click.option(
    "--certificates/--no-certificates",
    default=False,
    show_default=True,
    help="Begin with what an acceptance of the same hall, before its faults, measured (docs/bring-up.md).",
)
@parameters_option
@baseline_option
@out_option
@json_option
def twin(
    scenario: str, seed: int | None, gpus: int | None, hours: float | None, out: Path | None,
    as_json: bool, baseline: str | None, parameters_file: Path | None, certificates: bool,
) -> None:  # fmt: skip
    """A hall of the twin with its faults, as if live."""
    from coldplate.console.benching.progress import Progress
    from coldplate.console.commands.twin import load_scenario, said_plainly
    from coldplate.console.evaluating.hall import CLUSTER
    from coldplate.console.evaluating.shown import show
    from coldplate.console.evaluating.twin import START_MS, evaluate_twin, groundless_tickets
    from coldplate.console.parametering import parameters_of_file

    made = load_scenario(scenario, None, gpus, seed)
    seconds = hours * 3600 if hours else made.duration_s
    with said_plainly(), Progress() as progress:
        begun: dict[str, Any] = {}
        records: tuple[Baselines, ...] = ()
        if certificates:
            from coldplate.console.evaluating.certified import accepted

            progress.show("the hall is accepted first", 0.0)
            site = accepted(made, CLUSTER, START_MS)
            records, begun = site.records, {"certificates": site.figures()}
        judged = evaluate_twin(
            made, seconds, lambda share: progress.show(f"{share:.0%} of the run judged", share),
            rules=baseline is not None, parameters=parameters_of_file(parameters_file), baselines=records,
        )  # fmt: skip
    show(
        [judged], out, as_json, scenario=scenario, seed=made.seed, hours=seconds / 3600, **begun,
        groundless_tickets=groundless_tickets(*judged),
    )  # fmt: skip


@evaluate.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--inject", metavar="FAULT", help="Put a fault in: cold-plate:1.3@180[:GPU] is 1.3 times the thermal resistance from second 180 on.")  # fmt: skip
@click.option("--runs", default=1, show_default=True, type=click.IntRange(1, 10_000), metavar="N", help="Of one recorded GPU: N runs, each from another place of the recording on.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(1), help="Of each run, at most.  [default: the recording's]")  # fmt: skip
@parameters_option
@baseline_option
@out_option
@json_option
def recording(
    folder: Path, inject: str | None, runs: int, seconds: float | None,
    out: Path | None, as_json: bool, baseline: str | None, parameters_file: Path | None,
) -> None:  # fmt: skip
    """A recording FOLDER, or the folder of one recorded GPU (trace-10hz.csv); what it lacks is in `missing`."""
    from coldplate.console.benching.progress import Progress
    from coldplate.console.evaluating.recording import Part, evaluate_recording
    from coldplate.console.evaluating.shown import show
    from coldplate.console.parametering import parameters_of_file
    from coldplate.streams.evaluate.inject import Injection

    parameters = parameters_of_file(parameters_file)
    # What is no recording is a ValueError too.
    try:
        fault = None if inject is None else Injection.parse(inject)
        with Progress() as progress:
            judged = []
            for run in range(runs):

                def tell(share: float, run: int = run) -> None:
                    done = (run + share) / runs
                    progress.show(f"{done:.0%} of the recording judged", done)

                part = Part(run, runs, seconds)
                judged.append(
                    evaluate_recording(
                        folder, tell, rules=baseline is not None, inject=fault, part=part,
                        parameters=parameters,
                    )
                )  # fmt: skip
    except ValueError as error:
        raise Failure(str(error), BAD_INPUT) from None
    put_in = {} if inject is None else {"inject": inject}
    show(judged, out, as_json, recording=str(folder), **put_in)


for _command in (
    evaluate_sets.skab, evaluate_sets.nab, evaluate_sets.hydraulic, evaluate_many.soak,
    evaluate_many.page, evaluate_commissioning.commissioning,
):  # fmt: skip
    evaluate.add_command(_command)
