"""`coldplate bench`: what this costs, measured on this machine."""

from pathlib import Path
from typing import Literal

import click

from coldplate.console.commands.bench_board import board
from coldplate.console.commands.bench_peers import peers
from coldplate.console.commands.bench_pipeline import pipeline
from coldplate.console.commands.bench_security import security
from coldplate.console.commands.bench_shown import print_result
from coldplate.console.context import Context, pass_context
from coldplate.console.failure import Failure
from coldplate.console.output import json_option

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
    """Measure: agent, codec, detection, pipeline, storage, history, exactly once, rollout, alerts, delivery, web, board, security."""


bench.add_command(peers)
bench.add_command(board)
bench.add_command(pipeline)
bench.add_command(security)


@bench.command()
@json_option
def codec(as_json: bool) -> None:
    """Encode and decode frames of the full catalogue, in microseconds each."""
    from coldplate.console.benching.codec import measure

    print_result(measure(), as_json)


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
    print_result(result, as_json)


@bench.command()
@click.option(
    "--gpus", default=100_000, show_default=True, type=click.IntRange(1, 1_000_000), help="Of the hall.",
)  # fmt: skip
@click.option("--seconds", default=120, show_default=True, type=click.IntRange(1), help="To judge.")
@json_option
def detect(gpus: int, seconds: int, as_json: bool) -> None:
    """Judge the frames of a hall with all detectors, at this size and smaller ones: milliseconds a tick."""
    from coldplate.console.benching.detect import measure

    print_result(measure(gpus, seconds), as_json)


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
    print_result(result, as_json)


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
    print_result(result, as_json)


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
    print_result(result, as_json)
    wrong = {name: result[name] for name in ("lost", "duplicated", "rollup_mismatch")}
    if any(wrong.values()):
        raise Failure(", ".join(f"{name} {count}" for name, count in wrong.items()))


@bench.command()
@click.option(
    "--restarts", default=12, show_default=True, type=click.IntRange(1, 1000),
    help="Of two agents, two workers and two sinks in turn; each takes some 6 s.",
)  # fmt: skip
@click.option(
    "--recording", default="tests/recordings/h200", show_default=True, type=click.Path(file_okay=False),
    metavar="DIR", help="The recorded GPU that the agents replay.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(file_okay=False), metavar="DIR",
    help="Keep the ledgers of what was sent, counts and logs here.",
)  # fmt: skip
@json_option
@pass_context
def rollout(
    context: Context, restarts: int, recording: str, out: str | None, as_json: bool
) -> None:
    """Restart agents, workers and sinks in turn while frames flow and faults come, and count what is lost or doubled.

    Servers of its own are started and stopped. Exit 1 when a frame was lost or stored twice, an incident opened twice, or a
    fault has none.
    """
    from coldplate.console.benching.rollout import measure
    from coldplate.console.fetching import fetch_with_progress, stack_errors

    fetch_with_progress(context)
    try:
        with stack_errors():
            result = measure(restarts, Path(recording), Path(out) if out else None)
    except KeyboardInterrupt:
        raise click.Abort from None
    print_result(result, as_json)
    names = ("lost", "duplicated", "incidents_duplicated", "faults_without_incident")
    if any(result[name] for name in names):
        raise Failure(", ".join(f"{name} {result[name]}" for name in names))


@bench.command()
@click.option(
    "--events", default=200, show_default=True, type=click.IntRange(1, 224), help="Distinct causes, one every two seconds.",
)  # fmt: skip
@click.option(
    "--anomalies", default=10_000, show_default=True, type=click.IntRange(1, 100_000),
    help="Of one cause, within ten seconds.",
)  # fmt: skip
@json_option
@pass_context
def alerts(context: Context, events: int, anomalies: int, as_json: bool) -> None:
    """How soon an event is a webhook received, and how many webhooks a flood makes.

    A Kafka, worker, alerter and twin of its own are started and stopped.
    """
    from coldplate.console.benching.alerts import measure
    from coldplate.console.fetching import fetch_with_progress, stack_errors

    fetch_with_progress(context)
    try:
        with stack_errors():
            result = measure(events, anomalies)
    except KeyboardInterrupt:
        raise click.Abort from None
    print_result(result, as_json)


@bench.command()
@click.option(
    "--kills", default=100, show_default=True, type=click.IntRange(0, 10_000),
    help="Of the alerter, each between a message's sending and the note that it was sent; some 3 s each.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(file_okay=False), metavar="DIR",
    help="Keep the ledger of what was opened and closed, and what came, here.",
)  # fmt: skip
@json_option
@pass_context
def delivery(context: Context, kills: int, out: str | None, as_json: bool) -> None:
    """Kill the alerter with -9 while incidents open and close, and count what is lost, out of order or told twice.

    A Kafka, alerter and receiver of its own are started and stopped. Exit 1 when something was lost or out of order.
    """
    from coldplate.console.benching.delivery import measure
    from coldplate.console.fetching import fetch_with_progress, stack_errors

    fetch_with_progress(context)
    try:
        with stack_errors():
            result = measure(kills, Path(out) if out else None)
    except KeyboardInterrupt:
        raise click.Abort from None
    print_result(result, as_json)
    wrong = {name: result[name] for name in ("lost", "out_of_order", "duplicates_new_id")}
    if any(wrong.values()):
        raise Failure(", ".join(f"{name} {count}" for name, count in wrong.items()))


@bench.command()
@click.option(
    "--gpus", default=100_000, show_default=True, type=click.IntRange(64, 1_000_000), help="Of the hall, rounded up to racks of 64.",
)  # fmt: skip
@click.option("--viewers", default=20, show_default=True, type=click.IntRange(1, 200), help="Pages that look at the same time.")  # fmt: skip
@click.option("--seconds", default=30.0, show_default=True, type=click.FloatRange(5), help="To measure.")  # fmt: skip
@json_option
@pass_context
def web(context: Context, gpus: int, viewers: int, seconds: float, as_json: bool) -> None:
    """What the live hall costs while a hall's rows come in each second and pages look at it: processor, bytes, frames.

    A ClickHouse and a web process of its own are started and stopped.
    """
    from coldplate.console.benching.web import measure
    from coldplate.console.fetching import fetch_with_progress, stack_errors

    fetch_with_progress(context)
    try:
        with stack_errors():
            result = measure(gpus, viewers, seconds)
    except KeyboardInterrupt:
        raise click.Abort from None
    print_result(result, as_json)
