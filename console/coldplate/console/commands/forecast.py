"""`coldplate forecast`: on which day a GPU will throttle."""

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json, print_table


@click.command()
@click.argument("subject", required=False, metavar="[GPU|RACK]")
@click.option("--power-w", type=click.FloatRange(1, 10_000), help="Full power of a GPU.  [default: its own power limit]")  # fmt: skip
@click.option("--supply-c", type=click.FloatRange(0, 80), help="Warmest coolant supply to come.  [default: the warmest hour of the rack within a year]")  # fmt: skip
@click.option("--limit-c", type=click.FloatRange(30, 150), help="Where a GPU lowers its clock.  [default: as the device tells]")  # fmt: skip
@click.option("--days", default=60, show_default=True, type=click.IntRange(5, 3650), help="Days behind the trend.")  # fmt: skip
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="Lines of the table.")  # fmt: skip
@json_option
@pass_context
def forecast(
    context: Context, subject: str | None, power_w: float | None, supply_c: float | None,
    limit_c: float | None, days: int, limit: int, as_json: bool,
) -> None:  # fmt: skip
    """Say on which day GPUs will throttle at full power and the warmest supply, the soonest first.

    From the trend of each GPU's thermal resistance, with the ends of its 90 % interval; without a day it stays below its
    limit for ten years. Needs five days on which the GPU drew 200 W or more for an hour.
    """
    from coldplate.console.forecasting import Asked, forecasts
    from coldplate.console.querying import Asking

    asking = Asking(context)
    try:
        if subject is not None:
            asking.check_known("gpu" if "/" in subject else "rack", subject)
        found, unknown = forecasts(asking, Asked(power_w, supply_c, limit_c, days), subject)
    finally:
        asking.close()
    if as_json:
        print_json({"forecasts": found, "too_few_days": unknown})
        return
    columns = (
        "gpu",
        "day",
        "earliest",
        "latest",
        "k_per_w",
        "k_per_w_per_day",
        "power_w",
        "supply_c",
        "limit_c",
    )
    if found:
        print_table(columns, [tuple(f[c] for c in columns) for f in found[:limit]])
    if unknown:
        click.echo(f"{len(unknown)} GPUs have fewer than five days at load, or told no limits")
