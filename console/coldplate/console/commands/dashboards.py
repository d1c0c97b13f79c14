"""`coldplate dashboards`: what Grafana shows, as code."""

import importlib
import json
from pathlib import Path

import click

from coldplate.console.failure import Failure
from coldplate.console.output import json_option, print_json, print_table

ELSEWHERE = dict.fromkeys(("push", "diff", "pull", "provision"), "dashboards_grafana")
"""Commands of this group that stand in modules of their own: name -> module beside this one, which has a function of that name."""


class _Dashboards(click.Group):
    """Commands that stand elsewhere are imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *ELSEWHERE})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f"coldplate.console.commands.{ELSEWHERE[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(cls=_Dashboards)
def dashboards() -> None:
    """Grafana's dashboards: build them, check every query of them on a real history."""


@dashboards.command()
@click.option(
    "--out", type=click.Path(file_okay=False), metavar="DIR",
    help="Folder of the JSON.  [default: the one in the package]",
)  # fmt: skip
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 when one is not current.")  # fmt: skip
@json_option
def build(out: str | None, only_check: bool, as_json: bool) -> None:
    """Write each dashboard as the JSON that Grafana imports."""
    from coldplate.dashboards.catalogue import all_boards, built_folder
    from coldplate.dashboards.rules import broken

    folder = Path(out) if out else built_folder()
    models = {board.name: board.model() for board in all_boards()}
    faults = [fault for name, model in models.items() for fault in broken(name, model)]
    if faults:
        raise Failure("\n".join(faults))
    texts = {
        f"{name}.json": json.dumps(model, indent=1, ensure_ascii=False) + "\n"
        for name, model in models.items()
    }
    there = {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.json"))}
    stale = sorted(n for n in {*texts, *there} if texts.get(n) != there.get(n))
    if not only_check:
        folder.mkdir(parents=True, exist_ok=True)
        for name in stale:
            if name in texts:
                (folder / name).write_text(texts[name], "utf-8")
            else:
                (folder / name).unlink()
    result = {"folder": str(folder), "dashboards": len(texts), "stale": stale}
    if as_json:
        print_json(result)
    else:
        click.echo(f"{len(texts)} dashboards in {folder}; {len(stale)} {'are not current' if only_check else 'written'}")  # fmt: skip
    if only_check and stale:
        raise Failure(f"{', '.join(stale)}: not current; run `coldplate dashboards build`")


@dashboards.command()
@click.option(
    "--state", type=click.Path(file_okay=False), metavar="DIR",
    help="Keep the day here; `bench history --state` makes one too.  [default: it is forgotten]",
)  # fmt: skip
@click.option("--gpus", default=1000, show_default=True, type=click.IntRange(64, 100_000), help="Of the fleet, in racks of 64.")  # fmt: skip
@click.option("--hours", default=24, show_default=True, type=click.IntRange(6, 48), help="Of the day.")  # fmt: skip
@click.option("--board", "names", multiple=True, metavar="NAME", help="Only this one; may be repeated.")  # fmt: skip
@json_option
def check(state: str | None, gpus: int, hours: int, names: tuple[str, ...], as_json: bool) -> None:
    """Run every query on a day of a fleet, as the reader: with All and with one of each chosen, over minutes, a day and a week.

    A ClickHouse of its own is started and stopped. Exit 1 when a query fails, or a panel is empty.
    """
    from coldplate.console.asking import history_errors
    from coldplate.console.benching.boards import checked
    from coldplate.console.benching.fleet_day import FleetDay
    from coldplate.console.fetching import stack_errors
    from coldplate.dashboards.catalogue import all_boards

    boards = [b for b in all_boards() if not names or b.name in names]
    if len(boards) < len(set(names)):
        known = {b.name for b in boards}
        raise click.UsageError(f"no dashboard is called {', '.join(sorted(set(names) - known))}")
    try:
        with stack_errors(), history_errors():
            result = checked(FleetDay(gpus, hours), Path(state) if state else None, boards)
    except KeyboardInterrupt:
        raise click.Abort from None
    if as_json:
        print_json(result)
    else:
        lists = ("failures", "empty_panels", "slowest")
        print_table(("measure", "value"), [(k, v) for k, v in result.items() if k not in lists])
        for line in (*result["failures"], *(f"empty: {name}" for name in result["empty_panels"])):
            click.echo(line)
        print_table(("slowest", "ms"), [(s["query"], s["ms"]) for s in result["slowest"]])
    if result["errors"] or result["empty"]:
        raise Failure(f"{result['errors']} queries failed, {result['empty']} panels were empty")
