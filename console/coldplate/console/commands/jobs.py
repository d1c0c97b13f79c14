"""`coldplate jobs`: which jobs ran on which GPUs."""

from pathlib import Path

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json, print_table


@click.group()
def jobs() -> None:
    """Which jobs ran on which GPUs: what agents tell, and what a scheduler's table adds."""


@jobs.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@pass_context
def import_(context: Context, file: Path, as_json: bool) -> None:
    """Store the jobs of FILE, for times and sites at which no agent tells them; all of it, or nothing.

    A CSV with the columns job, user, on, start, end. `on` has ids of GPUs, nodes or racks with blanks between; without
    an end the job runs. A job that was told already on a GPU is not doubled, and the same file may be stored again.
    """
    from coldplate.console.asking import history_errors
    from coldplate.console.jobbing import read_jobs
    from coldplate.sinks.client import Client

    with history_errors(), Client(context.clickhouse("writer")) as client:
        found = client.execute(
            "SELECT id, node, rack FROM inventory FINAL WHERE kind = 'gpu' ORDER BY id"
        )
        gpus_of: dict[str, list[str]] = {}
        for gpu, *above in found:
            for name in (gpu, *above):
                gpus_of.setdefault(str(name), []).append(str(gpu))
        columns = read_jobs(file, gpus_of)
        client.insert("job_spans", columns, None)
    counts = {"jobs": len(set(columns["job"])), "spans": len(columns["job"])}
    if as_json:
        print_json(counts)
    else:
        click.echo(f"{file}: {counts['jobs']} jobs on {len(set(columns['gpu']))} GPUs")


@jobs.command("list")
@click.option("--user", help="Only of this user.")
@click.option("--running", is_flag=True, help="Only those that run.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="How many at most.")  # fmt: skip
@json_option
@pass_context
def list_(context: Context, user: str | None, running: bool, limit: int, as_json: bool) -> None:
    """List jobs, the newest first."""
    from coldplate.console.asking import ask

    where = ("AND user = %(user)s " if user else "") + ("AND ended IS NULL" if running else "")
    columns, rows = ask(
        context,
        f"SELECT job, user, gpus, nodes, started, ended FROM jobs WHERE 1 {where} ORDER BY started DESC, job LIMIT %(limit)s",
        {"user": user or "", "limit": limit},
    )
    if as_json:
        print_json({"jobs": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        print_table(columns, rows)
