"""`coldplate plan`: when a bring-up will be over, by the plan alone."""

from pathlib import Path
from typing import Any

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json, print_table


@click.command()
@click.option("--days", type=click.FloatRange(0.1, 1000), help="From the first rack on the floor until all are accepted.  [default: the file's, or 19]")  # fmt: skip
@click.option("--racks", type=click.IntRange(1, 100_000), help="How many.  [default: the file's, or 1563]")  # fmt: skip
@click.option("--site", "site_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE", help="The site's plan (TOML, [plan]).  [default: `site` of the configuration, or the estimates of docs/board.md]")  # fmt: skip
@click.option("--with", "whats", multiple=True, metavar="NAME=CHANGE", help="What if: flushing-skid=+1, spares=-50%, delivery=+10%, burn-in.hours=50; may be given again.")  # fmt: skip
@click.option("--runs", default=300, show_default=True, type=click.IntRange(10, 10_000), help="Bring-ups that are drawn.")  # fmt: skip
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Of all that is drawn.")  # fmt: skip
@json_option
@pass_context
def plan(
    context: Context, days: float | None, racks: int | None, site_file: Path | None, whats: tuple[str, ...], runs: int, seed: int, as_json: bool
) -> None:  # fmt: skip
    """Say on which day a bring-up will be over, what holds it up, and what more of something would bring.

    Monte Carlo of the plan: crews, skids, power for racks under test, spares, failures and rework. `coldplate board`
    does the same for a hall that is on its way, from what was measured there.

    \b
    coldplate plan --days 19 --racks 1563
    coldplate plan --site site.toml --with flushing-skid=+1 --with spares=-50%
    """  # noqa: D301  \b is click's
    from coldplate.console.benching.progress import Progress
    from coldplate.console.bringup.forecast import forecast
    from coldplate.console.bringup.plan import load_plan, site_of
    from coldplate.console.bringup.whatif import changed

    given = changed(load_plan(site_of(context, site_file), days=days, racks=racks), whats)
    with Progress() as progress:
        found = forecast(given, runs=runs, seed=seed, tell=progress.show)
    told: dict[str, Any] = found.told() | {
        "days": given.days, "racks": given.racks, "gpus": given.racks * given.gpus_per_rack, "with": list(whats),
        "runs": runs, "seed": seed, "assumptions": _assumptions(given),
    }  # fmt: skip
    if as_json:
        print_json(told)
        return
    click.echo(f"{given.racks} racks in {given.days:g} days: one per {given.pace_minutes:.1f} min, delivered one per {given.between_minutes:.1f} min")  # fmt: skip
    click.echo(f"finish: day {told['finish_p50_day']:.1f} (50 %), day {told['finish_p90_day']:.1f} (90 %)")  # fmt: skip
    click.echo(f"bottleneck: {found.bottleneck or 'none: one unit more of anything changes little'}")  # fmt: skip
    rows = [(s.change, round(s.finish_p50_day, 1), round(s.gain_days, 1)) for s in found.sensitivities]  # fmt: skip
    print_table(("what if", "finish day", "days won"), rows)
    by_day = zip(told["gpus_by_day"], told["gpus_by_day_p10"], told["gpus_by_day_p90"], strict=True)
    print_table(("day", "GPUs", "10 %", "90 %"), [(n, *row) for n, row in enumerate(by_day, 1)])


def _assumptions(plan: Any) -> dict[str, Any]:
    from msgspec import to_builtins

    told: dict[str, Any] = to_builtins(plan)
    return told | {
        "pace_minutes": round(plan.pace_minutes, 2), "delivery_minutes": round(plan.between_minutes, 2),
        "way_days": round(plan.way_days, 2),
    }  # fmt: skip
