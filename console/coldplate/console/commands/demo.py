"""`coldplate demo`: the whole chain on this machine; a pump fails, and one page names it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.failure import Failure
from coldplate.console.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from coldplate.console.demo.run import Outcome
    from coldplate.wire.ports import History

SUMMARY = Path("demo-summary.json")
INTERRUPTED = 130


@click.command()
@click.option(
    "--duration", "duration_s", type=click.FloatRange(min=5.0), metavar="S",
    help="End by itself after so many seconds of samples.  [default: at Ctrl-C]",
)  # fmt: skip
@click.option("--fresh", is_flag=True, help="Forget everything of earlier runs first.")
@click.option(
    "--recording", type=click.Path(exists=True, file_okay=False), metavar="DIR",
    help="Recording of the real GPU.  [default: tests/recordings/h200 of the checkout]",
)  # fmt: skip
@click.option(
    "--svg", type=click.Path(dir_okay=False), metavar="FILE",
    help="Also draw the moment before the first GPU throttles as a picture.",
)  # fmt: skip
@json_option
@pass_context
def demo(
    context: Context, duration_s: float | None, fresh: bool, recording: str | None, svg: str | None, as_json: bool
) -> None:  # fmt: skip
    """Run 4 racks of the twin and a recorded H200 through real Kafka, Faust and ClickHouse.

    After 30 s pump 1 of rack-0003/cdu stops and its spare comes up to 30 % of the flow; after 75 s it is back.
    At the end demo-summary.json has the figures. Exit 1 when a frame was lost or doubled, or when the incidents
    that page are not exactly the expected one.
    """
    from rich.console import Console

    from coldplate.console.demo.run import run_demo
    from coldplate.console.demo.story import story
    from coldplate.console.demo.summary import summarise, verdict
    from coldplate.console.demo.view import View
    from coldplate.console.fetching import fetch_with_progress, stack_errors

    SUMMARY.unlink(missing_ok=True)
    told = story(duration_s, recording)
    fetch_with_progress(context)
    summary: dict[str, Any] = {}
    wrong: list[str] = []
    interrupted = False

    def judge(outcome: "Outcome", history: "History") -> None:
        nonlocal interrupted
        summary.update(summarise(outcome, history))
        wrong.extend(verdict(outcome, summary))
        interrupted = outcome.interrupted
        SUMMARY.write_text(json.dumps(summary, indent=1) + "\n", "utf-8")

    console = Console(stderr=as_json)
    with stack_errors(), View(console, Path(svg) if svg else None) as view:
        run_demo(context, told, view, judge, fresh=fresh)
    if as_json:
        print_json(summary)
    else:
        print_table(("demo-summary.json", ""), list(_short(summary)))
    if wrong:
        raise Failure("; ".join(wrong))
    if interrupted:
        raise click.exceptions.Exit(INTERRUPTED)


def _short(summary: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for key, value in summary.items():
        if key in ("incidents", "info_incidents"):
            rows += [(key, f"{i['kind']} on {i['subject']}: {i['cause']}") for i in value]
        elif isinstance(value, dict):
            rows.append((key, ", ".join(f"{k} {v}" for k, v in value.items())))
        else:
            rows.append((key, "-" if value is None else str(value)))
    return rows
