"""`coldplate twin`: the digital twin's hall, published as a real one would be."""

import time
from typing import TYPE_CHECKING

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from coldplate.twin.scenario import Scenario


@click.group()
def twin() -> None:
    """The digital twin: frames of a hall that behaves like a real one."""


@twin.command("list")
@json_option
def list_scenarios(as_json: bool) -> None:
    """List the scenarios that come with coldplate."""
    from coldplate.twin.scenario import load, names

    rows = [
        (n, s.racks, s.racks * s.nodes * s.gpus, len(s.faults)) for n in names() if (s := load(n))
    ]
    columns = ("scenario", "racks", "gpus", "faults")
    if as_json:
        print_json({"scenarios": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        print_table(columns, rows)


@twin.command()
@click.argument("scenario", default="healthy")
@click.option("--racks", type=click.IntRange(1, 20_000), help="As many racks as this instead.")
@click.option("--for", "for_s", type=float, metavar="S", help="Stop after so many seconds.")
@click.option("--ledger", type=click.Path(dir_okay=False), help="Write the ids of what is sent.")
@click.option("--stats", type=click.Path(dir_okay=False), help="Write counts once a second.")
@json_option
@pass_context
def run(
    context: Context, scenario: str, racks: int | None, for_s: float | None,
    ledger: str | None, stats: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Publish the frames of SCENARIO (a name from `twin list`, or a TOML file) in real time."""
    from coldplate.console.sending import send
    from coldplate.twin.collector import TwinCollector
    from coldplate.twin.model import Hall

    context.log_to_stderr()
    hall = Hall(load_scenario(scenario, racks))
    counts = send(
        context, TwinCollector(hall), boot=time.time_ns(), for_s=for_s, ledger=ledger, stats=stats
    )
    if as_json:
        print_json(counts)


def load_scenario(name: str, racks: int | None = None) -> "Scenario":
    """A scenario by name or file, with another number of racks when given."""
    import msgspec

    from coldplate.twin.scenario import load

    try:
        scenario = load(name)
        return scenario if racks is None else msgspec.structs.replace(scenario, racks=racks)
    except (ValueError, OSError) as error:
        raise Failure(str(error), BAD_INPUT) from None
