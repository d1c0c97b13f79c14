"""Asks the history, and turns what can go wrong into one line for a person."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

from coldplate.console.context import Context, Role
from coldplate.console.failure import BAD_INPUT, NOT_THERE, Failure


@contextmanager
def history_errors() -> Iterator[None]:
    """ClickHouse away or refusing becomes a `Failure`."""
    from coldplate.sinks.errors import HistoryDown, HistoryRefused, HistoryShut

    try:
        yield
    except HistoryShut as error:
        raise Failure(str(error), NOT_THERE) from None
    except HistoryDown as error:
        raise Failure(
            f"{error}; is it running? `coldplate up` starts a local one", NOT_THERE
        ) from None
    except HistoryRefused as error:
        raise Failure(str(error), BAD_INPUT) from None


def ask(
    context: Context, sql: str, parameters: Mapping[str, Any] | None = None, role: Role = "reader"
) -> tuple[list[str], Sequence[tuple[Any, ...]]]:
    """Column names and rows of a query."""
    from coldplate.sinks.client import ClickHouseHistory

    with history_errors(), closing(ClickHouseHistory(context.clickhouse(role))) as history:
        return history.query(sql, parameters)
