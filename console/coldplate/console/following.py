"""Asks the history once a second for incidents, and gives what changed."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from coldplate.console.asking import history_errors
from coldplate.console.context import Context
from coldplate.console.failure import NOT_THERE, Failure
from coldplate.console.reviewing import WATCHED
from coldplate.console.running import stop_on_signals

EVERY_S = 1.0
_SQL = (
    f"SELECT {', '.join(WATCHED)} FROM incidents_now"
    " WHERE state = 'open' OR updated_at > now64(3) - INTERVAL 1 DAY OR id IN %(known)s ORDER BY updated_at, id"
)


def follow(
    context: Context, for_s: float | None, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """Rows of `WATCHED`: the open incidents, then each that changes, until a signal or for so long.

    Parameters
    ----------
    for_s
        None: until a signal comes.
    say
        Is told when the history goes away and comes back: it is asked on.

    Raises
    ------
    Failure
        When it does not answer the first time.
    """
    from coldplate.sinks.client import ClickHouseHistory

    end_s = None if for_s is None else time.monotonic() + for_s
    known: dict[str, tuple[Any, ...]] | None = None
    away = False
    with (
        stop_on_signals() as stop,
        closing(ClickHouseHistory(context.clickhouse("reader"))) as history,
    ):
        while not stop.is_set():
            try:
                with history_errors():
                    _, rows = history.query(_SQL, {"known": list(known or {}) or [""]})
            except Failure as error:
                if known is None or error.exit_code != NOT_THERE:
                    raise
                if not away:
                    say(f"coldplate: {error}; asking on")
                away = True
            else:
                if away:
                    say("coldplate: the history answers again")
                away, first = False, known is None
                before = known or {}
                known = {}
                for row in rows:
                    values = dict(zip(WATCHED, row, strict=True))
                    is_open = values["state"] == "open"
                    changed = before.get(values["id"]) != row
                    if changed and (is_open or not first):
                        yield values
                        sys.stdout.flush()
                    known[values["id"]] = row
            left_s = EVERY_S if end_s is None else min(EVERY_S, end_s - time.monotonic())
            if left_s <= 0 or stop.wait(left_s):
                return
