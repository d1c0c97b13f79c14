"""`coldplate bench peers`."""

from pathlib import Path
from typing import Any

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.failure import Failure
from coldplate.console.output import json_option, print_json, print_table


@click.command()
@click.option(
    "--gpus", default=10_000, show_default=True, type=click.IntRange(8, 1_000_000), help="Of the hall.",
)  # fmt: skip
@click.option(
    "--seconds", default=60.0, show_default=True, type=click.FloatRange(5), help="Of real time, for each of them.",
)  # fmt: skip
@click.option(
    "--only", metavar="NAME,…", help="These alone, by their names.  [default: all]",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(file_okay=False), metavar="DIR", help="Write the result into this folder as peers.json.",
)  # fmt: skip
@json_option
@pass_context
def peers(
    context: Context, gpus: int, seconds: float, only: str | None, out: str | None, as_json: bool
) -> None:
    """Give programs that others would use for a stage the same frames in real time, and our own sink and worker too.

    ClickHouse's Kafka engine, Telegraf and VictoriaMetrics beside the sink, Prometheus' rules and Bytewax beside the worker. A Kafka
    and a ClickHouse are started and stopped; those in Go are built once with `go`, which takes minutes. One that cannot be
    had is named with the reason. Exit 1 when one of ours lost something.
    """
    from coldplate.console.benching.peers.run import measure
    from coldplate.console.fetching import fetch_with_progress, stack_errors

    fetch_with_progress(context)
    names = [name.strip() for name in only.split(",") if name.strip()] if only else []
    try:
        with stack_errors():
            result = measure(gpus, seconds, names, Path(out) if out else None)
    except KeyboardInterrupt:
        raise click.Abort from None
    if as_json:
        print_json(result)
    else:
        rows = [_row(row) for row in (*result["coldplate"], *result["peers"])]
        print_table(
            ("name", "stage", "values/s", "values/s of a core", "MB", "p99 s", "lost", ""), rows
        )
    if wrong := [row["name"] for row in result["coldplate"] if row["lost"] or row["not_run"]]:
        raise Failure(f"{' and '.join(wrong)} lost frames or did not run")


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("name", "stage", "values_per_s", "values_per_core_s")
    rss_mb = sum(row["rss_mb"].values()) if row["rss_mb"] else None
    return (*(row[n] for n in names), rss_mb, row["latency_p99_s"], row["lost"], row["not_run"] or "")  # fmt: skip
