"""`coldplate up`, `down`, `status`, `fetch`: the local stack."""

import time

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json, print_table


@click.command()
@click.option("--fresh", is_flag=True, help="Forget everything of earlier runs first.")
@click.option(
    "--twin", "scenario", default="healthy", show_default=True, metavar="SCENARIO",
    help="What the twin sends; `none` for no twin.",
)  # fmt: skip
@pass_context
def up(context: Context, fresh: bool, scenario: str) -> None:
    """Start Kafka, ClickHouse, worker, sink, live hall and a twin, and stay until Ctrl-C or `coldplate down`.

    Services named in the configuration or by COLDPLATE_KAFKA and COLDPLATE_CLICKHOUSE are used instead of
    local ones. Data is kept in the state folder; two stacks run side by side with two --state folders.
    """
    from coldplate.console.chain import chain, command, run_folder, web_address
    from coldplate.console.commands.twin import load_scenario
    from coldplate.console.fetching import fetch_with_progress, stack_errors
    from coldplate.console.stack.part import Part, PartState, Status
    from coldplate.console.stack.supervisor import Supervisor
    from coldplate.wire.inventory import generate

    told: dict[str, str] = {}

    def tell(state: PartState) -> None:
        if told.get(state.name) != state.status:
            told[state.name] = state.status
            if state.status in (Status.HEALTHY, Status.DONE, Status.BACKING_OFF, Status.UNHEALTHY):
                why = f" ({state.awaits})" if state.awaits else ""
                click.echo(f"{state.name}: {state.status}{why}")

    producers: list[Part] = []
    made = load_scenario(scenario if scenario != "none" else "healthy")
    fetch_with_progress(context)
    with stack_errors():
        context.state.acquire()
        if fresh:
            context.state.fresh()
        if scenario != "none":
            stats = str(run_folder(context) / "twin.json")
            run = command("twin", "run", scenario, "--stats", stats)
            producers.append(Part("twin", run, depends_on=("worker", "sink")))
        hall = generate(made.racks, made.nodes, made.gpus)
        parts = chain(context, hall, producers, web=True)
        stack = Supervisor(context.state, parts.parts, env=parts.env, on_change=tell)
        with stack.signals(), stack:
            said = False
            while not stack.stopping:
                stack.poll()
                if stack.healthy and not said:
                    said = True
                    click.echo(
                        'the stack is up; ask it: coldplate sql "SELECT count() FROM gpu_samples"\n'
                        f"look at it: {web_address(parts.run)}\n"
                        f"logs: {context.state.logs}   stop: Ctrl-C or `coldplate down`"
                    )
                time.sleep(0.05)
            click.echo("stopping")


@click.command()
@pass_context
def down(context: Context) -> None:
    """Stop the local stack that runs in the state folder."""
    from coldplate.console.fetching import stack_errors
    from coldplate.console.stack.state import stop_stack

    with stack_errors():
        stopped = stop_stack(context.state)
    click.echo("stopped" if stopped else f"no stack runs in {context.state.path}")


@click.command()
@json_option
@pass_context
def status(context: Context, as_json: bool) -> None:
    """Show the parts of the local stack; exit 1 when it does not run or a part is not well."""
    from dataclasses import asdict

    record = context.state.read_stack()
    running = record is not None and record.alive
    parts = record.parts if record is not None and running else ()
    well = running and all(p.status.up for p in parts)
    if as_json:
        print_json(
            {
                "running": running,
                "ok": well,
                "state": str(context.state.path),
                "parts": [asdict(p) for p in parts],
            }
        )
    elif not running:
        click.echo(f"no stack runs in {context.state.path}; start one with `coldplate up`")
    else:
        rows = [
            (p.name, p.status, p.pid, " ".join(f"{k}:{v}" for k, v in p.ports.items()), p.restarts, p.awaits, p.log)
            for p in parts
        ]  # fmt: skip
        print_table(("part", "status", "pid", "ports", "restarts", "awaits", "log"), rows)
    if not well:
        raise click.exceptions.Exit(1)


@click.command()
@json_option
@pass_context
def fetch(context: Context, as_json: bool) -> None:
    """Fetch Kafka and ClickHouse into the cache, once; later starts need no network."""
    from coldplate.console.fetching import fetch_with_progress
    from coldplate.console.stack.cache import cache_root

    began = time.monotonic()
    fetched = fetch_with_progress(context)
    if as_json:
        print_json(
            {
                "fetched": fetched,
                "cache": str(cache_root()),
                "seconds": round(time.monotonic() - began, 1),
            }
        )
    elif not fetched:
        click.echo(f"Kafka and ClickHouse are in {cache_root()}")
