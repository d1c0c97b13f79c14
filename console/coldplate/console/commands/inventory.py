"""`coldplate inventory`: check and show the inventory."""

from pathlib import Path

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import json_option, print_json, print_table
from coldplate.wire.inventory import Inventory


@click.group()
def inventory() -> None:
    """Check and show the inventory: halls, rows, racks, nodes, GPUs, CDUs."""


def _load(context: Context, path: str | None) -> Inventory:
    found = context.inventory(path)
    if found is None:
        raise Failure(
            "no inventory is named: give a file, or set inventory in the configuration", BAD_INPUT
        )
    return found


@inventory.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@json_option
@pass_context
def check(context: Context, file: str | None, as_json: bool) -> None:
    """Check FILE (CSV or TOML): ids, parents, keys. Exit 2 when it cannot be used."""
    from coldplate.wire.inventory import key_clashes

    known = _load(context, file)
    clashes = key_clashes(known)
    if as_json:
        print_json({"ok": not clashes, "counts": known.counts(), "key_clashes": clashes})
    else:
        print_table(("kind", "devices"), list(known.counts().items()))
    if clashes:
        first, second = clashes[0]
        raise Failure(f"{first} and {second} share a key: rename one of them", BAD_INPUT)


@inventory.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("--kind", type=click.Choice(["hall", "row", "rack", "node", "gpu", "cdu"]), help="Only devices of a kind.")  # fmt: skip
@click.option("--under", metavar="ID", help="Only devices whose id starts with ID.")
@json_option
@pass_context
def show(
    context: Context, file: str | None, kind: str | None, under: str | None, as_json: bool
) -> None:
    """Show the devices of FILE."""
    known = _load(context, file)
    columns = ("kind", "id", "parent", "index", "row", "serial")
    rows = [
        tuple(getattr(d, c) for c in columns)
        for d in known
        if (kind is None or d.kind == kind) and (under is None or d.id.startswith(under))
    ]
    if as_json:
        print_json({"devices": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        print_table(columns, rows)


@inventory.command()
@click.option("--racks", default=4, show_default=True, type=click.IntRange(1, 20_000), help="Racks.")  # fmt: skip
@click.option("--nodes", default=8, show_default=True, type=click.IntRange(1, 64), help="Nodes a rack.")  # fmt: skip
@click.option("--gpus", default=8, show_default=True, type=click.IntRange(1, 64), help="GPUs a node.")  # fmt: skip
@click.argument("file", type=click.Path(dir_okay=False))
def generate(racks: int, nodes: int, gpus: int, file: str) -> None:
    """Write the inventory of a uniform hall to FILE (CSV), to start one's own from."""
    from coldplate.wire.inventory import generate as make
    from coldplate.wire.inventory import save_csv

    try:
        save_csv(make(racks, nodes, gpus), Path(file))
    except OSError as error:
        raise Failure(str(error), BAD_INPUT) from None
    click.echo(f"{file}: {racks} racks, {racks * nodes * gpus} GPUs")
