"""`coldplate detectors`: what is looked for, by which limits, and whether a file of other limits can be used."""

from pathlib import Path

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import json_option, print_json, print_table


@click.group(invoke_without_command=True)
@click.option("--toml", "as_toml", is_flag=True, help="A complete file of parameters, to start one's own from.")  # fmt: skip
@json_option
@click.pass_context
def detectors(ctx: click.Context, as_toml: bool, as_json: bool) -> None:
    """Every detector: whom it judges, which fault it names, where its threshold comes from, what it costs.

    Parameters are in the output of --json and --toml, and in docs/detectors.md.
    """
    if ctx.invoked_subcommand is not None:
        return
    from dataclasses import asdict

    from coldplate.streams import catalogue
    from coldplate.streams.basis import PAGES
    from coldplate.streams.detectors import parameters_sha

    listed = catalogue.entries()
    if as_toml:
        click.echo(catalogue.as_toml(listed), nl=False)
    elif as_json:
        told = [
            {
                **asdict(e),
                "basis": e.basis.word,
                "false_pages_per_100k_gpu_days": e.basis.pages,
                "parameters": [{**asdict(p), "allowed": p.allowed} for p in e.parameters.values()],
            }
            for e in listed
        ]
        print_json({"detectors": told, "false_pages_per_100k_gpu_days": PAGES, "parameters_sha": parameters_sha()})  # fmt: skip
    else:
        columns = ("detector", "kind", "fault", "metric", "severity", "threshold by", "budget", "cost")  # fmt: skip
        rows = [
            (e.name, e.kind, e.fault, e.metric, e.severity, e.basis.word, e.budget, e.cost)
            for e in listed
        ]
        print_table(columns, rows)
        click.echo(f"budget: false pages in 100,000 GPU-days, {PAGES:g} for all together")


@detectors.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--inventory", type=click.Path(dir_okay=False), help="Inventory in which overrides must find devices.")  # fmt: skip
@json_option
@pass_context
def check(context: Context, file: Path, inventory: str | None, as_json: bool) -> None:
    """Check a FILE of parameters. Exit 2 when it cannot be used, or when an override holds for no device."""
    from coldplate.console.parametering import parameters_of_file
    from coldplate.streams.detectors import defaults

    found = parameters_of_file(file)
    known = context.inventory(inventory)
    changed = [
        d.name for d, usual in zip(found.detectors, defaults(), strict=True) if repr(d) != repr(usual)
    ]  # fmt: skip
    nowhere = [] if known is None else found.nowhere(known)
    for_some = [
        {"place": o.place, "value": o.value, "detectors": [d.name for d in o.detectors]}
        for o in found.overrides
    ]
    if as_json:
        print_json({"ok": not nowhere, "changed": changed, "overrides": for_some, "parameters_sha": found.sha})  # fmt: skip
    else:
        rows = [("all", ", ".join(changed))] if changed else []
        rows += [(f"{o['place']} {o['value']}", ", ".join(o["detectors"])) for o in for_some]
        print_table(("for", "detectors with other parameters"), rows)
    if nowhere:
        first = nowhere[0]
        raise Failure(
            f"{file} line {first.line}: no device of the inventory has {first.place} {first.value!r};"
            " correct it, or add the device to the inventory",
            BAD_INPUT,
        )
