"""Fetches the local servers with a bar a download, and turns what the stack can fail with into one line for a person."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from coldplate.console.context import Context
from coldplate.console.failure import Failure

if TYPE_CHECKING:
    from coldplate.console.stack.cache import Cache


@contextmanager
def stack_errors() -> Iterator[None]:
    """What the local stack fails with becomes a `Failure`."""
    from coldplate.console.stack.errors import StackError

    try:
        yield
    except StackError as error:
        raise Failure(str(error)) from None


def fetch_with_progress(context: Context) -> list[str]:
    """Fetch what the local stack of this configuration lacks; names of what was fetched.

    Bars on a terminal, otherwise one line at the start; nothing when all is there.

    Raises
    ------
    Failure
        With what could not be fetched, why, and what to do.
    """
    from coldplate.console.stack.cache import Cache
    from coldplate.console.stack.fetch import fetch_all, needed

    config, cache = context.config, Cache.default()
    if config.kafka.brokers and config.clickhouse.url:
        return []
    missing = needed(cache)
    if not missing:
        return []
    with stack_errors():
        if not sys.stderr.isatty():
            sizes = ", ".join(f"{name} ({size / 1e6:.0f} MB)" for name, size in missing.items())
            sys.stderr.write(f"fetching {sizes} into {cache.root}\n")
            fetch_all(cache)
        else:
            _with_bars(cache, missing)
    return list(missing)


def _with_bars(cache: "Cache", missing: dict[str, int]) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from coldplate.console.stack.fetch import fetch_all

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {name: bars.add_task(name, total=size) for name, size in missing.items()}
        fetch_all(cache, lambda name, came, _: bars.update(tasks[name], completed=came))
