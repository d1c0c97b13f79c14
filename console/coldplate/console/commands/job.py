"""`coldplate job`: what a job did with its GPUs, for whom it belongs to."""

from pathlib import Path

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json


@click.command()
@click.argument("job")
@click.option("--report", type=click.Path(path_type=Path), metavar="F.html", help="Write a page with pictures: one file that needs nothing else.")  # fmt: skip
@click.option("--at", metavar="TIME", help="As it was then: 2026-11-27T14:30:00Z, 2026-11-27 14:30 (UTC), or -6h.")  # fmt: skip
@json_option
@pass_context
def job(context: Context, job: str, report: Path | None, at: str | None, as_json: bool) -> None:
    """Tell how JOB went: time, energy, heat, what held it down, who lagged, what broke, and the same user's jobs before.

    \b
    coldplate job 4711
    coldplate job 4711 --report 4711.html
    """  # noqa: D301  \b is click's
    from coldplate.console.job.lines import job_lines
    from coldplate.console.job.page import check_target, write_page
    from coldplate.console.job.report import read_report
    from coldplate.console.job.told import told
    from coldplate.console.moments import moment

    at_ms = None if at is None else round(moment(at, "--at").timestamp() * 1000)
    if report is not None:
        check_target(report)
    found = read_report(context, job, at_ms)
    size = None if report is None else write_page(found, report)
    if as_json:
        print_json(told(found) | ({} if report is None else {"report": str(report)}))
        return
    click.echo("\n".join(job_lines(found)))
    if report is not None and size is not None:
        click.echo(f"\n{report}: {size / 1000:.0f} kB")
