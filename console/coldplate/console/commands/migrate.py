"""`coldplate migrate`: bring the ClickHouse schema up to date."""

import click
from msgspec.structs import asdict

from coldplate.console.asking import history_errors
from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json


@click.command()
@click.option(
    "--check", is_flag=True, help="Only say what would be applied; exit 1 when anything would."
)
@click.option("--inventory", type=click.Path(dir_okay=False), help="Also store this inventory.")
@json_option
@pass_context
def migrate(context: Context, check: bool, inventory: str | None, as_json: bool) -> None:
    """Apply the numbered migrations that the database does not have yet, and set how long rows are kept.

    An applied file that was edited, or a database newer than this coldplate, is refused.
    """
    from coldplate.sinks.client import Client
    from coldplate.sinks.cluster import Cluster, OnCluster
    from coldplate.sinks.inventory import store_inventory
    from coldplate.sinks.migrate import migrate as apply
    from coldplate.sinks.migrate import pending
    from coldplate.sinks.retention import Retention, retain

    context.log_to_stderr()
    with history_errors(), Client(context.clickhouse("owner")) as client:
        cluster = context.config.clickhouse.cluster
        schema = OnCluster(client, Cluster(cluster)) if cluster and not check else client
        names = pending(client) if check else apply(schema)
        kept = [] if check else retain(schema, Retention(**asdict(context.config.retention)))
        known = context.inventory(inventory)
        stored = 0 if check or known is None else store_inventory(client, known)
    if as_json:
        word = "pending" if check else "applied"
        print_json({word: names, "inventory": stored, "retention_changed": kept})
    else:
        word = "would apply" if check else "applied"
        click.echo(f"{word} {', '.join(names)}" if names else "the schema is up to date")
        if kept:
            click.echo(f"keeps rows as configured now: {', '.join(kept)}")
    if check and names:
        raise click.exceptions.Exit(1)
