"""`coldplate sql`: ask the history in SQL."""

import sys

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json, print_table


@click.command()
@click.argument("query")
@click.option("--csv", "as_csv", is_flag=True, help="Rows as CSV with a header.")
@json_option
@pass_context
def sql(context: Context, query: str, as_csv: bool, as_json: bool) -> None:
    """Run QUERY as the read-only user; `-` reads it from stdin. docs/sql.md has examples.

    \b
    coldplate sql "SELECT count() FROM gpu_samples"
    coldplate sql "SELECT id, gpu_c, margin_c FROM hottest LIMIT 10"
    """  # noqa: D301  \b is click's
    from coldplate.console.asking import ask

    columns, rows = ask(context, sys.stdin.read() if query == "-" else query)
    if as_json:
        print_json({"columns": columns, "rows": [list(r) for r in rows]})
    elif as_csv:
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    else:
        print_table(columns, rows)
