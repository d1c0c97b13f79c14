"""`coldplate bench security`."""

from pathlib import Path

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.failure import Failure
from coldplate.console.output import json_option, print_json, print_table


@click.command()
@click.option(
    "--out", type=click.Path(file_okay=False), metavar="DIR",
    help="Keep everything that was searched for secrets here.",
)  # fmt: skip
@json_option
@pass_context
def security(context: Context, out: str | None, as_json: bool) -> None:
    """Try to get in wrongly, and to do what is nobody's to do; search all that is said for secrets.

    A Kafka with TLS, users and an authorizer, a ClickHouse behind TLS and programs of its own are started and stopped.
    Exit 1 when a case did not end as it must, or a secret was found.
    """
    from coldplate.console.benching.security import measure
    from coldplate.console.fetching import fetch_with_progress, stack_errors

    fetch_with_progress(context)
    try:
        with stack_errors():
            result = measure(Path(out) if out else None)
    except KeyboardInterrupt:
        raise click.Abort from None
    if as_json:
        print_json(result)
    else:
        print_table(
            ("ok", "case", "said"), [(c["ok"], c["name"], c["said"]) for c in result["cases"]]
        )
        click.echo(f"{result['refused_as_expected']} refused as expected, {result['leaks']} leaks")
    if result["failed"] or result["leaks"]:
        raise Failure("; ".join([*result["failed"], *result["leaked"]]))
