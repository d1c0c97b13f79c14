"""`coldplate backtest`: what other parameters would have paged, on stored history."""

from pathlib import Path

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import json_option, print_json

ANSWER_S = 600.0
"""A window of a large hall may be read from a slow disk."""

QUIET_S = 2.0
"""Whoever has the answer within this needs no progress."""


@click.command()
@click.option("--from", "begin", required=True, metavar="TIME", help="2026-11-27T14:30:00Z, 2026-11-27 14:30 (UTC), or -7d.")  # fmt: skip
@click.option("--to", "end", default="now", show_default=True, metavar="TIME", help="Likewise; left out itself.")  # fmt: skip
@click.option("--set", "given", multiple=True, metavar="DETECTOR.PARAMETER=VALUE", help="Proposed for all devices; more than once for several.")  # fmt: skip
@click.option("--parameters", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE", help="Proposed file of parameters.  [default: the configured one]")  # fmt: skip
@click.option("--racks", multiple=True, metavar="RACK[,RACK]", help="Of these racks only.  [default: all]")  # fmt: skip
@click.option("--warmup", "warmup_s", default=600.0, show_default=True, type=click.FloatRange(0, 30 * 86_400), metavar="SECONDS", help="So much before --from is run first and does not count.")  # fmt: skip
@click.option("--baselines/--no-baselines", default=True, show_default=True, help="Begin with what detectors had learnt, or with nothing.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Leave incidents and matching of both there, as JSON lines.")  # fmt: skip
@json_option
@pass_context
def backtest(
    context: Context, begin: str, end: str, given: tuple[str, ...], parameters: Path | None,
    racks: tuple[str, ...], warmup_s: float, baselines: bool, out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Run stored samples and events through detection again, with the current parameters and with proposed ones.

    Both are held against the incidents that are stored and what people marked them as. Nothing is written to the history.

    \b
    coldplate backtest --from -7d --set thermal-path.limit_k=2.0
    coldplate backtest --from 2026-11-01 --to 2026-11-08 --parameters proposed.toml --racks rack-0003 --json
    """  # noqa: D301  \b is click's
    import time

    from coldplate.console.asking import history_errors
    from coldplate.console.backtesting.proposed import proposed_parameters
    from coldplate.console.backtesting.run import Asked, Settings
    from coldplate.console.backtesting.run import backtest as run
    from coldplate.console.backtesting.shown import show
    from coldplate.console.benching.progress import Progress
    from coldplate.console.moments import span
    from coldplate.sinks.client import Client

    first, last = span(begin, end)
    current = context.parameters()
    configured = context.config.worker.parameters
    base = parameters or (Path(configured) if configured else None)
    # By itself first: what is wrong with a file is told with its line.
    proposed = current if parameters is None else context.parameters(str(parameters))
    if given:
        proposed = proposed_parameters(base, given)
    named = tuple(name for words in racks for name in words.split(",") if name)
    asked = Asked(first, last, warmup_s, named, baselines)
    began_s = time.monotonic()
    with Progress() as progress, history_errors():

        def tell(share: float) -> None:
            if time.monotonic() - began_s > QUIET_S:
                progress.show(f"{share:.0%} of the history judged", share)

        try:
            with Client(context.clickhouse("reader"), answer_s=ANSWER_S) as client:
                result = run(
                    client, context.config.cluster, asked, Settings(current, proposed),
                    listed=context.inventory(), out=out, tell=tell,
                )  # fmt: skip
        except OSError as error:
            if out is None:
                raise
            raise Failure(f"--out {out}: {error.strerror or error}", BAD_INPUT) from None
    if as_json:
        print_json(result)
    else:
        show(result)
