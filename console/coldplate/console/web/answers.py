"""`Answers` over ClickHouse: what commands print with `--json`, by the code of these commands."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from coldplate.console.bringup.plan import load_plan, site_of
from coldplate.console.bringup.telling import told as told_board
from coldplate.console.bringup.watching import Watch
from coldplate.console.context import Context
from coldplate.console.explaining import explain
from coldplate.console.failure import NOT_THERE, Failure
from coldplate.console.live import picture as live
from coldplate.console.live.history import History
from coldplate.console.looking import Looking
from coldplate.console.output import plain
from coldplate.console.querying import Asking, Limits
from coldplate.console.reviewing import LISTED, Filter, listing
from coldplate.console.web.connections import Connections
from coldplate.console.web.traces import power_of, resistance_of
from coldplate.dashboards.web.ports import Away, NotThere

AT_ONCE = 4
"""As many threads as the server answers with."""

SECONDS = 20
"""A question may take so long: a page waits for it."""

HALL_S, BOARD_S = 1.0, 1.0
"""For so long all who ask get the same picture of the hall, and of its bring-up."""

T = TypeVar("T")


class HistoryAnswers:
    """See `coldplate.dashboards.web.ports.Answers`.

    Parameters
    ----------
    context
        How the history is reached, and by which parameters detectors judge.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._askings = Connections(lambda: Asking(context, limits=Limits(SECONDS)), AT_ONCE)
        self._live = History(context.clickhouse("reader"))
        self._lock = threading.Lock()
        self._hall: Mapping[str, Any] = {}
        self._hall_s = 0.0
        self._board_lock = threading.Lock()
        self._board: Mapping[str, Any] = {}
        self._board_s = 0.0
        self._watching: tuple[Watch, Asking] | None = None

    def hall(self) -> Mapping[str, Any]:
        """All racks now."""
        with self._lock:
            if time.monotonic() >= self._hall_s:
                try:
                    self._hall = _told(self._live.hall().as_json())
                except live.Away as error:
                    raise Away(str(error)) from None
                self._hall_s = time.monotonic() + HALL_S
            return self._hall

    def board(self) -> Mapping[str, Any]:
        """The bring-up now."""
        with self._board_lock:
            if time.monotonic() >= self._board_s:
                with _failures():
                    self._board = _told(told_board(self._watch().look()))
                self._board_s = time.monotonic() + BOARD_S
            return self._board

    def rack(self, rack: str, at_ms: int | None) -> Mapping[str, Any]:
        """One with all that is in it."""
        return self._answer(lambda asking: Looking(asking, at_ms).rack(rack).told())

    def gpu(self, gpu: str, at_ms: int | None) -> Mapping[str, Any]:
        """One with its neighbours."""
        return self._answer(lambda asking: Looking(asking, at_ms).gpu(gpu).told())

    def incidents(self, state: str, limit: int) -> Mapping[str, Any]:
        """Open ones first, the worst and newest first."""
        which = Filter(opened=state != "closed", closed=state != "open")

        def told(asking: Asking) -> dict[str, Any]:
            sql, parameters = listing(which, limit)
            rows = asking.query(sql, parameters).rows
            return {"incidents": [dict(zip(LISTED, row, strict=True)) for row in rows]}

        return self._answer(told)

    def why(self, incident: str) -> Mapping[str, Any]:
        """How an incident came about."""
        return self._answer(lambda asking: explain(self._context, asking, incident).told())

    def power(self, rack: str, begin_ms: int, end_ms: int, steps: int) -> Mapping[str, Any]:
        """Of a rack over time."""
        return self._answer(lambda asking: power_of(asking, rack, begin_ms, end_ms, steps).told())

    def resistance(self, gpu: str, begin_ms: int, end_ms: int, steps: int) -> Mapping[str, Any]:
        """Of a GPU over time."""
        return self._answer(lambda asking: resistance_of(asking, gpu, begin_ms, end_ms, steps).told())  # fmt: skip

    def close(self) -> None:
        """Drop the connections."""
        self._askings.close()
        self._live.close()
        if self._watching is not None:
            watch, asking = self._watching
            watch.close()
            asking.close()

    def _watch(self) -> Watch:
        """Of the bring-up; it follows what is new, with a connection of its own."""
        if self._watching is None:
            asking = Asking(self._context, limits=Limits(SECONDS))
            plan = load_plan(site_of(self._context))
            self._watching = (Watch(lambda sql, given: asking.query(sql, given).rows, plan), asking)
        return self._watching[0]

    def _answer(self, told: Callable[[Asking], dict[str, Any]]) -> Mapping[str, Any]:
        with _failures(), self._askings.one() as asking:
            return _told(told(asking))


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except Failure as error:
        raise (Away if error.exit_code == NOT_THERE else NotThere)(str(error)) from None


def _told(value: dict[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = plain(value)
    return found
