"""`coldplate agent`: sample a node and publish its frames."""

import time
from pathlib import Path

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option


@click.command()
@click.option(
    "--role", type=click.Choice(["node", "plant"]),
    help="What to sample: this node, or the CDUs and plant points of a list.  [default: agent.role, node]",
)  # fmt: skip
@click.option("--node", help="Id of this node.  [default: agent.node, or from the inventory]")
@click.option("--rack", help="Id of its rack.  [default: of the inventory, or before the first /]")
@click.option(
    "--recording", type=click.Path(exists=True, file_okay=False), metavar="DIR",
    help="Replay the recording in this folder (trace-10hz.csv and nvml-facts.json) instead.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Print what this machine has, and stop.")
@click.option(
    "--record", type=click.Path(file_okay=False), metavar="DIR",
    help="Write a recording of its GPUs into this folder, and stop.",
)  # fmt: skip
@click.option("--seconds", default=60.0, show_default=True, help="Length of what --record writes.")
@click.option("--for", "for_s", type=float, metavar="S", help="Stop after so many seconds.")
@click.option("--ledger", type=click.Path(dir_okay=False), help="Write the ids of what is sent.")
@click.option("--stats", type=click.Path(dir_okay=False), help="Write counts once a second.")
@json_option
@pass_context
def agent(
    context: Context, role: str | None, node: str | None, rack: str | None, recording: str | None,
    once: bool, record: str | None, seconds: float, for_s: float | None, ledger: str | None,
    stats: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Sample a node on whole ticks of the wall clock and publish its frames to Kafka.

    Runs without any option: collectors that find nothing to read are tried again. SIGHUP reads the
    configuration again; SIGTERM ends. Never blocks on Kafka: while it is away frames wait (agent.spool),
    then the oldest are dropped and counted.
    """
    if once and record:
        raise click.UsageError("--once and --record exclude each other")
    if (role or context.config.agent.role) == "plant":
        if once or record or recording:
            raise click.UsageError("--once, --record and --recording are for --role node")
        from coldplate.console.planting import run_plant_agent

        context.log_to_stderr()
        run_plant_agent(context, for_s, ledger, stats)
        return
    context.log_to_stderr()
    if once:
        from coldplate.console.once import print_once

        print_once(context, node or "", rack or "", recording, as_json=as_json)
    elif record:
        from coldplate.console.once import record_into

        record_into(context, node or "", rack or "", recording, Path(record), seconds)
    else:
        from coldplate.console.agenting import Agent
        from coldplate.console.crew import hiring

        run = Agent(context, hiring(node, rack, recording), boot=time.time_ns(), ledger=ledger)
        run.run(for_s, stats)
