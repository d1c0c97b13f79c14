"""Connections to the history, handed to one caller at a time; what goes wrong is said in the page's words."""

import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from coldplate.dashboards.web.ports import Away
from coldplate.sinks.client import Client
from coldplate.sinks.errors import HistoryError
from coldplate.sinks.settings import ClickHouseSettings

CONNECT_S, ANSWER_S = 3.0, 20.0


class Closing(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """Let go."""


T = TypeVar("T", bound=Closing)


class Connections(Generic[T]):
    """As many of something as are used at the same time, made when needed.

    Parameters
    ----------
    make
        Makes one.
    most
        So many are kept; who comes beyond waits.
    """

    def __init__(self, make: Callable[[], T], most: int) -> None:
        self._make = make
        self._places: queue.LifoQueue[T | None] = queue.LifoQueue(most)
        for _ in range(most):
            self._places.put(None)

    @contextmanager
    def one(self) -> Iterator[T]:
        """One that nobody else uses meanwhile."""
        found = self._places.get()
        try:
            if found is None:
                found = self._make()
            yield found
        finally:
            self._places.put(found)

    def close(self) -> None:
        """Close those that nobody uses."""
        for _ in range(self._places.maxsize):
            try:
                found = self._places.get_nowait()
            except queue.Empty:
                return
            if found is not None:
                found.close()


class Ask:
    """A connection of the reader's, with its refusals as `Away`.

    Parameters
    ----------
    settings
        Where.
    """

    def __init__(self, settings: ClickHouseSettings) -> None:
        self._client = Client(settings, connect_s=CONNECT_S, answer_s=ANSWER_S)

    def arrays(self, sql: str) -> dict[str, NDArray[Any]]:
        """Columns of numbers, as they lie in memory.

        Raises
        ------
        Away
        """
        with _away():
            return {n: np.asarray(c) for n, c in self._client.columns(sql).items()}

    def rows(
        self, sql: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[tuple[Any, ...]]:
        """Rows of anything.

        Raises
        ------
        Away
        """
        with _away():
            return self._client.query(sql, parameters)[1]

    def named(
        self, sql: str, parameters: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Rows by their columns' names.

        Raises
        ------
        Away
        """
        with _away():
            names, rows = self._client.query(sql, parameters)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def close(self) -> None:
        """Drop the connection."""
        self._client.close()


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except HistoryError as error:
        raise Away(str(error)) from None
