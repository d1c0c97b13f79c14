"""`coldplate twin`: the digital twin's hall, published, recorded, drawn and asked."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from coldplate.twin.scenario import Scenario

F = TypeVar("F", bound=Callable[..., Any])

BACK_S = 3600.0
"""How far in the past a hurried run begins when it is not told for how long."""


@click.group()
def twin() -> None:
    """The digital twin: a hall that behaves like a real one, published, recorded, drawn and asked."""


def scenario_options(command: F) -> F:
    """Which scenario, and how large its hall is."""
    for option in (
        click.option("--gpus", type=click.IntRange(1, 1_280_000), metavar="N", help="Whole racks for so many GPUs."),
        click.option("--racks", type=click.IntRange(1, 20_000), metavar="N", help="As many racks as this."),
        click.option("--scenario", "name", metavar="S", help="A name of `twin list`, or a TOML file."),
        click.argument("scenario", required=False),
    ):  # fmt: skip
        command = option(command)
    return command


def sending_options(command: F) -> F:
    """What is left behind of what is sent, and how fast it goes."""
    for option in (
        click.option("--stats", type=click.Path(dir_okay=False), help="Write counts once a second."),
        click.option("--ledger", type=click.Path(dir_okay=False), help="Write the ids of what is sent."),
        click.option(
            "--speed", default="1", show_default=True, type=click.Choice(["1", "10", "max"]),
            help="Faster than time: begins in the past and ends, or goes on at speed 1, when it reaches the present.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def _picture(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    """A file that can be drawn into, or a usage error before anything is computed."""
    if path is not None and path.suffix not in (".png", ".svg", ".pdf"):
        raise click.BadParameter(f"{path.name!r}: a name that ends in .png, .svg or .pdf")
    return path


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
@json_option
def faults(as_json: bool) -> None:
    """List the fault library: each kind, its family, what it befalls, and what it is."""
    from coldplate.twin.faults.library import KINDS

    rows = [
        (name, kind.family, " or ".join(kind.on), kind.pages, kind.line)
        for name, kind in sorted(KINDS.items(), key=lambda entry: (entry[1].family, entry[0]))
    ]
    columns = ("kind", "family", "befalls", "pages", "what it is")
    if as_json:
        keys = ("kind", "family", "on", "pages", "line")
        print_json({"faults": [dict(zip(keys, row, strict=True)) for row in rows]})
    else:
        print_table(columns, [(*row[:3], "yes" if row[3] else "no", row[4]) for row in rows])


@twin.command()
@scenario_options
@sending_options
@click.option("--for", "for_s", type=float, metavar="S", help="Stop after so many seconds of the hall's time.")  # fmt: skip
@json_option
@pass_context
def run(
    context: Context, scenario: str | None, name: str | None, racks: int | None, gpus: int | None,
    speed: str, for_s: float | None, ledger: str | None, stats: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Publish the frames of SCENARIO (a name from `twin list`, or a TOML file) as its agents would."""
    from coldplate.console.sending import send
    from coldplate.twin.collector import TwinCollector
    from coldplate.twin.model import Hall

    context.log_to_stderr()
    with said_plainly():
        hall = Hall(load_scenario(name or scenario or "healthy", racks, gpus))
    counts = send(
        context, TwinCollector(hall), boot=time.time_ns(), for_s=for_s, ledger=ledger, stats=stats,
        speed=float("inf" if speed == "max" else speed), back_s=back_s(speed, for_s),
    )  # fmt: skip
    if as_json:
        print_json(counts)


@twin.command()
@scenario_options
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="New or empty folder.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(1), help="Length.  [default: the scenario's]")
@click.option("--seed", type=int, help="Another seed than the scenario's.")
@click.option("--start", type=click.DateTime(), metavar="TIME", help="UTC time of the first tick.  [default: now]")  # fmt: skip
@json_option
def record(
    scenario: str | None, name: str | None, racks: int | None, gpus: int | None, out: Path,
    seconds: float | None, seed: int | None, start: datetime | None, as_json: bool,
) -> None:  # fmt: skip
    """Write the recording of a run: samples (parquet), events, labels, inventory and scenario."""
    from coldplate.console.benching.progress import Progress
    from coldplate.twin.record import record as record_run

    name = name or scenario or "demo"
    made = load_scenario(name, racks, gpus, seed)
    begin = start.replace(tzinfo=UTC).timestamp() if start else time.time()
    with said_plainly(), Progress() as progress:
        made_of = record_run(
            made, out, name=Path(name).stem, start_ms=int(begin) * 1000,
            seconds=seconds or made.duration_s,
            tell=lambda share: progress.show(f"{share:.0%} of the run recorded", share),
        )  # fmt: skip
    if as_json:
        print_json({"out": str(out), **made_of})
    else:
        click.echo(f"{out}: {', '.join(f'{n} {what}' for what, n in made_of.items())}")


@twin.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@sending_options
@click.option("--for", "for_s", type=float, metavar="S", help="Stop after so many seconds of it.")
@json_option
@pass_context
def replay(
    context: Context, folder: Path, speed: str, for_s: float | None, ledger: str | None,
    stats: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Publish the recording in FOLDER as its agents would have, once."""
    from coldplate.console.sending import send
    from coldplate.twin.replayed import ReplayedCollector

    context.log_to_stderr()
    with said_plainly():
        collector = ReplayedCollector(folder)
    for_s = min(for_s or collector.length_s, collector.length_s)
    counts = send(
        context, collector, boot=time.time_ns(), for_s=for_s, ledger=ledger, stats=stats,
        speed=float("inf" if speed == "max" else speed), back_s=back_s(speed, for_s),
    )  # fmt: skip
    if as_json:
        print_json(counts)


@twin.command()
@scenario_options
@click.option("--subject", required=True, metavar="ID", help="A rack, node, GPU or CDU: rack-0003.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", callback=_picture, help="PNG, SVG or PDF.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(2), help="Length.  [default: the scenario's]")
def plot(
    scenario: str | None, name: str | None, racks: int | None, gpus: int | None, subject: str,
    out: Path, seconds: float | None,
) -> None:  # fmt: skip
    """Draw a subject's temperatures, flow and power, with the marks of its faults."""
    from coldplate.console.benching.progress import Progress
    from coldplate.twin.plot import draw, trace

    name = name or scenario or "demo"
    made = load_scenario(name, racks, gpus)
    with said_plainly():
        with Progress() as progress:
            seen = trace(
                made, subject, seconds or made.duration_s,
                lambda share: progress.show(f"{share:.0%} of the run", share),
            )  # fmt: skip
        draw(seen, out, f"{Path(name).stem}: {subject}")
    click.echo(out)


@twin.command("what-if")
@click.argument("kind", type=click.Choice(["facility-water-loss", "flow-loss"]))
@click.option("--gpus", default=512, show_default=True, type=click.IntRange(1, 100_000), help="Of the hall, in whole racks.")  # fmt: skip
@json_option
def what_if(kind: str, gpus: int, as_json: bool) -> None:
    """Rehearse a loss of water: seconds until GPUs throttle and switch themselves off."""
    from coldplate.console.benching.progress import Progress
    from coldplate.twin.what_if import in_words, rehearse

    with said_plainly(), Progress() as progress:
        answer = rehearse(kind, gpus, tell=progress.show)
    if as_json:
        print_json(answer)
        return
    click.echo(in_words(answer))
    columns = ("supply_c", "load_w", "start_c", "first_throttle_s", "first_shutdown_s", "closed_form_s", "ratio")  # fmt: skip
    print_table(columns, [[case[c] for c in columns] for case in answer["cases"]])


@twin.command()
@click.option("--recording", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR", help="trace-10hz.csv and nvml-facts.json of a real GPU.")  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", callback=_picture, help="Draw recorded against modelled.")  # fmt: skip
@json_option
def fit(recording: Path, out: Path | None, as_json: bool) -> None:
    """Fit the GPU model to a recorded GPU and say how near it comes."""
    from coldplate.twin.fit import draw
    from coldplate.twin.fit import fit as fit_to

    try:
        result = fit_to(recording)
    except (ValueError, OSError) as error:
        raise Failure(str(error), BAD_INPUT) from None
    if out:
        with said_plainly():
            draw(result, out)
    figures = result.figures()
    if as_json:
        print_json(figures)
        return
    whole = [
        (name, value) for name, value in figures.items() if not isinstance(value, (dict, list))
    ]
    print_table(("measure", "value"), [*whole, *result.parameters.items()])


@twin.command()
@click.option("--gpus", default=100_000, show_default=True, type=click.IntRange(1, 1_000_000), help="Of the hall, in whole racks.")  # fmt: skip
@click.option("--seconds", default=60, show_default=True, type=click.IntRange(1), help="To simulate, twice.")  # fmt: skip
@json_option
def bench(gpus: int, seconds: int, as_json: bool) -> None:
    """Measure: simulated seconds a second of one core, of the physics and with frames encoded."""
    from coldplate.console.benching.twin import measure

    result = measure(gpus, seconds)
    if as_json:
        print_json(result)
        return
    rows: list[tuple[str, Any]] = []
    for key, value in result.items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        rows += [(f"{key} {of}".strip(), v) for of, v in inner]
    print_table(("measure", "value"), rows)


def load_scenario(
    name: str, racks: int | None = None, gpus: int | None = None, seed: int | None = None
) -> "Scenario":
    """A scenario by name or file, with another size or seed when given."""
    from msgspec.structs import replace

    from coldplate.twin.scenario import load

    with said_plainly():
        scenario = load(name)
    if gpus is not None:
        racks = max(racks or 0, -(-gpus // (scenario.nodes * scenario.gpus)))
    changed = {"racks": racks, "seed": seed}
    return replace(scenario, **{k: v for k, v in changed.items() if v is not None})


def back_s(speed: str, for_s: float | None) -> float:
    """How far in the past a run begins: so far that it ends in the present, if its end is known."""
    if speed == "1":
        return 0.0
    whole_s = BACK_S if for_s is None else for_s
    return whole_s if speed == "max" else whole_s * (1 - 1 / float(speed))


@contextmanager
def said_plainly() -> Iterator[None]:
    """What is wrong with a scenario, a recording or a file, as one line."""
    from coldplate.twin.recording import RecordingError
    from coldplate.twin.scenario import ScenarioError

    try:
        yield
    except (ScenarioError, RecordingError, OSError) as error:
        raise Failure(str(error), BAD_INPUT) from None
