"""`coldplate history`: the history as files and back, and its rollups made anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import json_option, print_json

if TYPE_CHECKING:
    from coldplate.sinks.agreement import Between
    from coldplate.sinks.client import Client

ANSWER_S = 3600.0
"""A day of a large hall is read and written in one statement."""

_FROM = click.option(
    "--from",
    "begin",
    required=True,
    metavar="TIME",
    help="2026-11-27, 2026-11-27 14:00 (UTC), -6h.",
)
_TO = click.option(
    "--to", "end", default="now", show_default=True, metavar="TIME", help="Left out itself."
)


@click.group()
def history() -> None:
    """Files of the history, and rollups made anew. docs/operations.md says what each costs and loses."""


@history.command("export")
@click.argument("folder", type=click.Path(file_okay=False), metavar="DIR")
@_FROM
@_TO
@click.option(
    "--form", default="archive", show_default=True, type=click.Choice(["archive", "recording"]),
    help="archive: every table, to be imported; recording: samples and events, for `coldplate evaluate recording`.",
)  # fmt: skip
@click.option(
    "--rack", "racks", multiple=True, help="Of a recording: this rack; more than once for several."
)
@json_option
@pass_context
def export(
    context: Context, folder: str, begin: str, end: str, form: str, racks: tuple[str, ...], as_json: bool
) -> None:  # fmt: skip
    """Write some time of the history into DIR as parquet.

    An archive is of whole hours, a file a table and day.
    """
    from coldplate.console.moments import span
    from coldplate.console.recording_past import record_past
    from coldplate.sinks.archive import write_archive

    with _history(context, "reader") as client:
        if form == "recording":
            first, last = span(begin, end)
            result = record_past(client, Path(folder), first, last, racks)
        elif racks:
            raise Failure("--rack is for --form recording: an archive is whole", BAD_INPUT)
        else:
            result = {"rows": write_archive(client, Path(folder), _hours(begin, end), _tell)}
    if as_json:
        print_json({"folder": folder, **result})


@history.command("import")
@click.argument("folder", type=click.Path(file_okay=False), metavar="DIR")
@json_option
@pass_context
def import_(context: Context, folder: str, as_json: bool) -> None:
    """Bring an archive in DIR into the history; rollups follow by themselves.

    Cut off, it can be begun again. A day of which the history has other rows is refused.
    """
    from coldplate.sinks.archive import read_archive

    with _history(context, "owner") as client:
        rows = read_archive(client, Path(folder), _tell)
    if as_json:
        print_json({"folder": folder, "rows": rows})


@history.command("rebuild-rollups")
@_FROM
@_TO
@json_option
@pass_context
def rebuild_rollups(context: Context, begin: str, end: str, as_json: bool) -> None:
    """Compare rollups with their samples and make those anew that differ; whole hours, no sink running.

    Killed at any moment, it leaves each rollup as it was or right, and can be begun again.
    """
    from coldplate.sinks.rebuild import Busy, Gone, rebuild

    with _history(context, "owner") as client:
        try:
            wrong = rebuild(client, _hours(begin, end), _tell)
        except (Busy, Gone) as error:
            raise Failure(str(error)) from None
    if as_json:
        print_json({"rebuilt": wrong})
    elif not any(wrong.values()):
        click.echo("every rollup agrees with its samples")


@history.command()
@_FROM
@_TO
@json_option
@pass_context
def check(context: Context, begin: str, end: str, as_json: bool) -> None:
    """Whether every frame's rows are there once, and rollups agree with samples; exit 1 when not."""
    from coldplate.sinks.agreement import disagreeing, miscounted
    from coldplate.sinks.rollups import STORED_TIERS, rollup_name
    from coldplate.sinks.tables import SAMPLE_TABLES

    with _history(context, "owner") as client:
        between = _hours(begin, end)
        lost, doubled = miscounted(client, between)
        wrong = {
            rollup_name(table, tier): disagreeing(client, table, tier, between)
            for table in SAMPLE_TABLES
            for tier in STORED_TIERS
        }
    result = {"lost": lost, "duplicated": doubled, "rollup_mismatch": sum(wrong.values())}
    if as_json:
        print_json(result | {"rollups": wrong})
    else:
        click.echo(", ".join(f"{name} {count}" for name, count in result.items()))
    if any(result.values()):
        raise Failure(
            "rollups are mended by `coldplate history rebuild-rollups`"
            if not lost + doubled
            else "the history is not whole"
        )


@history.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False), metavar="DATA")
def mend(data: str) -> None:
    """Make a ClickHouse that was killed, and is not running yet, take inserts again that it noted but did not store.

    DATA is its data folder (`path` in its configuration). The local stack does so by itself; for a server of your own
    it belongs before its start (systemd: ExecStartPre). Replicated tables do not need it.
    """
    from coldplate.console.stack.clickhouse_mend import mend as mend_tokens

    for part in mend_tokens(Path(data)):
        click.echo(f"{part}: its insert will be taken again")


@contextmanager
def _history(context: Context, role: str) -> Iterator["Client"]:
    from coldplate.console.asking import history_errors
    from coldplate.sinks.archive import ArchiveError
    from coldplate.sinks.client import Client

    context.log_to_stderr()
    settings = context.clickhouse("owner" if role == "owner" else "reader")
    try:
        with history_errors(), Client(settings, answer_s=ANSWER_S) as client:
            yield client
    except (ArchiveError, OSError) as error:
        raise Failure(str(error), BAD_INPUT) from None


def _hours(begin: str, end: str) -> "Between":
    from datetime import timedelta

    from coldplate.console.moments import span
    from coldplate.sinks.agreement import Between

    first, last = span(begin, end)
    if end == "now":
        last = last.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    try:
        return Between(first, last)
    except ValueError as error:
        raise Failure(f"{error}: rollups are of whole hours", BAD_INPUT) from None


def _tell(words: str) -> None:
    click.echo(words, err=True)
