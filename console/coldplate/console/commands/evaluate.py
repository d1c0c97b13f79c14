"""`coldplate evaluate`: how well faults are found, on the twin and on recordings."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from coldplate.console.commands import evaluate_sets
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from coldplate.console.evaluating.hall import LiveHall
    from coldplate.streams.evaluate.report import Run

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


@evaluate.command()
@click.option("--scenario", default="everything", show_default=True, metavar="S", help="A name of `twin list`, or a TOML file.")  # fmt: skip
@click.option("--seed", type=int, help="Another seed than the scenario's.")
@click.option("--gpus", type=click.IntRange(1, 1_280_000), metavar="N", help="Whole racks for so many GPUs.")  # fmt: skip
@click.option("--hours", type=click.FloatRange(0, min_open=True), help="Length.  [default: the scenario's]")  # fmt: skip
@baseline_option
@out_option
@json_option
def twin(
    scenario: str, seed: int | None, gpus: int | None, hours: float | None, out: Path | None,
    as_json: bool, baseline: str | None,
) -> None:  # fmt: skip
    """A hall of the twin with its faults, as if live."""
    from coldplate.console.benching.progress import Progress
    from coldplate.console.commands.twin import load_scenario, said_plainly
    from coldplate.console.evaluating.twin import evaluate_twin

    made = load_scenario(scenario, None, gpus, seed)
    seconds = hours * 3600 if hours else made.duration_s
    with said_plainly(), Progress() as progress:
        run, live = evaluate_twin(
            made, seconds, lambda share: progress.show(f"{share:.0%} of the run judged", share),
            rules=baseline is not None,
        )  # fmt: skip
    _show(run, live, out, as_json, scenario=scenario, seed=made.seed, hours=seconds / 3600)


@evaluate.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@baseline_option
@out_option
@json_option
def recording(folder: Path, out: Path | None, as_json: bool, baseline: str | None) -> None:
    """A recording FOLDER; columns and sensors that it lacks are named in `missing`."""
    from coldplate.console.benching.progress import Progress
    from coldplate.console.evaluating.recording import evaluate_recording
    from coldplate.twin.recording import RecordingError

    try:
        with Progress() as progress:
            run, live = evaluate_recording(
                folder, lambda share: progress.show(f"{share:.0%} of the recording judged", share),
                rules=baseline is not None,
            )  # fmt: skip
    except RecordingError as error:
        raise Failure(str(error), BAD_INPUT) from None
    _show(run, live, out, as_json, recording=str(folder))


def _show(
    run: "Run", live: "LiveHall", out: Path | None, as_json: bool, **of_run: Any
) -> None:  # fmt: skip
    from coldplate.streams.detectors import parameters_sha
    from coldplate.streams.evaluate.report import report

    figures = {
        **of_run,
        **report([run]),
        "missing": live.missing,
        "parameters_sha": parameters_sha(),
    }
    if live.baseline is not None:
        figures["baseline"] = {"rules": report([live.baseline])}
    if rejected := live.live.rejected:
        figures["rejected"] = rejected
    if out is not None:
        _leave(out, run, live)
    if as_json:
        print_json(figures)
        return
    _print_figures(figures)


def _print_figures(figures: dict[str, Any]) -> None:
    """A line a kind; what the rules of today found stands beside."""
    columns = ("n", "found", "recall", "delay_p90_s", "before_harm_ratio", "cause_correct_ratio", "pages_per_fault")  # fmt: skip
    beside = ("recall", "delay_p90_s", "pages_per_fault")
    rules = figures.get("baseline", {}).get("rules")
    header = ["kind", *columns, *(f"rules {c}" for c in beside if rules)]
    rows = [
        [
            kind,
            *(of[c] for c in columns),
            *(rules["kinds"].get(kind, {}).get(c) for c in beside if rules),
        ]
        for kind, of in figures["kinds"].items()
    ]
    last = ["all", *(figures[c] for c in columns), *(rules[c] for c in beside if rules)]
    print_table(header, [*rows, last])
    _print_false("", figures)
    if rules:
        _print_false("rules: ", rules)


def _print_false(whose: str, figures: dict[str, Any]) -> None:
    click.echo(
        f"{whose}{figures['false_pages']} false pages in {figures['gpu_days']:g} GPU-days:"
        f" {_or_dash(figures['false_pages_per_100k_gpu_days'])} per 100,000 GPU-days,"
        f" with 95 % confidence at most {_or_dash(figures['false_pages_per_100k_gpu_days_upper95'])}"
    )


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _leave(out: Path, run: "Run", live: "LiveHall") -> None:
    import msgspec

    out.mkdir(parents=True, exist_ok=True)
    encode = msgspec.json.encode
    incidents = [encode(i) for i in live.live.incidents]
    (out / "incidents.jsonl").write_bytes(b"".join(line + b"\n" for line in incidents))
    lines = [
        {
            "label": asdict(f.label), "said": f.said and asdict(f.said),
            "further": [asdict(s) for s in f.further], "cause_correct": f.cause_correct,
        }
        for f in run.matching.found
    ] + [
        {"label": near and asdict(near), "false": asdict(s)} for s, near in run.matching.false
    ]  # fmt: skip
    (out / "matching.jsonl").write_bytes(b"".join(encode(line) + b"\n" for line in lines))


for _command in (evaluate_sets.skab, evaluate_sets.nab, evaluate_sets.hydraulic):
    evaluate.add_command(_command)
