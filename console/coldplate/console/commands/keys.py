"""`coldplate keys`: so that no node can speak for another."""

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json


@click.group()
def keys() -> None:
    """Keys by which worker and sink know that a frame or an event is its source's own.

    The cluster's key stays with worker, sink and alerter; each agent gets the keys of its sources, which are derived from it.
    """


@keys.command()
@json_option
def new(as_json: bool) -> None:
    """Print a new key of a cluster, for a file that nobody else can read."""
    import secrets

    from coldplate.wire.signature import KEY_BYTES

    key = secrets.token_hex(KEY_BYTES)
    print_json({"key": key}) if as_json else click.echo(key)


@keys.command()
@click.argument("sources", nargs=-1)
@click.option("--inventory", type=click.Path(dir_okay=False), help="Of every node and coolant unit of it (CSV or TOML).")  # fmt: skip
@json_option
@pass_context
def derive(
    context: Context, sources: tuple[str, ...], inventory: str | None, as_json: bool
) -> None:
    """Print the keys of SOURCES, a line each: what an agent's `signing.keys_file` holds.

    A source is a node (rack-0003/node-5) or a coolant unit (rack-0003/cdu). Needs the cluster's key (`signing.cluster_key_file`).
    """
    from coldplate.console.failure import BAD_INPUT, Failure
    from coldplate.console.keys import cluster_key_of
    from coldplate.wire.signature import key_of

    names = list(sources)
    if inventory:
        known = context.inventory(inventory) or ()
        names += [d.id for d in known if d.kind in ("node", "cdu")]
    if not names:
        raise Failure("of whom? name sources, or an inventory with --inventory", BAD_INPUT)
    cluster_key = cluster_key_of(context)
    found = {name: key_of(cluster_key, name).hex() for name in names}
    if as_json:
        print_json({"keys": found})
    else:
        click.echo("\n".join(f"{name} {key}" for name, key in found.items()))
