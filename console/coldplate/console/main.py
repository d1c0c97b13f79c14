"""Entry point: global options, and the list of commands, loaded when they are asked for."""

import importlib
import sys
from importlib.metadata import version

import click

#: Command -> (module, one line for `--help`). The line stands here so that help imports no command.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Run the whole chain on this machine: a pump fails, one page names it."),
    "up": ("stack", "Start the local stack and stay."),
    "down": ("stack", "Stop the local stack."),
    "status": ("stack", "Show what of the local stack runs, and where."),
    "fetch": ("stack", "Fetch Kafka and ClickHouse into the cache."),
    "doctor": ("doctor", "Check dependencies, servers, ports, disk and clock: ok or what to do."),
    "agent": ("agent", "Sample a node and publish its frames."),
    "top": ("top", "Watch this node's GPUs, live, without Kafka."),
    "worker": ("worker", "Detect what is failing in the frames (a Faust worker)."),
    "cluster-detector": (
        "cluster_detector",
        "Make one incident of what several workers see of one cause.",
    ),
    "sink": ("sink", "Write frames, events, incidents and what was done to ClickHouse."),
    "twin": ("twin", "The digital twin: frames of a hall that behaves like a real one."),
    "detectors": ("detectors", "What is looked for, by which limits; checks a file of others."),
    "evaluate": ("evaluate", "How well faults are found, on the twin and on recordings."),
    "topics": ("topics", "Create and show the Kafka topics."),
    "keys": ("keys", "Keys by which a record is known to be its source's own."),
    "migrate": ("migrate", "Bring the ClickHouse schema up to date."),
    "inventory": ("inventory", "Check and show the inventory."),
    "incidents": ("incidents", "List, show, follow incidents, and say what is done about them."),
    "why": ("why", "Why an incident was opened, and what would close it."),
    "silence": ("silence", "Keep alerts back for a while, and say why."),
    "alerts": ("alerts", "Tell people: run the alerter, check who is told, send again."),
    "live": ("live", "The hall in a terminal: racks, incidents, GPUs."),
    "web": ("web", "The hall in a browser: every GPU's cell, racks, any past hour."),
    "rack": ("rack", "How a rack is: water, power, its GPUs, its incidents."),
    "gpu": ("gpu", "How a GPU is: metrics, history, incidents, neighbours."),
    "commission": (
        "commission",
        "Accept a rack: watch its procedure, judge, certify; verify a certificate.",
    ),
    "board": (
        "board",
        "A hall's bring-up: racks by state, queues, forecast, first training phase.",
    ),
    "plan": ("plan", "On which day a bring-up is over, what holds it up, what more would bring."),
    "backtest": ("backtest", "What other parameters would have paged, on stored history."),
    "sql": ("sql", "Ask the history in SQL."),
    "plot": ("plot", "Draw the history of a GPU, a rack or a hall."),
    "forecast": ("forecast", "Say on which day GPUs will throttle."),
    "job": ("job", "How a job went: energy, heat, stragglers, what broke; as a page."),
    "jobs": ("jobs", "Which jobs ran on which GPUs."),
    "maintenance": ("maintenance", "Planned work, which is no outage and pages nobody."),
    "history": ("history", "The history as files and back, and rollups made anew."),
    "dashboards": ("dashboards", "Grafana's dashboards: build, check, push, and what differs."),
    "bench": ("bench", "Measure: agent, detection, pipeline, peers, history, alerts."),
}


class _Commands(click.Group):
    """Commands that are imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"coldplate.console.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            near = [c for c in COMMANDS if c.startswith(args[0][:2])]
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise click.UsageError(f"no command is called {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


def _show_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"coldplate {version('coldplate')}")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config", "config_file", envvar="COLDPLATE_CONFIG", metavar="FILE",
    help="Configuration (TOML). Default: ./coldplate.toml where there is one.",
)  # fmt: skip
@click.option(
    "--state", "state_dir", envvar="COLDPLATE_STATE", metavar="DIR",
    help="State folder of the local stack. Default: ~/.local/state/coldplate.",
)  # fmt: skip
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
    help="Show the version.",
)  # fmt: skip
@click.pass_context
def cli(ctx: click.Context, config_file: str | None, state_dir: str | None, verbose: bool) -> None:
    """coldplate: telemetry of a liquid-cooled GPU cluster, from sensor to page.

    Every option that may also stand in the configuration file or the environment is in docs/config.md.
    Commands that print a result take --json: one JSON object, last line of stdout.
    """
    from coldplate.console.context import Context

    ctx.obj = Context(config_file, state_dir, verbose)


def main() -> None:
    """Run the command; errors are one line on stderr, never a traceback for what a user did."""
    from coldplate.console.failure import Failure

    try:
        # click returns the code of an `Exit` instead of ending; commands themselves return nothing.
        sys.exit(cli.main(prog_name="coldplate", standalone_mode=False))
    except Failure as error:
        click.echo(f"coldplate: {error}", err=True)
        sys.exit(error.exit_code)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)


if __name__ == "__main__":
    main()
