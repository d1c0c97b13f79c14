"""`coldplate topics`: make the Kafka topics, show them, and say who needs which right to them."""

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.failure import NOT_THERE, Failure
from coldplate.console.output import json_option, print_json, print_table


@click.group()
def topics() -> None:
    """Create and show the Kafka topics, and the rights to them."""


@topics.command()
@click.option(
    "--partitions", default=8, show_default=True, type=click.IntRange(1, 1000),
    help="Of the topics keyed by rack; more than the workers that will ever share them.",
)  # fmt: skip
@click.option(
    "--replicas", default=1, show_default=True, type=click.IntRange(1, 9),
    help="Brokers that hold each record; from 3 on a record is acknowledged by 2.",
)  # fmt: skip
@json_option
@pass_context
def create(context: Context, partitions: int, replicas: int, as_json: bool) -> None:
    """Create the topics that are missing; those that exist stay as they are."""
    from coldplate.agents.topics import TopicsError, create_topics

    context.log_to_stderr()
    specs = context.topics.specs(partitions)
    try:
        made = create_topics(context.kafka, specs, replicas=replicas)
    except TopicsError as error:
        raise Failure(f"Kafka at {context.brokers}: {error}", NOT_THERE) from None
    if as_json:
        print_json({"topics": made})
    else:
        print_table(("topic", "became"), list(made.items()))


@topics.command("show")
@json_option
@pass_context
def show(context: Context, as_json: bool) -> None:
    """Show which topics there are to be, what they hold, and for how long."""
    columns = ("topic", "key", "retention_h", "holds")
    rows = [(s.name, s.key, s.retention_ms // 3_600_000, s.holds) for s in context.topics.specs()]
    if as_json:
        print_json({"topics": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        print_table(columns, rows)


@topics.command()
@click.option("--role", help="Of this one only; default all.")
@click.option("--user", help="Name of the user in Kafka, with --role; default coldplate-ROLE.")
@json_option
@pass_context
def acls(context: Context, role: str | None, user: str | None, as_json: bool) -> None:
    """Show what each part may do in Kafka, and no more, as commands that give it just that.

    Nothing is asked of Kafka and nothing is changed: run the commands as an administrator, or make the same rights with your
    own tools. Names follow the configuration's topic_prefix, worker.group and sink.group.
    """
    from coldplate.console.granting import as_commands, as_rows, chosen
    from coldplate.wire.rights import roles

    config = context.config
    found = chosen(
        roles(
            context.topics, config.worker.group, config.sink.group, config.cluster_detector.group
        ),
        role,
        user,
    )
    if as_json:
        print_json({"roles": as_rows(found)})
        return
    for line in as_commands(found):
        click.echo(line)
