"""`coldplate sql`: ask the history in SQL."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coldplate.console.context import Context, Role, pass_context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from coldplate.console.querying import Answer, Asking

SUBJECTS = ("gpu", "node", "rack", "cdu", "row", "hall")
"""Parameters that name a device of this kind."""


@click.command()
@click.argument("query", required=False)
@click.option("--list", "listed", is_flag=True, help="List the cookbook's questions.")
@click.option("--run", "recipe", metavar="NAME", help="Ask a question of the cookbook.")
@click.option("--params", "given", multiple=True, metavar="NAME=VALUE", help="A value for {NAME:Type} in the query; times also as -6h and now.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["table", "json", "csv", "parquet"]), help="How the answer looks.  [default: table]")  # fmt: skip
@click.option("--csv", "as_csv", is_flag=True, help="The same as --format csv.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the answer there.")  # fmt: skip
@click.option("--timeout", default=30, show_default=True, type=click.IntRange(1, 3600), metavar="S", help="Longest time of a query.")  # fmt: skip
@click.option("--max-rows", default=100_000, show_default=True, type=click.IntRange(1), help="Longest answer.")  # fmt: skip
@click.option("--max-read", default=1_000_000_000, show_default=True, type=click.IntRange(1), help="Most rows that a query may read.")  # fmt: skip
@click.option("--role", default="reader", show_default=True, type=click.Choice(["reader", "writer", "owner"]), help="As whom, with the local stack.")  # fmt: skip
@json_option
@pass_context
def sql(
    context: Context, query: str | None, listed: bool, recipe: str | None, given: tuple[str, ...],
    form: str | None, as_csv: bool, out: Path | None, timeout: int, max_rows: int, max_read: int,
    role: Role, as_json: bool,
) -> None:  # fmt: skip
    """Run QUERY as the read-only user; `-` reads it from stdin, and without QUERY there is a prompt.

    \b
    coldplate sql "SELECT id, gpu_c, margin_c FROM hottest LIMIT 10"
    coldplate sql --run cost-of-a-job --params job=4711 --params price=0.2
    coldplate sql --run peak-power --params from=-7d --format parquet --out peaks.parquet
    """  # noqa: D301  \b is click's
    from coldplate.console.answering import show
    from coldplate.console.querying import Asking, Limits

    if listed:
        _list(as_json)
        return
    form = form or ("json" if as_json else "csv" if as_csv else "table")
    text = _text(query, recipe)
    asking = Asking(context, role, Limits(timeout, max_rows, max_read))
    try:
        if text is None:
            _prompt(context, asking, form)
        else:
            show(_answer(asking, text, recipe, _pairs(given)), form, out)
    finally:
        asking.close()


def _text(query: str | None, recipe: str | None) -> str | None:
    """The SQL that is asked for; None when it is to be typed."""
    from coldplate.sinks.recipes import recipes

    if recipe is not None and query is not None:
        raise Failure("give a query or --run NAME, not both", BAD_INPUT)
    if recipe is not None:
        if recipe not in recipes():
            from difflib import get_close_matches

            near = get_close_matches(recipe, recipes(), 3, 0.4)
            hint = f"near are {', '.join(near)}" if near else "`coldplate sql --list` has them"
            raise Failure(f"the cookbook has no {recipe!r}; {hint}", BAD_INPUT)
        return recipes()[recipe].sql
    if query == "-" or (query is None and not sys.stdin.isatty()):
        return sys.stdin.read()
    return query


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise Failure(f"--params {pair!r}: expected NAME=VALUE", BAD_INPUT)
        pairs[name] = value
    return pairs


def _answer(asking: "Asking", text: str, recipe: str | None, given: dict[str, str]) -> "Answer":
    from coldplate.console.moments import moment, span
    from coldplate.sinks.recipes import RecipeError, fill, recipes

    values = {p.name: p.default for p in recipes()[recipe].params} if recipe else {}
    values |= given
    if {"from", "to"} <= set(values):
        values["from"], values["to"] = (t.isoformat() for t in span(values["from"], values["to"]))
    elif "from" in values:
        values["from"] = moment(values["from"], "--params from").isoformat()
    for kind in SUBJECTS:
        if kind in given:
            asking.check_known(kind, given[kind])
    try:
        filled = fill(text, values) if values else text
    except RecipeError as error:
        raise Failure(str(error), BAD_INPUT) from None
    return asking.query(filled)


def _list(as_json: bool) -> None:
    from coldplate.sinks.recipes import recipes

    found = recipes().values()
    if as_json:
        print_json({"recipes": [
            {"name": r.name, "role": r.role, "title": r.title, "tells": r.tells,
             "params": {p.name: {"default": p.default, "meaning": p.meaning} for p in r.params}}
            for r in found
        ]})  # fmt: skip
        return
    rows = [(r.role, r.name, r.title, ", ".join(p.name for p in r.params)) for r in found]
    print_table(("role", "name", "question", "params"), rows)


def _prompt(context: Context, asking: "Asking", form: str) -> None:
    from coldplate.console.answering import show
    from coldplate.console.prompting import HELP, Prompt
    from coldplate.sinks.recipes import recipes

    tables = asking.words()

    def command(line: str) -> bool:
        name, _, rest = line.partition(" ")
        if name == "q":
            return False
        if name == "l":
            _list(as_json=False)
        elif name == "r":
            show(_answer(asking, _text(None, rest.strip()) or "", rest.strip(), {}), form, None)
        elif name == "d" and rest.strip() in tables:
            click.echo(", ".join(tables[rest.strip()]))
        elif name == "d":
            click.echo("\n".join(sorted(tables)))
        else:
            click.echo(HELP)
        return True

    words = {*tables, *(c for columns in tables.values() for c in columns), *recipes()}
    # Not in the state folder: that is made by the stack, and by nobody else.
    history = context.state.path.with_name("coldplate-sql-history")
    Prompt(
        lambda text: show(_answer(asking, text, None, {}), form, None), command, words, history
    ).loop()
