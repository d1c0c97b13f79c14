"""What an evaluation gives: its figures as one dictionary, as a table, and the lines that they were counted from."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import msgspec

from coldplate.console.evaluating.hall import LiveHall
from coldplate.console.output import print_json, print_table
from coldplate.streams.evaluate.match import Matching
from coldplate.streams.evaluate.report import Run, report

Judged = Sequence[tuple[Run, LiveHall]]
"""Runs with the halls that they came from, of one sort."""

COLUMNS = (
    "n", "found", "recall", "delay_p90_s", "before_harm_ratio", "cause_correct_ratio", "pages_per_fault",
)  # fmt: skip
BESIDE = ("recall", "delay_p90_s", "pages_per_fault")
"""Columns of the rules of today."""


def show(judged: Judged, out: Path | None, as_json: bool, **of_run: Any) -> None:
    """Print the figures of all runs pooled, and leave what they were counted from.

    Parameters
    ----------
    judged
        The runs.
    out
        Folder for incidents and matching; None for none.
    as_json
        Otherwise as a table.
    of_run
        What was run: the figures begin with it.
    """
    halls = [live for _, live in judged]
    figures = {
        **of_run,
        **report([run for run, _ in judged]),
        "missing": halls[0].missing,
        "parameters_sha": halls[0].parameters.sha,
    }
    if baselines := [h.baseline for h in halls if h.baseline is not None]:
        figures["baseline"] = {"rules": report(baselines)}
    if rejected := [h.live.rejected for h in halls if h.live.rejected]:
        figures["rejected"] = rejected[0]
    if out is not None:
        leave(out, judged)
    if as_json:
        print_json(figures)
    else:
        print_figures(figures)


def print_figures(figures: dict[str, Any]) -> None:
    """A line a kind; what the rules of today found stands beside."""
    rules = figures.get("baseline", {}).get("rules")
    header = ["kind", *COLUMNS, *(f"rules {c}" for c in BESIDE if rules)]
    rows = [
        [
            kind,
            *(of[c] for c in COLUMNS),
            *(rules["kinds"].get(kind, {}).get(c) for c in BESIDE if rules),
        ]
        for kind, of in figures["kinds"].items()
    ]
    last = ["all", *(figures[c] for c in COLUMNS), *(rules[c] for c in BESIDE if rules)]
    print_table(header, [*rows, last])
    click.echo(false_pages(figures))
    if rules:
        click.echo(f"rules: {false_pages(rules)}")


def false_pages(figures: dict[str, Any]) -> str:
    """False pages in one line, with what they do not exclude."""
    return (
        f"{figures['false_pages']} false pages in {figures['gpu_days']:g} GPU-days:"
        f" {_or_dash(figures['false_pages_per_100k_gpu_days'])} per 100,000 GPU-days,"
        f" with 95 % confidence at most {_or_dash(figures['false_pages_per_100k_gpu_days_upper95'])}"
    )


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def leave(out: Path, judged: Judged) -> None:
    """Write `incidents.jsonl` and `matching.jsonl`."""
    out.mkdir(parents=True, exist_ok=True)
    incidents = [i for _, live in judged for i in live.live.incidents]
    _write(out / "incidents.jsonl", incidents)
    _write(out / "matching.jsonl", [line for run, _ in judged for line in _lines(run.matching)])


def _lines(matching: Matching) -> list[dict[str, Any]]:
    found = [
        {
            "label": asdict(f.label), "said": f.said and asdict(f.said),
            "further": [asdict(s) for s in f.further], "cause_correct": f.cause_correct,
        }
        for f in matching.found
    ]  # fmt: skip
    false = [{"label": near and asdict(near), "false": asdict(s)} for s, near in matching.false]
    return found + false


def _write(path: Path, lines: Sequence[Any]) -> None:
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
