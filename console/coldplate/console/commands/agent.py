"""`coldplate agent`: sample a node and publish its frames."""

import time
from pathlib import Path

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.failure import BAD_INPUT, Failure


@click.command()
@click.option(
    "--recording", required=True, type=click.Path(exists=True, file_okay=False), metavar="DIR",
    help="Replay the recording in this folder (trace-10hz.csv and nvml-facts.json).",
)  # fmt: skip
@click.option("--node", default="rack-0000/node-0", show_default=True, help="Id of the node.")
@click.option("--rack", help="Id of its rack.  [default: the node's id before the first /]")
@click.option("--for", "for_s", type=float, metavar="S", help="Stop after so many seconds.")
@click.option("--ledger", type=click.Path(dir_okay=False), help="Write the ids of what is sent.")
@click.option("--stats", type=click.Path(dir_okay=False), help="Write counts once a second.")
@pass_context
def agent(
    context: Context, recording: str, node: str, rack: str | None,
    for_s: float | None, ledger: str | None, stats: str | None,
) -> None:  # fmt: skip
    """Sample a node on whole ticks of the wall clock and publish its frames to Kafka.

    Never blocks on Kafka: while it is away frames wait in memory (agent.queue_bytes_max), then the oldest
    are dropped and counted.
    """
    from coldplate.agents.collectors.recorded import RecordedCollector
    from coldplate.console.sending import send

    context.log_to_stderr()
    try:
        collector = RecordedCollector(Path(recording), node, rack or node.partition("/")[0])
    except (ValueError, KeyError) as error:
        raise Failure(str(error), BAD_INPUT) from None
    send(context, collector, boot=time.time_ns(), for_s=for_s, ledger=ledger, stats=stats)
