"""`coldplate web`: the live hall's server over the history, until it is told to stop."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, NOT_THERE, Failure
from coldplate.console.output import print_json
from coldplate.console.reloading import Reloading
from coldplate.console.running import stop_on_signals, write_stats
from coldplate.dashboards.web.options import Options, OptionsError
from coldplate.dashboards.web.ports import Away

if TYPE_CHECKING:
    from coldplate.console.web.hall import HistoryHall


def run(context: Context, given: Mapping[str, Any], *, as_json: bool, stats: str | None) -> None:
    """Serve.

    Parameters
    ----------
    given
        Options that go before the configuration's, by name.

    Raises
    ------
    Failure
        When it cannot be offered so, or no history is named.
    """
    try:
        from coldplate.dashboards.web.app import examine, serve
    except ModuleNotFoundError as error:
        raise Failure(f"{error.name} is missing: install coldplate[dashboards]", NOT_THERE) from None  # fmt: skip
    from coldplate.console.web.answers import HistoryAnswers
    from coldplate.console.web.hall import HistoryHall
    from coldplate.dashboards.web.counts import Counts

    def usable(other: Context) -> None:
        other.clickhouse("reader")
        try:
            examine(options_of(other, given))
        except OptionsError as error:
            raise Failure(str(error), BAD_INPUT) from None

    def tell(url: str) -> None:
        if stats:
            write_stats(Path(stats), {"url": url})
        if as_json:
            print_json({"url": url})
        else:
            click.echo(f"the live hall: {url}   stop: Ctrl-C")

    with Reloading(context, usable) as reloading, stop_on_signals() as stop:
        hall, answers = HistoryHall(context.clickhouse("reader")), HistoryAnswers(context)
        # The inventory of a large hall takes seconds: the first page need not wait for it.
        threading.Thread(target=_warm, args=(hall,), name="warm", daemon=True).start()
        try:
            # It closes both.
            serve(hall, answers, options_of(context, given), stop, tell, Counts(reloads=reloading.counts))  # fmt: skip
        except OptionsError as error:
            raise Failure(str(error), BAD_INPUT) from None


def options_of(context: Context, given: Mapping[str, Any]) -> Options:
    """Of the configuration, but for those that were given."""
    return msgspec.structs.replace(context.config.web, **given)


def _warm(hall: "HistoryHall") -> None:
    with suppress(Away):
        hall.floor()
