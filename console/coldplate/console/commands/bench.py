"""`coldplate bench`: what this costs, measured on this machine."""

from pathlib import Path
from typing import Any, Literal

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.failure import Failure
from coldplate.console.output import json_option, print_json, print_table

TELEGRAF = """\b
Telegraf, to compare with, is made once with Go:
  GOBIN=~/.cache/coldplate/peers GOFLAGS=-buildvcs=false go install -tags \\
  custom,inputs.redfish,inputs.modbus,outputs.kafka,serializers.json,parsers.json \\
  github.com/influxdata/telegraf/cmd/telegraf@latest
"""

VICTORIA = """\b
VictoriaMetrics, to compare with, is made once with Go:
  GOBIN=~/.cache/coldplate/peers GOFLAGS=-buildvcs=false go install \\
  github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics@v1.140.0
"""


@click.group()
def bench() -> None:
    """Measure: agent, codec, detection, pipeline, storage, history, exactly once."""


@bench.command()
@json_option
def codec(as_json: bool) -> None:
    """Encode and decode frames of the full catalogue, in microseconds each."""
    from coldplate.console.benching.codec import measure

    _print(measure(), as_json)


@bench.command()
@click.option(
    "--gpus", default=100_000, show_default=True, type=click.IntRange(1, 1_000_000), help="Of the hall.",
)  # fmt: skip
@click.option(
    "--racks", type=click.IntRange(1, 20_000), help="[default: one for 8 nodes of 8 GPUs]"
)
@click.option(
    "--seconds", default=60.0, show_default=True, type=click.FloatRange(1), help="To measure."
)
@click.option(
    "--ticks-per-frame", "ticks", default=5, show_default=True, type=click.IntRange(1, 60),
    help="Of one second each.",
)  # fmt: skip
@click.option(
    "--metrics", default="full", show_default=True, type=click.Choice(["fast", "full"]),
    help="full: the slow metrics too, every 10th tick, as an agent reads them.",
)  # fmt: skip
@click.option(
    "--state", type=click.Path(file_okay=False), metavar="DIR",
    help="Empty folder for the servers' data; it is kept.  [default: a temporary one]",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(file_okay=False), metavar="DIR",
    help="Keep the ledger of what was sent, counts and logs here.",
)  # fmt: skip
@json_option
@pass_context
def pipeline(
    context: Context, gpus: int, racks: int | None, seconds: float, ticks: int, metrics: str,
    state: str | None, out: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Send the frames of a hall through real Kafka, worker, sink and ClickHouse, and count everything.

    Servers of its own are started and stopped. Exit 1 when a frame was lost or stored twice.
    """
    from coldplate.console.benching.pipeline import Interrupted, measure, plan
    from coldplate.console.fetching import fetch_with_progress, stack_errors

    fetch_with_progress(context)
    load = plan(gpus, racks, ticks, metrics, seconds)
    try:
        with stack_errors():
            result = measure(load, Path(state) if state else None, Path(out) if out else None)
    except Interrupted:
        raise click.Abort from None
    _print(result, as_json)
    if result["lost"] or result["duplicated"]:
        raise Failure(f"{result['lost']} frames were lost, {result['duplicated']} stored twice")


@bench.command(epilog=TELEGRAF)
@click.option(
    "--gpus", default=8, show_default=True, type=click.IntRange(1, 16), help="Of the node."
)
@click.option(
    "--seconds", default=60.0, show_default=True, type=click.FloatRange(5), help="To measure."
)
@click.option(
    "--source", default="nvml", show_default=True, type=click.Choice(["recorded", "nvml"]),
    help="recorded: a recording replayed; nvml: the driver's collector on a stand-in for the driver.",
)  # fmt: skip
@click.option(
    "--recording", default="tests/recordings/h200", show_default=True, type=click.Path(file_okay=False),
    metavar="DIR", help="The recording.",
)  # fmt: skip
@click.option(
    "--peer", default="telegraf", show_default=True, type=click.Choice(["telegraf", "none"]),
    help="Run it beside, into the same Kafka. What is missing is said, with how to make it.",
)  # fmt: skip
@json_option
def agent(
    gpus: int, seconds: float, source: Literal["recorded", "nvml"], recording: str, peer: str,
    as_json: bool,
) -> None:  # fmt: skip
    """What the agent of a node takes: processor, memory, bytes to Kafka, punctuality.

    A Kafka of its own is started and stopped.
    """
    from coldplate.console.benching.agent import measure
    from coldplate.console.fetching import stack_errors

    try:
        with stack_errors():
            result = measure(
                source, gpus, seconds, Path(recording), None if peer == "none" else peer
            )
    except KeyboardInterrupt:
        raise click.Abort from None
    _print(result, as_json)


@bench.command()
@click.option(
    "--gpus", default=100_000, show_default=True, type=click.IntRange(1, 1_000_000), help="Of the hall.",
)  # fmt: skip
@click.option("--seconds", default=120, show_default=True, type=click.IntRange(1), help="To judge.")
@json_option
def detect(gpus: int, seconds: int, as_json: bool) -> None:
    """Judge the frames of a hall with all detectors, at this size and smaller ones: milliseconds a tick."""
    from coldplate.console.benching.detect import measure

    _print(measure(gpus, seconds), as_json)


@bench.command(epilog=VICTORIA)
@click.option(
    "--hours", default=24, show_default=True, type=click.IntRange(1, 24), help="Of the twin's rack of 64 GPUs.",
)  # fmt: skip
@click.option(
    "--recording", default="tests/recordings/h200", show_default=True, type=click.Path(file_okay=False),
    metavar="DIR", help="The recorded GPU.",
)  # fmt: skip
@click.option(
    "--state", type=click.Path(file_okay=False), metavar="DIR",
    help="Keep the twin's day here, for the next time: it takes some 20 minutes.  [default: it is forgotten]",
)  # fmt: skip
@click.option(
    "--peer", default="victoriametrics", show_default=True, type=click.Choice(["victoriametrics", "none"]),
    help="Give it the same values. What is missing is said, with how to make it.",
)  # fmt: skip
@json_option
def storage(hours: int, recording: str, state: str | None, peer: str, as_json: bool) -> None:
    """What the history costs: bytes a value, by column and codec, and values a second of client and server.

    A ClickHouse of its own is started and stopped.
    """
    from coldplate.console.benching.storage import measure
    from coldplate.console.fetching import stack_errors

    try:
        with stack_errors():
            result = measure(Path(state) if state else None, Path(recording), hours, peer != "none")
    except KeyboardInterrupt:
        raise click.Abort from None
    _print(result, as_json)


@bench.command(epilog=VICTORIA)
@click.option(
    "--gpus", default=10_000, show_default=True, type=click.IntRange(64, 100_000), help="Of the fleet, in racks of 64.",
)  # fmt: skip
@click.option(
    "--hours", default=24, show_default=True, type=click.IntRange(6, 48), help="From noon on."
)
@click.option(
    "--state", type=click.Path(file_okay=False), metavar="DIR",
    help="Keep what is built here, and go on where it was.  [default: it is forgotten]",
)  # fmt: skip
@click.option("--build-only", is_flag=True, help="Build, and ask nothing.")
@click.option(
    "--peer-gpus", default=1000, show_default=True, type=click.IntRange(0, 10_000),
    help="GPUs of which VictoriaMetrics gets eight columns; 0 for none.",
)  # fmt: skip
@json_option
def history(
    gpus: int, hours: int, state: str | None, build_only: bool, peer_gpus: int, as_json: bool
) -> None:
    """How fast the history answers: a day of a fleet, six questions, cold and warm.

    A ClickHouse of its own is started and stopped. A day of 10,000 GPUs is 864 million rows and some 10 GB, and takes two
    cores hours to build: `--state` keeps it.
    """
    from coldplate.console.benching.fleet_day import FleetDay
    from coldplate.console.benching.history import measure
    from coldplate.console.fetching import stack_errors

    folder = Path(state) if state else None
    try:
        with stack_errors():
            result = measure(
                FleetDay(gpus, hours), folder, build_only=build_only, peer_gpus=peer_gpus
            )
    except KeyboardInterrupt:
        raise click.Abort from None
    _print(result, as_json)


@bench.command("exactly-once")
@click.option(
    "--kills", default=50, show_default=True, type=click.IntRange(0, 10_000),
    help="Of sink, ClickHouse and Kafka in turn; each takes some 5 s.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(file_okay=False), metavar="DIR",
    help="Keep the ledger of what was sent, what was read back, and logs here.",
)  # fmt: skip
@json_option
@pass_context
def exactly_once(context: Context, kills: int, out: str | None, as_json: bool) -> None:
    """Kill sink, ClickHouse and Kafka with -9 while frames flow, and count what is lost or stored twice.

    Servers of its own are started and stopped. Frames come late, twice and of hours ago. Exit 1 when a frame was lost
    or stored twice, or a rollup does not agree with its samples.
    """
    from coldplate.console.benching.exactly_once import measure
    from coldplate.console.fetching import fetch_with_progress, stack_errors

    fetch_with_progress(context)
    try:
        with stack_errors():
            result = measure(kills, Path(out) if out else None)
    except KeyboardInterrupt:
        raise click.Abort from None
    _print(result, as_json)
    wrong = {name: result[name] for name in ("lost", "duplicated", "rollup_mismatch")}
    if any(wrong.values()):
        raise Failure(", ".join(f"{name} {count}" for name, count in wrong.items()))


def _print(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    rows: list[tuple[str, Any]] = []
    for name, value in result.items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        rows += [(f"{name} {key}".strip(), v) for key, v in inner]
    print_table(("measure", "value"), rows)
